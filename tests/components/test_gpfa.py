"""GPFA against dense conditioning, SciPy, autograd, factor analysis and the Kalman filter."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.dynamics import System, kalman_filter, kalman_smoother
from companion.components.gpfa import (
    GPFA,
    KERNELS,
    Factors,
    kernel_matrix,
    observation_precision,
    posterior_covariance,
    posterior_mean,
    scale_loss,
)

seeds = st.integers(0, 10**6)
IN_TIME = "the rows of X are a sequence: a row's factors depend on the rows around it"
NOT_APPLICABLE = {
    "check_methods_subset_invariance": IN_TIME,
    "check_methods_sample_order_invariance": IN_TIME,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GPFA(max_iter=3)], expected_failed_checks=lambda _: NOT_APPLICABLE)
def test_estimator_checks(estimator, check):
    check(estimator)


def random_factors(rng, k, d):
    return Factors(
        C=rng.normal(size=(d, k)),
        offset=rng.normal(size=d),
        noise=rng.uniform(0.2, 2, size=d),
        time_scales=rng.uniform(0.5, 5, size=k),
    )


def draw(rng, factors, n, kernel="rbf"):
    kernels = [kernel_matrix(n, scale, kernel)[0] for scale in factors.time_scales]
    Z = np.stack([rng.multivariate_normal(np.zeros(n), K) for K in kernels], axis=1)
    noise = rng.normal(size=(n, len(factors.C))) * np.sqrt(factors.noise)
    return Z @ factors.C.T + factors.offset + noise, Z


def infer(X, factors, kernel="rbf", nugget=1e-3):
    """Mean (n, k), covariance (k n, k n) and log density by the module's functions."""
    seen = ~np.isnan(X)
    kernels = [kernel_matrix(len(X), s, kernel, nugget)[0] for s in factors.time_scales]
    cov, log_det = posterior_covariance(seen, factors, np.array(kernels))
    return *posterior_mean(X, seen, cov, log_det, factors), cov


@settings(deadline=None, max_examples=40)
@given(
    seed=seeds,
    k=st.integers(1, 3),
    d=st.integers(1, 4),
    n=st.integers(1, 7),
    kernel=st.sampled_from(KERNELS),
    lost=st.sampled_from([0.0, 0.4]),
)
def test_posterior_and_likelihood_are_those_of_the_joint_gaussian(seed, k, d, n, kernel, lost):
    """`eq-smooth_factors-posterior`, by conditioning a Gaussian of (k + d) n numbers."""
    rng = np.random.default_rng(seed)
    factors = random_factors(rng, k, d)
    X, _ = draw(rng, factors, n, kernel)
    X[rng.uniform(size=X.shape) < lost] = np.nan
    mean, log_density, cov = infer(X, factors, kernel)
    K = block_diag(*[kernel_matrix(n, s, kernel)[0] for s in factors.time_scales])
    C = np.kron(factors.C, np.eye(n))  # rows feature by feature, states factor by factor
    S = C @ K @ C.T + np.diag(np.repeat(factors.noise, n))
    seen = ~np.isnan(X.T.ravel())
    residual = (X - factors.offset).T.ravel()[seen]
    S, cross = S[np.ix_(seen, seen)], (K @ C.T)[:, seen]
    expected = cross @ np.linalg.solve(S, residual) if seen.any() else np.zeros(k * n)
    np.testing.assert_allclose(mean.T.ravel(), expected, atol=1e-10)
    np.testing.assert_allclose(cov, K - cross @ np.linalg.solve(S, cross.T), atol=1e-10)
    if seen.any():
        exact = multivariate_normal(np.zeros(seen.sum()), S).logpdf(residual)
        np.testing.assert_allclose(log_density, exact, atol=1e-9)
    else:
        assert abs(log_density) < 1e-12


