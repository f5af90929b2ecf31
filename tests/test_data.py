"""The data sets of companion.data: shapes, ranges, the promised split, repeatability, errors."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split

from companion import data


def test_digits_are_the_split_of_the_design():
    x_train, y_train, x_test, y_test = data.digits()
    bunch = load_digits()
    expected = train_test_split(
        bunch.data, bunch.target, test_size=360, random_state=0, stratify=bunch.target
    )
    for mine, theirs in zip((x_train, x_test, y_train, y_test), expected, strict=True):
        assert np.array_equal(mine.reshape(theirs.shape), theirs)
    assert x_train.shape == (1437, 1, 8, 8)
    assert x_test.shape == (360, 1, 8, 8)
    assert x_train.dtype == x_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.array_equal(np.unique(x_train), np.arange(17))


def test_photos_are_scikit_learns():
    images = data.photos()
    assert list(images) == ["china", "flower"]
    for name, image in images.items():
        assert image.dtype == np.uint8
        assert np.array_equal(image, load_sample_image(f"{name}.jpg"))
        image[0, 0, 0] ^= 1  # writable, and the next call is not affected
    assert np.array_equal(data.photos()["china"], load_sample_image("china.jpg"))


@pytest.mark.parametrize("photo", ["china", "flower"])
def test_a_patch_is_a_piece_of_its_photo(photo):
    image = data.photos()[photo] / 255
    for patch in data.patches(3, 20, color=True, photo=photo, random_state=3):
        corner = np.argwhere((image[:408, :621] == patch[0, 0]).all(axis=2))
        assert any(np.array_equal(image[i : i + 20, j : j + 20], patch) for i, j in corner)


def test_grey_patches_are_the_luma_of_colour_patches():
    color = data.patches(40, 9, color=True, random_state=1)
    grey = data.patches(40, 9, random_state=1)
    np.testing.assert_allclose(grey, color @ [0.299, 0.587, 0.114], atol=1e-12)
    assert color.shape == (40, 9, 9, 3)
    assert grey.shape == (40, 9, 9)
    assert grey.dtype == np.float64
    assert color.min() >= 0
    assert color.max() <= 1


def test_patches_reach_the_last_row_and_column():
    class Largest(np.random.RandomState):
        def randint(self, high, size):
            return np.full(size, high - 1)

    patch = data.patches(1, 5, color=True, random_state=Largest())[0]
    assert np.array_equal(patch, data.photos()["flower"][-5:, -5:] / 255)


def test_text_is_the_committed_one():
    text = data.text()
    assert len(text) == 465_048
    assert len(text.split("\f")) == 79
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "aadb8a9df0d70a46c3ddaa6ede1122e835fd9eed573868228d396aeb80c05551"
    assert data.text.__doc__.count("PSF") == 1


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
    data.patches(5, 8, random_state=rng)
    assert not np.array_equal(first, second)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.toy("bananas", 10), "name='bananas'.*'moons'"),
        (lambda: data.toy("moons", 0), "n=0 must be an integer of at least 1"),
        (lambda: data.toy("moons", 5, noise=-1), "noise=-1 must be a number"),
        (lambda: data.patches(0, 8), "n=0"),
        (lambda: data.patches(3, 428), "size=428.*427 pixels high"),
        (lambda: data.patches(3, 8, photo="cat"), "photo='cat'.*'china', 'flower'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
