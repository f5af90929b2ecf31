"""Perplexity and neighbour probabilities against SciPy's root finder and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.distance import pdist, squareform
from scipy.stats import entropy
from sklearn.manifold import _t_sne, _utils

from companion.embedding import affinities
from companion.embedding.affinities import (
    calibrate,
    conditional_probabilities,
    gaussian_shares,
    joint_probabilities,
    perplexity_of,
)


def points(n=120, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_perplexity_of_equals_and_of_certainty():
    np.testing.assert_allclose(perplexity_of([[0.25] * 4, [1, 0, 0, 0]]), [4, 1])
    rows = np.random.default_rng(0).dirichlet(np.ones(7), size=5)
    np.testing.assert_allclose(perplexity_of(rows), np.exp(entropy(rows.T)))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(3, 60),
    share=st.floats(0.02, 0.98),
    scale=st.floats(-6, 6),
)
def test_calibrate_against_a_root_finder(seed, k, share, scale):
    """`eq-neighbors-perplexity`, at any scale of the distances."""
    d2 = np.random.default_rng(seed).gamma(2, size=(4, k)) * 10.0**scale
    perplexity = 1 + share * (k - 1)
    mine = calibrate(d2, perplexity)
    np.testing.assert_allclose(perplexity_of(gaussian_shares(d2, mine)), perplexity, rtol=1e-7)

    def gap(log_precision, row):
        return perplexity_of(gaussian_shares(row[None], np.exp([log_precision])))[0] - perplexity

    for row, precision in zip(d2, mine, strict=True):
        middle = -np.log(row.mean())
        root = brentq(gap, middle - 25, middle + 25, args=(row,), xtol=1e-12)
        np.testing.assert_allclose(np.log(precision), root, atol=1e-5)


def test_newton_needs_few_steps(monkeypatch):
    """Halving alone would leave an error of a per mille or more."""
    monkeypatch.setattr(affinities, "MAX_STEPS", 12)
    d2 = pdist(points(), "sqeuclidean")[:7000].reshape(70, 100)
    reached = perplexity_of(gaussian_shares(d2, calibrate(d2, 20)))
    np.testing.assert_allclose(reached, 20, rtol=1e-6)


def test_calibrate_against_scikit_learn():
    d2 = squareform(pdist(points(), "sqeuclidean")).astype(np.float32)
    theirs = _utils._binary_search_perplexity(d2, 20.0, 0)
    others = ~np.eye(len(d2), dtype=bool)
    rows = d2[others].reshape(len(d2), -1)
    mine = gaussian_shares(rows, calibrate(rows, 20))
    np.testing.assert_allclose(mine.ravel(), theirs[others], rtol=1e-4, atol=2e-6)


def test_joint_probabilities_are_scikit_learns():
    """`eq-neighbors-joint`."""
    X = points()
    theirs = squareform(_t_sne._joint_probabilities(squareform(pdist(X, "sqeuclidean")), 20, 0))
    mine = joint_probabilities(conditional_probabilities(X, 20, n_neighbors=len(X) - 1))
    np.testing.assert_allclose(mine.toarray(), theirs, atol=1e-7)


def test_properties_of_the_probabilities():
    X = points(200, 3)
    conditional = conditional_probabilities(X, 10)
    np.testing.assert_allclose(conditional.sum(axis=1), 1)
    assert (np.diff(conditional.indptr) == 31).all()
    assert conditional.diagonal().max() == 0
    joint = joint_probabilities(conditional)
    assert abs(joint - joint.T).max() < 1e-15
    np.testing.assert_allclose(joint.sum(), 1)
    assert joint.sum(axis=1).min() >= 1 / (2 * len(X)) - 1e-15


def test_an_outlier_keeps_its_mass():
    """Section "From the sources": one width for all and one sum over all pairs forgets it."""
    X = np.vstack([points(100, 2), [[40.0, 0.0]]])
    d2 = squareform(pdist(X, "sqeuclidean"))
    kernel = np.exp(-d2 / 2) - np.eye(len(X))
    assert (kernel / kernel.sum())[-1].sum() < 1e-100
    assert joint_probabilities(conditional_probabilities(X, 10))[[-1]].sum() >= 1 / (2 * len(X))


def test_ties_for_the_nearest_do_not_loop_for_ever():
    d2 = np.array([[0.0, 0.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    shares = gaussian_shares(d2, calibrate(d2, 2))
    np.testing.assert_allclose(shares[0], [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-12)
    np.testing.assert_allclose(shares[1], 0.25)


@pytest.mark.parametrize("perplexity", [1, 119, 500, "30", np.nan])
def test_bad_perplexity(perplexity):
    with pytest.raises(ValueError, match=r"perplexity=.*must be a number in .*lower it"):
        conditional_probabilities(points(), perplexity)


def test_too_few_neighbors():
    with pytest.raises(ValueError, match="n_neighbors=5 must be an integer of at least 31"):
        conditional_probabilities(points(), 30, n_neighbors=5)
    with pytest.raises(ValueError, match="perplexity=6"):
        calibrate(np.ones((2, 5)), 6)
