"""The linear Gaussian model of factors, against brute-force conditioning and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from companion.components.factors import FactorAnalysis, ProbabilisticPCA
from companion.components.latent_gaussian import (
    LatentGaussian,
    em_step,
    log_density,
    mean_log_likelihood,
    posterior,
)

seeds = st.integers(0, 10_000)


def model(seed, d=5, k=2):
    """Mean, loadings and noise of a random model."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=(k, d)), rng.uniform(0.2, 2, size=d)


def draw(seed, n=40, d=5, k=2):
    """Rows from a random model."""
    rng, (mean, loadings, noise) = np.random.default_rng(seed), model(seed, d, k)
    return mean + rng.normal(size=(n, k)) @ loadings + rng.normal(size=(n, d)) * np.sqrt(noise)


@given(seed=seeds, d=st.integers(1, 6), k=st.integers(1, 4))
def test_posterior_is_the_conditional_of_the_joint_gaussian(seed, d, k):
    """`eq-factors-posterior`: cut the joint covariance of z and x by the textbook formula."""
    _, loadings, noise = model(seed, d, k)
    covariance_x = loadings.T @ loadings + np.diag(noise)
    gain = loadings @ np.linalg.inv(covariance_x)  # cov(z, x) cov(x)^-1, and cov(z, x) = W'
    covariance, encoder = posterior(loadings, noise)
    np.testing.assert_allclose(encoder, gain, atol=1e-9)
    np.testing.assert_allclose(covariance, np.eye(k) - gain @ loadings.T, atol=1e-9)


@given(seed=seeds, d=st.integers(1, 6), k=st.integers(1, 4))
def test_density_is_scipys(seed, d, k):
    """`eq-factors-story`, row by row and as a mean from the covariance alone."""
    mean, loadings, noise = model(seed, d, k)
    X = draw(seed + 1, d=d)
    theirs = multivariate_normal(mean, loadings.T @ loadings + np.diag(noise)).logpdf(X)
    np.testing.assert_allclose(log_density(X, mean, loadings, noise), theirs, atol=1e-8)
    S = np.cov(X.T, bias=True).reshape(d, d)
    at_mean = log_density(X, X.mean(axis=0), loadings, noise).mean()
    assert np.isclose(mean_log_likelihood(S, loadings, noise), at_mean, atol=1e-8)


@given(seed=seeds, common=st.booleans())
def test_em_step_is_the_regression_on_expected_factors(seed, common):
    """`eq-ppca-em`, with the sums over the rows written out."""
    X = draw(seed)
    _, loadings, noise = model(seed + 7)
    centred = X - X.mean(axis=0)
    covariance, encoder = posterior(loadings, noise)
    zx, zz = np.zeros((2, 5)), np.zeros((2, 2))
    for x in centred:
        z = encoder @ x
        zx += np.outer(z, x)
        zz += covariance + np.outer(z, z)
    wanted = np.linalg.inv(zz) @ zx
    left = np.zeros(5)
    for x in centred:  # E (x - W z)^2 under the posterior, one variable at a time
        z = encoder @ x
        second = covariance + np.outer(z, z)
        left += x**2 - 2 * x * (z @ wanted) + np.einsum("kd,kl,ld->d", wanted, second, wanted)
    left /= len(X)
    if common:
        left[:] = left.mean()
    got = em_step(np.cov(X.T, bias=True), loadings, noise, common)
    np.testing.assert_allclose(got[0], wanted, atol=1e-9)
    np.testing.assert_allclose(got[1], left, atol=1e-9)


@settings(max_examples=40)
@given(seed=seeds, common=st.booleans(), k=st.integers(1, 4))
def test_em_never_lowers_the_likelihood(seed, common, k):
    """Section "EM, once more": from any start, step by step."""
    S = np.cov(draw(seed).T, bias=True)
    _, loadings, noise = model(seed + 3, k=k)
    if common:
        noise = np.full(5, noise.mean())
    reached = []
    for _ in range(30):
        reached.append(mean_log_likelihood(S, loadings, noise))
        loadings, noise = em_step(S, loadings, noise, common)
    assert np.diff(reached).min() > -1e-11


FITTED = [FactorAnalysis(2), ProbabilisticPCA(2)]


@pytest.mark.parametrize("estimator", FITTED, ids=["factor analysis", "PPCA"])
def test_precision_density_and_maps_of_a_fit(estimator):
    X = draw(0, 200)
    fit = estimator.fit(X)
    covariance = fit.get_covariance()
    np.testing.assert_allclose(fit.get_precision() @ covariance, np.eye(5), atol=1e-10)
    theirs = multivariate_normal(X.mean(axis=0), covariance).logpdf(X)
    np.testing.assert_allclose(fit.score_samples(X), theirs, atol=1e-9)
    assert np.isclose(fit.score(X), theirs.mean())
    assert np.isclose(fit.loglike_[-1], theirs.sum())
    gain = fit.components_ @ np.linalg.inv(covariance)
    np.testing.assert_allclose(fit.transform(X), (X - fit.mean_) @ gain.T, atol=1e-9)
    np.testing.assert_allclose(fit.inverse_transform(np.zeros((1, 2)))[0], fit.mean_)


@pytest.mark.parametrize("estimator", FITTED, ids=["factor analysis", "PPCA"])
def test_samples_have_the_moments_and_their_factors(estimator):
    fit = estimator.fit(draw(1, 300))
    X, Z = fit.sample(40_000)
    covariance = fit.get_covariance()
    error = 5 * np.sqrt((np.outer(*[np.diag(covariance)] * 2) + covariance**2) / len(X))
    assert (abs(np.cov(X.T) - covariance) < error).all()
    assert (abs(X.mean(axis=0) - fit.mean_) < 5 * np.sqrt(np.diag(covariance) / len(X))).all()
    np.testing.assert_allclose(np.cov(Z.T), np.eye(2), atol=0.03)
    rest = X - fit.inverse_transform(Z)
    np.testing.assert_allclose(rest.var(axis=0), fit._noise(), rtol=0.05)
    assert (fit.sample(5)[0] == fit.sample(5)[0]).all()


@given(seed=seeds)
def test_impute_is_the_conditional_mean(seed):
    """Section "Fill in what is missing": cut the covariance of x by the textbook formula."""
    rng = np.random.default_rng(seed)
    X = draw(2, 100)
    fit = FactorAnalysis(2).fit(X)
    holes = np.where(rng.uniform(size=X[:6].shape) < 0.4, np.nan, X[:6])
    before = holes.copy()
    filled, covariance = fit.impute(holes), fit.get_covariance()
    np.testing.assert_array_equal(holes, before)  # the caller's array is left alone
    for row, whole in zip(holes, filled, strict=True):
        seen = ~np.isnan(row)
        np.testing.assert_array_equal(whole[seen], row[seen])
        gain = covariance[np.ix_(~seen, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        wanted = fit.mean_[~seen] + gain @ (row[seen] - fit.mean_[seen])
        np.testing.assert_allclose(whole[~seen], wanted, atol=1e-8)


def test_sample_size_is_checked():
    assert isinstance(FITTED[0], LatentGaussian)
    with pytest.raises(ValueError, match="n_samples=0"):
        FactorAnalysis(1).fit(draw(0)).sample(0)
