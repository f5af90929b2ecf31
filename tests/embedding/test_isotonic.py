"""Monotone regression against scikit-learn, SciPy and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn import isotonic

from companion.embedding.isotonic import pool_one_by_one, rank_levels
from companion.embedding.mds import isotonic_disparities, pool_adjacent_violators

SEEDS = st.integers(0, 10**6)


def draw(seed, n):
    rng = np.random.default_rng(seed)
    kind = rng.integers(3)
    y = rng.normal(size=n).cumsum() if kind == 0 else rng.normal(size=n)
    return (y.round() if kind == 1 else y), rng.uniform(0.1, 3, size=n)


@settings(deadline=None, max_examples=100)
@given(seed=SEEDS, n=st.integers(1, 80))
def test_equals_scikit_learn_and_scipy(seed, n):
    """`eq-stress-isotonic`, with weights and with ties."""
    y, w = draw(seed, n)
    ours = pool_adjacent_violators(y, w)
    np.testing.assert_allclose(ours, isotonic.isotonic_regression(y, sample_weight=w), atol=1e-12)
    np.testing.assert_allclose(ours, optimize.isotonic_regression(y, weights=w).x, atol=1e-12)
    np.testing.assert_allclose(
        pool_adjacent_violators(y), optimize.isotonic_regression(y).x, atol=1e-12
    )


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, n=st.integers(1, 60))
def test_the_loop_finds_the_blocks_of_the_rounds(seed, n):
    """The short loop that the chapter shows, against SciPy and against whole runs at once."""
    y, w = draw(seed, n)
    means, weights, counts = pool_one_by_one(y, w)
    np.testing.assert_allclose(np.repeat(means, counts), pool_adjacent_violators(y, w), atol=1e-12)
    np.testing.assert_allclose(weights.sum(), w.sum())
    assert (np.diff(means) >= 0).all()


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, n=st.integers(1, 5))
def test_min_max_formula(seed, n):
    """max over starts of the min over ends of the mean between: brute force, a theorem."""
    y, w = draw(seed, n)
    mean = lambda a, b: np.average(y[a : b + 1], weights=w[a : b + 1])  # noqa: E731
    brute = [max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]
    np.testing.assert_allclose(pool_adjacent_violators(y, w), brute, atol=1e-12)


@pytest.mark.parametrize(
    "y", [np.arange(400.0), -np.arange(400.0), np.append(np.arange(400.0), -1e6), np.zeros(9)]
)
def test_long_runs_and_one_late_violator(y):
    """The last needs one block at a time: each merge makes the next."""
    np.testing.assert_allclose(pool_adjacent_violators(y), optimize.isotonic_regression(y).x)


def test_large_and_noisy():
    y = np.random.default_rng(0).normal(size=20_000) + np.linspace(0, 9, 20_000)
    np.testing.assert_allclose(pool_adjacent_violators(y), isotonic.isotonic_regression(y))


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, n=st.integers(2, 40), n_values=st.integers(1, 20))
def test_disparities_with_ties_as_scikit_learn(seed, n, n_values):
    """Equal dissimilarities share a disparity: the secondary treatment."""
    rng = np.random.default_rng(seed)
    distances, dissimilarities = rng.uniform(size=n), rng.integers(n_values, size=n).astype(float)
    reference = isotonic.IsotonicRegression().fit_transform(dissimilarities, distances)
    ours = isotonic_disparities(distances, dissimilarities)
    np.testing.assert_allclose(ours, reference, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_only_the_order_matters(seed):
    rng = np.random.default_rng(seed)
    distances, given_ones = rng.uniform(size=30), rng.integers(1, 12, size=30).astype(float)
    reference = isotonic_disparities(distances, given_ones)
    for change in (np.log, np.exp, lambda x: x**3 - 7, lambda x: -1 / x):
        np.testing.assert_array_equal(
            isotonic_disparities(distances, change(given_ones)), reference
        )


def test_perfect_order_is_left_alone():
    distances = np.array([1.0, 2.0, 5.0])
    np.testing.assert_array_equal(isotonic_disparities(distances, [7, 8, 9]), distances)


def test_rank_levels():
    np.testing.assert_array_equal(rank_levels([0.5, 9.0, 0.5, 2.0]), [0, 2, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one"),
        (([[1.0, 2.0]],), "one of each for every place"),
        (([1.0, 2.0], [1.0]), r"shapes \(2,\) and \(1,\)"),
        (([1.0, np.nan],), "NaN"),
        (([1.0, 2.0], [1.0, 0.0]), "weight of 0 or less: remove"),
    ],
)
def test_bad_sequences_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pool_adjacent_violators(*arguments)


def test_bad_pairs_are_named():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\).*one entry a pair"):
        isotonic_disparities([1, 2], [1, 2, 3])