def test_precision_adds_up_what_each_feature_tells():
    rng = np.random.default_rng(0)
    seen, C, noise = rng.uniform(size=(4, 3)) < 0.6, rng.normal(size=(3, 2)), np.array([1, 2, 4.0])
    big = np.kron(C, np.eye(4))
    W = np.diag((seen / noise).T.ravel())
    np.testing.assert_allclose(observation_precision(seen, C, noise), big.T @ W @ big)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_by_definition_and_its_derivative(kernel):
    K, dK = kernel_matrix(5, 2.0, kernel, 0.1)
    gap = 3
    far = np.exp(-(gap**2) / 8) if kernel == "rbf" else np.exp(-gap / 2)
    np.testing.assert_allclose(K[0, 3], 0.9 * far)
    np.testing.assert_allclose(np.diag(K), 1)
    step = 1e-6
    up, down = (kernel_matrix(5, 2 * np.exp(s), kernel, 0.1)[0] for s in (step, -step))
    np.testing.assert_allclose(dK, (up - down) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(deadline=None, max_examples=15)
@given(seed=seeds, log_scale=st.floats(-1, 2))
def test_slope_of_the_time_scale(kernel, seed, log_scale):
    """`eq-smooth_factors-time-scale`, with sequences of two lengths, against differences."""
    rng = np.random.default_rng(seed)
    moments = {}
    for n, count in ((4, 3), (6, 1)):
        root = rng.normal(size=(n, n))
        moments[n] = count, count * root @ root.T
    error = check_grad(
        lambda s: scale_loss(s.item(), moments, kernel, 0.05)[0],
        lambda s: np.array([scale_loss(s.item(), moments, kernel, 0.05)[1]]),
        np.array([log_scale]),
    )
    assert error < 1e-4 * max(1, abs(scale_loss(log_scale, moments, kernel, 0.05)[1]))


def test_loss_and_slope_equal_autograd():
    """The expected log density of a factor, written once more with torch."""
    n, count, nugget = 6, 2, 1e-3
    root = np.random.default_rng(0).normal(size=(n, n))
    moment = root @ root.T
    log_scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    gap = torch.arange(n, dtype=torch.float64)[:, None] - torch.arange(n, dtype=torch.float64)
    K = (1 - nugget) * torch.exp(-((gap / log_scale.exp()) ** 2) / 2)
    K = K + nugget * torch.eye(n, dtype=torch.float64)
    loss = 0.5 * (
        count * torch.logdet(K) + torch.trace(torch.linalg.solve(K, torch.tensor(moment)))
    )
    loss.backward()
    ours = scale_loss(0.7, {n: (count, moment)}, "rbf", nugget)
    np.testing.assert_allclose(ours, (loss.item(), log_scale.grad.item()), rtol=1e-7)


@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_exponential_kernel_is_a_linear_dynamical_system(seed):
    """Section "Against a reference": A = exp(-1 / scale), on the diagonal, Q = I - A A'."""
    rng = np.random.default_rng(seed)
    factors = random_factors(rng, 2, 3)
    X, _ = draw(rng, factors, 12, "exponential")
    X[5, 1] = X[7, :] = np.nan
    mean, log_density, _ = infer(X, factors, "exponential", nugget=0.0)
    A = np.diag(np.exp(-1 / factors.time_scales))
    eye = np.eye(2)
    system = System(
        A, factors.C, eye - A @ A.T, np.diag(factors.noise), factors.offset, np.zeros(2), eye
    )
    filtered = kalman_filter(X, system)
    np.testing.assert_allclose(filtered.log_density.sum(), log_density, atol=1e-10)
    np.testing.assert_allclose(kalman_smoother(filtered, A).means, mean, atol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_independent_steps_are_factor_analysis():
    """With nugget 1 no step knows of another: the same maximum as scikit-learn's."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) * 2 + rng.normal(size=(60, 5))
    fa = FactorAnalysis(2, tol=1e-10, max_iter=5000, svd_method="lapack").fit(X)
    model = GPFA(2, nugget=1.0, tol=1e-9, max_iter=300).fit(X)
    np.testing.assert_allclose(model.score(X), fa.score(X), atol=1e-4)
    np.testing.assert_allclose(model.noise_variance_, fa.noise_variance_, rtol=0.02)
    given_fa = Factors(fa.components_.T, fa.mean_, fa.noise_variance_, np.ones(2))
    mean, log_density, _ = infer(X, given_fa, nugget=1.0)
    np.testing.assert_allclose(log_density, fa.score_samples(X).sum(), atol=1e-8)
    np.testing.assert_allclose(mean, fa.transform(X), atol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@settings(deadline=None, max_examples=8)
@given(seed=seeds, kernel=st.sampled_from(KERNELS), holes=st.booleans())
def test_em_never_lowers_the_likelihood(seed, kernel, holes):
    rng = np.random.default_rng(seed)
    factors = random_factors(rng, 2, 4)
    sequences = [draw(rng, factors, n, kernel)[0] for n in (12, 12, 9)]
    if holes:
        sequences[1][3:5, 1] = np.nan
    model = GPFA(2, kernel=kernel, tol=0, max_iter=8).fit(sequences)
    assert np.diff(model.loglike_).min() > -1e-7


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    factors = Factors(rng.normal(size=(8, 2)), np.arange(8.0), np.ones(8), np.array([3.0, 10.0]))
    pairs = [draw(rng, factors, 50) for _ in range(20)]
    X, Z = ([pair[i] for pair in pairs] for i in (0, 1))
    return X, Z, GPFA(2, random_state=0).fit(X)


def test_paths_and_time_scales_are_recovered(trials):
    """Section "Factors that are smooth": the paths themselves, not only their plane."""
    X, Z, model = trials
    order = np.argsort(model.time_scales_)
    np.testing.assert_allclose(model.time_scales_[order], [3, 10], rtol=0.2)
    found, truth = np.concatenate(model.transform(X))[:, order], np.concatenate(Z)
    for j in range(2):
        assert np.corrcoef(found[:, j], truth[:, j])[0, 1] ** 2 > 0.93


def test_covariances_are_blocks_of_the_posterior(trials):
    """`eq-smooth_factors-posterior`: of a step with itself, and of a step with the one before."""
    X, _, model = trials
    x = X[0][:6]
    cov = infer(x, model._factors())[2].reshape(2, 6, 2, 6)
    smoothed = model.smooth(x)
    for t in range(6):
        np.testing.assert_allclose(smoothed.covs[t], cov[:, t, :, t])
    for t in range(5):
        np.testing.assert_allclose(smoothed.lag_covs[t], cov[:, t + 1, :, t])


def test_score_of_several_sequences_is_a_mean_over_rows(trials):
    X, _, model = trials
    long, short = X[0][:20], X[1][:7]
    mean = (20 * model.score(long) + 7 * model.score(short)) / 27
    np.testing.assert_allclose(model.score([long, short]), mean)


def test_what_was_not_seen_is_filled(trials):
    X, _, model = trials
    holey = X[0].copy()
    holey[20:22, :] = np.nan
    filled = model.fill(holey)
    error = ((filled - X[0])[20:22] ** 2).mean()
    assert error < 0.6 * ((X[0] - model.mean_)[20:22] ** 2).mean()
    np.testing.assert_array_equal(filled[:20], X[0][:20])


def test_likelihood_of_time_backwards_is_the_same(trials):
    """Section "From the sources": stationary independent factors cannot tell past from future."""
    X, _, model = trials
    np.testing.assert_allclose(model.score(X[0]), model.score(X[0][::-1]), atol=1e-12)


def test_samples_have_the_moments(trials):
    model = GPFA(2).set_params(**trials[2].get_params())
    for name, value in vars(trials[2]).items():
        setattr(model, name, value)
    model.random_state = np.random.RandomState(0)
    rows = np.array([model.sample(3)[0].ravel() for _ in range(3000)])
    K = block_diag(*[kernel_matrix(3, s)[0] for s in model.time_scales_])
    C = np.kron(model.components_.T, np.eye(3))
    cov = C @ K @ C.T + np.diag(np.repeat(model.noise_variance_, 3))
    order = np.arange(24).reshape(8, 3).T.ravel()  # feature by feature to step by step
    cov = cov[np.ix_(order, order)]
    error = np.sqrt(np.diag(cov) / len(rows))
    assert (np.abs(rows.mean(axis=0) - np.tile(model.mean_, 3)) < 5 * error).all()
    variances = np.outer(np.diag(cov), np.diag(cov)) + cov**2
    assert (np.abs(np.cov(rows.T) - cov) < 5 * np.sqrt(variances / len(rows))).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 3}, "n_components=3.*at most 2: at most one a feature, and one"),
        ({"kernel": "linear"}, "kernel='linear'.*'rbf'"),
        ({"nugget": 0.0}, "nugget=0.0"),
        ({"nugget": 2.0}, "nugget=2.0"),
        ({"time_scale": -1.0}, "time_scale=-1.0.*above 0"),
        ({"time_scale": [1.0, 2.0]}, "time_scale.*above 0"),
        ({"tol": -1}, "tol=-1"),
        ({"max_iter": 0}, "max_iter=0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GPFA(**arguments).fit(np.random.default_rng(0).normal(size=(6, 2)))
