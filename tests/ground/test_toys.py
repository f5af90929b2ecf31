"""Toys: the closed form of each shape, the noise, balance, repeatability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data


@pytest.mark.parametrize("name", data.TOYS)
@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
def test_toy_groups_are_balanced_and_repeatable(name, n, seed):
    X, y = data.toy(name, n, random_state=seed)
    again, _ = data.toy(name, n, random_state=seed)
    assert np.array_equal(X, again)
    assert X.shape == (n, 2)
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    sizes = np.bincount(y, minlength=data.TOYS[name][0])
    assert sizes.max() - sizes.min() <= 1


def test_toy_shapes_without_noise():
    """The closed form of each shape, as the docstring's table states it."""
    X, y = data.toy("rings", 500, noise=0, random_state=0)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 0, 0.5, 1.0))
    X, y = data.toy("moons", 500, noise=0, random_state=0)
    from_centre = X - np.where(y[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.hypot(*from_centre.T), 1)
    assert ((from_centre[:, 1] >= 0) == (y == 0)).all()
    X, y = data.toy("spiral", 500, noise=0, random_state=0)
    turn = np.angle(np.exp(1j * (np.arctan2(X[:, 1], X[:, 0]) - np.pi * y)))
    expected = np.angle(np.exp(1j * 2 * np.pi * np.hypot(*X.T) * 0.75))
    np.testing.assert_allclose(np.exp(1j * turn), np.exp(1j * expected))
    radius = np.hypot(*X.T)
    assert 1.98 < radius.max() <= 2
    assert abs(np.median(radius**2) - 2.04) < 0.3, "equally dense along the arm"
    X, _ = data.toy("checkerboard", 500, noise=0, random_state=0)
    assert (np.floor(X).sum(axis=1) % 2 == 0).all()
    assert len(np.unique(np.floor(X), axis=0)) == 8
    assert np.abs(X).max() <= 2
    X, y = data.toy("eight_gaussians", 500, noise=0, random_state=0)
    np.testing.assert_allclose(
        X, 2 * np.column_stack([np.cos(np.pi * y / 4), np.sin(np.pi * y / 4)])
    )
    assert len(np.unique(data.toy("blobs", 500, noise=0)[0], axis=0)) == 3


@pytest.mark.parametrize("name", data.TOYS)
def test_toy_noise_is_a_standard_deviation(name):
    clean, _ = data.toy(name, 20_000, noise=0, random_state=0)
    noisy, _ = data.toy(name, 20_000, noise=0.3, random_state=0)
    assert abs((noisy - clean).std() - 0.3) < 5 * 0.3 / np.sqrt(2 * 40_000)


def test_random_state_may_be_a_generator_and_the_global_one_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    rng = np.random.RandomState(0)
    first, _ = data.toy("blobs", 10, random_state=rng)
    second, _ = data.toy("blobs", 10, random_state=rng)
    assert not np.array_equal(first, second)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.toy("bananas", 10), "name='bananas'.*'moons'"),
        (lambda: data.toy("moons", 0), "n=0 must be an integer of at least 1"),
        (lambda: data.toy("moons", 5, noise=-1), "noise=-1 must be a number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
