"""Mixtures with gaps: marginals in SciPy, the closed form for one Gaussian, and theorems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from companion.clustering.gaussians import precision_factors
from companion.clustering.missing import (
    e_step_with_gaps,
    fill_gaps,
    impute,
    m_step_with_gaps,
    patterns,
    regress_gaps,
)
from companion.clustering.mixtures import e_step, m_step


def mixture(rng, k, d):
    roots = rng.normal(size=(k, d, d + 2))
    covariances = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    return rng.dirichlet(np.full(k, 3.0)), rng.normal(size=(k, d)), covariances


def with_gaps(rng, n, d, share=0.3):
    X = rng.normal(size=(n, d)) * 2
    X[rng.uniform(size=(n, d)) < share] = np.nan
    return X


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 3), d=st.integers(1, 4))
def test_what_is_seen_has_the_density_of_a_marginal(seed, k, d):
    """Section "Points with gaps": the responsibilities come from the marginal densities."""
    rng = np.random.default_rng(seed)
    weights, means, covariances = mixture(rng, k, d)
    X = with_gaps(rng, 15, d)
    log_likelihood, shares = e_step_with_gaps(X, weights, means, covariances)
    for row, log_p, share in zip(X, log_likelihood, shares, strict=True):
        seen = ~np.isnan(row)
        joint = np.array(
            [
                w * (multivariate_normal(m[seen], C[np.ix_(seen, seen)]).pdf(row[seen])
                     if seen.any() else 1.0)
                for w, m, C in zip(weights, means, covariances, strict=True)
            ]
        )  # fmt: skip
        np.testing.assert_allclose(log_p, np.log(joint.sum()), atol=1e-9)
        np.testing.assert_allclose(share, joint / joint.sum(), atol=1e-9)


def test_without_gaps_both_steps_are_those_of_the_mixture():
    rng = np.random.default_rng(0)
    weights, means, covariances = mixture(rng, 3, 4)
    X = rng.normal(size=(50, 4))
    ours = e_step_with_gaps(X, weights, means, covariances)
    theirs = e_step(X, weights, means, precision_factors(covariances))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
    ours = m_step_with_gaps(X, ours[1], means, covariances, 0.01)
    for a, b in zip(ours, m_step(X, theirs[1], reg_covar=0.01), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


def test_one_gaussian_has_anderson_s_closed_form():
    """If only the second column has gaps: moments of the first, and a regression on whole rows."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]) + [1.0, -2.0]
    X[rng.uniform(size=200) < 0.4, 1] = np.nan
    whole = X[~np.isnan(X[:, 1])]
    slope, intercept = np.polyfit(*whole.T, 1)
    rest = np.mean((whole[:, 1] - slope * whole[:, 0] - intercept) ** 2)
    mean, variance = X[:, 0].mean(), X[:, 0].var()
    weights, means, covariances = np.ones(1), np.zeros((1, 2)), np.eye(2)[None]
    for _ in range(300):
        shares = e_step_with_gaps(X, weights, means, covariances)[1]
        weights, means, covariances = m_step_with_gaps(X, shares, means, covariances, 0)
    np.testing.assert_allclose(means[0], [mean, slope * mean + intercept], atol=1e-8)
    wanted = [
        [variance, slope * variance],
        [slope * variance, rest + slope**2 * variance],
    ]
    np.testing.assert_allclose(covariances[0], wanted, atol=1e-8)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 3))
def test_the_likelihood_never_falls(seed, k):
    rng = np.random.default_rng(seed)
    parameters = mixture(rng, k, 3)
    X, path = with_gaps(rng, 80, 3), []
    for _ in range(15):
        log_likelihood, shares = e_step_with_gaps(X, *parameters)
        path.append(log_likelihood.mean())
        parameters = m_step_with_gaps(X, shares, *parameters[1:], 0)
    assert np.diff(path).min() > -1e-10


def test_gaps_are_filled_by_regression_and_what_is_seen_stays():
    """A gap's mean and variance, from the precision matrix: another formula for the same."""
    rng = np.random.default_rng(2)
    _, (mean,), (covariance,) = mixture(rng, 1, 4)
    X = with_gaps(rng, 30, 4)
    filled, precision = fill_gaps(X, mean, covariance), np.linalg.inv(covariance)
    for seen, rows in patterns(X):
        inside = precision[np.ix_(~seen, ~seen)]
        R, rest = regress_gaps(covariance, seen)
        np.testing.assert_allclose(rest @ inside, np.eye((~seen).sum()), atol=1e-9)
        np.testing.assert_allclose(-inside @ R, precision[np.ix_(~seen, seen)], atol=1e-8)
        np.testing.assert_array_equal(filled[np.ix_(rows, seen)], X[np.ix_(rows, seen)])
    assert sorted(np.concatenate([rows for _, rows in patterns(X)])) == list(range(30))
    assert not np.isnan(filled).any()


def test_the_mixture_fills_with_the_mean_given_what_is_seen():
    """Two upright Gaussians: the second coordinate is the shares' mean of the two centres."""
    means, covariances = np.array([[-1.0, 5.0], [1.0, 9.0]]), np.tile(np.eye(2), (2, 1, 1))
    filled = impute(np.array([[0.0, np.nan], [1.0, np.nan]]), np.full(2, 0.5), means, covariances)
    odds = np.exp(2.0)
    np.testing.assert_allclose(filled[:, 1], [7, (5 + 9 * odds) / (1 + odds)], atol=1e-12)


def test_the_input_stays():
    X = with_gaps(np.random.default_rng(0), 20, 3)
    before = X.copy()
    parameters = mixture(np.random.default_rng(1), 2, 3)
    m_step_with_gaps(X, e_step_with_gaps(X, *parameters)[1], *parameters[1:])
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("d", [1, 2])
def test_a_row_without_anything_is_shared_out_by_the_weights(d):
    parameters = mixture(np.random.default_rng(0), 2, d)
    log_likelihood, shares = e_step_with_gaps(np.full((1, d), np.nan), *parameters)
    np.testing.assert_allclose(log_likelihood, 0, atol=1e-12)
    np.testing.assert_allclose(shares[0], parameters[0])
