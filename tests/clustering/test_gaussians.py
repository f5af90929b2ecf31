"""Densities of Gaussians against SciPy, for every type of covariance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import invwishart, multivariate_normal

from companion.clustering.gaussians import (
    COVARIANCE_TYPES,
    as_matrices,
    log_gaussians,
    log_prior,
    precision_factors,
    row_blocks,
    scatter,
    shrink,
)


def random_covariances(rng, covariance_type, k, d):
    roots = rng.normal(size=(k, d, d + 2))
    matrices = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    return {
        "full": matrices,
        "tied": matrices[0],
        "diag": rng.uniform(0.1, 3, (k, d)),
        "spherical": rng.uniform(0.1, 3, k),
    }[covariance_type]


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), d=st.integers(1, 5), n=st.integers(1, 20))
def test_log_density_is_scipys(covariance_type, seed, k, d, n):
    """The Gaussian density of `eq-mixtures-density`."""
    rng = np.random.default_rng(seed)
    X, means = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    covariances = random_covariances(rng, covariance_type, k, d)
    ours = log_gaussians(X, means, precision_factors(covariances, covariance_type), covariance_type)
    for i, matrix in enumerate(as_matrices(covariances, covariance_type, k, d)):
        theirs = np.atleast_1d(multivariate_normal(means[i], matrix).logpdf(X))
        np.testing.assert_allclose(ours[:, i], theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_blocks_leave_no_seam(covariance_type):
    """Many blocks of rows give what one would."""
    rng = np.random.default_rng(0)
    k, d, n = 3, 2, 20_000
    assert len(row_blocks(n, d)) > 2
    X, means, shares = rng.normal(size=(n, d)), rng.normal(size=(k, d)), rng.dirichlet([1] * k, n)
    covariances = random_covariances(rng, covariance_type, k, d)
    matrices = as_matrices(covariances, covariance_type, k, d)
    factors = precision_factors(covariances, covariance_type)
    ours = log_gaussians(X, means, factors, covariance_type)
    for i in range(k):
        theirs = multivariate_normal(means[i], matrices[i]).logpdf(X)
        np.testing.assert_allclose(ours[:, i], theirs, rtol=1e-9, atol=1e-9)
    difference = X[:, None] - means
    products = np.einsum("nk,nki,nkj->kij", shares, difference, difference)
    diagonals = np.diagonal(products, axis1=1, axis2=2)
    wanted = {
        "full": products,
        "tied": products.sum(axis=0),
        "diag": diagonals,
        "spherical": diagonals.mean(axis=1),
    }[covariance_type]
    np.testing.assert_allclose(scatter(X, shares, means, covariance_type), wanted, rtol=1e-9)


def test_far_from_the_origin_nothing_is_lost():
    """Differences are taken before squares: a narrow Gaussian a million deviations away."""
    X = 1e6 + np.linspace(-2, 2, 9)[:, None]
    for covariance_type, covariances in {
        "full": [[[1.0]]],
        "diag": [[1.0]],
        "spherical": [1.0],
    }.items():
        factors = precision_factors(np.array(covariances), covariance_type)
        ours = log_gaussians(X, np.array([[1e6]]), factors, covariance_type)[:, 0]
        np.testing.assert_allclose(ours, multivariate_normal(0, 1).logpdf(X[:, 0] - 1e6), atol=1e-9)


@pytest.mark.parametrize(
    ("covariance_type", "covariances"),
    [
        ("full", [np.eye(2), np.ones((2, 2))]),
        ("tied", np.ones((2, 2))),
        ("diag", [[1.0, 1.0], [1.0, 0.0]]),
        ("spherical", [1.0, np.nan]),
    ],
)
def test_singular_names_the_component_and_the_remedy(covariance_type, covariances):
    which = "shared covariance" if covariance_type == "tied" else "component 1"
    with pytest.raises(ValueError, match=f"{which} is singular.*reg_covar.*n_components"):
        precision_factors(np.array(covariances), covariance_type)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6), strength=st.floats(0.5, 20))
def test_shrunk_covariances_have_the_greatest_posterior(seed, strength):
    """`eq-shapes-map`: the density in SciPy plus the prior falls on all sides of it."""
    rng = np.random.default_rng(seed)
    X, shares = rng.normal(size=(30, 2)), rng.dirichlet(np.ones(3), size=30)
    counts, guess = shares.sum(axis=0), random_covariances(rng, "tied", 1, 2)
    means = shares.T @ X / counts[:, None]
    plain = scatter(X, shares, means, "full") / counts[:, None, None]
    best = shrink(plain, counts, guess, strength)

    def posterior(covariances):
        logs = [
            multivariate_normal(m, C).logpdf(X) for m, C in zip(means, covariances, strict=True)
        ]
        return (shares.T * logs).sum() + log_prior(covariances, guess, strength)

    for _ in range(10):
        bump = 0.05 * rng.normal(size=(3, 2, 2))
        assert posterior(best + bump @ best + best @ bump.swapaxes(1, 2)) < posterior(best)
    np.testing.assert_allclose(shrink(plain, counts, guess, 0), plain)


def test_the_prior_is_an_inverse_wishart_times_a_constant():
    rng = np.random.default_rng(0)
    covariances = random_covariances(rng, "full", 2, 3)
    guess, strength = random_covariances(rng, "tied", 1, 3), 9.0
    logs = [invwishart(df=strength - 4, scale=strength * guess).logpdf(C) for C in covariances]
    ours = [log_prior(C[None], guess, strength) for C in covariances]
    np.testing.assert_allclose(ours[0] - ours[1], logs[0] - logs[1], atol=1e-9)
