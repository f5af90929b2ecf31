"""The normal-Wishart family against SciPy, Monte Carlo and quadrature."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import logsumexp

from companion.inference.normal_wishart import (
    NormalWishart,
    divergence,
    expected_log_det,
    expected_log_gaussians,
    log_normalizer,
    log_student,
    mean_precision_factors,
    posterior,
)


def beliefs(seed, d=2, k=2):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(k, d, 2 * d))
    return NormalWishart(
        rng.normal(size=(k, d)),
        rng.uniform(0.5, 3, k),
        d + rng.uniform(0.5, 5, k),
        A @ A.swapaxes(1, 2),
    )


def draws(q, i, n, seed=0):
    """Precisions (n, d, d) and means (n, d) of belief i."""
    rng = np.random.default_rng(seed)
    d = q.mean.shape[1]
    scale = np.linalg.inv(q.scatter[i])
    L = stats.wishart(q.degrees[i], scale).rvs(n, random_state=rng).reshape(n, d, d)
    root = np.linalg.cholesky(np.linalg.inv(L * q.strength[i]))
    return L, q.mean[i] + np.einsum("nde,ne->nd", root, rng.normal(size=(n, d)))


def log_density(q, i, L, mu):
    d = q.mean.shape[1]
    wishart = stats.wishart(q.degrees[i], np.linalg.inv(q.scatter[i]))
    logs = wishart.logpdf(np.moveaxis(L, 0, -1)) if d > 1 else wishart.logpdf(L[:, 0, 0])
    away = mu - q.mean[i]
    squares = q.strength[i] * np.einsum("nd,nde,ne->n", away, L, away)
    log_det = np.linalg.slogdet(L * q.strength[i] / (2 * np.pi))[1]
    return logs + (log_det - squares) / 2


@pytest.mark.parametrize("d", [1, 2, 3])
def test_expectations_by_monte_carlo(d):
    q = beliefs(d, d)
    P = mean_precision_factors(q)
    X = np.random.default_rng(1).normal(size=(4, d))
    for i in range(2):
        L, mu = draws(q, i, 40_000)
        error = L.std(axis=0) / 200
        assert (abs(L.mean(axis=0) - P[i] @ P[i].T) < 5 * error).all()
        log_det = np.linalg.slogdet(L)[1]
        assert abs(log_det.mean() - expected_log_det(q, P)[i]) < 5 * log_det.std() / 200
        for x, found in zip(X, expected_log_gaussians(X, q, P)[:, i], strict=True):
            squares = np.einsum("nd,nde,ne->n", x - mu, L, x - mu)
            logs = (log_det - d * np.log(2 * np.pi) - squares) / 2
            assert abs(logs.mean() - found) < 5 * logs.std() / 200


@pytest.mark.parametrize("d", [1, 2, 3])
def test_divergence_by_monte_carlo_and_zero_from_itself(d):
    q, p = beliefs(d, d), beliefs(10 + d, d)
    kl = divergence(q, p, mean_precision_factors(q))
    for i in range(2):
        L, mu = draws(q, i, 10_000)
        ratio = log_density(q, i, L, mu) - log_density(p, i, L, mu)
        assert abs(ratio.mean() - kl[i]) < 5 * ratio.std() / 100
    np.testing.assert_allclose(divergence(q, q, mean_precision_factors(q)), 0, atol=1e-12)


def test_evidence_of_a_gaussian_by_quadrature():
    """Five numbers, mean and precision integrated out on a grid."""
    x = np.array([0.3, -1.0, 2.0, 0.4, 0.9])
    prior = NormalWishart(np.array([[0.2]]), np.array([0.7]), np.array([3.0]), np.array([[[1.4]]]))
    after = posterior(prior, np.array([5.0]), x.mean()[None, None], x.var()[None, None, None])
    found = log_normalizer(after) - log_normalizer(prior) - 5 / 2 * np.log(2 * np.pi)

    mus, taus = np.linspace(-8, 9, 801), np.linspace(-12, 3.5, 801)  # taus: logarithms
    mu, tau = np.meshgrid(mus, np.exp(taus), indexing="ij")
    log_p = sum(stats.norm(mu, tau**-0.5).logpdf(value) for value in x)
    log_p += stats.norm(0.2, (0.7 * tau) ** -0.5).logpdf(mu)
    log_p += stats.gamma(1.5, scale=2 / 1.4).logpdf(tau) + np.log(tau)
    due = logsumexp(log_p) + np.log((mus[1] - mus[0]) * (taus[1] - taus[0]))
    assert found[0] == pytest.approx(due, abs=1e-5)


def test_one_point_after_the_other_is_all_at_once():
    """`eq-variational-counts`: the posterior is the next prior."""
    X, prior = np.random.default_rng(0).normal(size=(6, 3)), beliefs(4, 3, 1)
    once = posterior(prior, np.array([6.0]), X.mean(0)[None], np.cov(X.T, bias=True)[None])
    each, log_p = prior, 0.0
    for x in X:
        log_p += log_student(x[None], each, mean_precision_factors(each))[0, 0]
        each = posterior(each, np.ones(1), x[None], np.zeros((1, 3, 3)))
    for a, b in zip(once, each, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
    due = log_normalizer(once) - log_normalizer(prior) - 9 * np.log(2 * np.pi)
    assert log_p == pytest.approx(due[0], abs=1e-9)  # the chain rule


def test_predictive_density_is_scipy_s_student_and_sums_to_one():
    q = beliefs(7, 2, 2)
    X = np.random.default_rng(0).normal(size=(5, 2))
    found = log_student(X, q, mean_precision_factors(q))
    for i in range(2):
        df = q.degrees[i] - 1
        shape = q.scatter[i] * (1 + 1 / q.strength[i]) / df
        due = stats.multivariate_t(q.mean[i], shape, df).logpdf(X)
        np.testing.assert_allclose(found[:, i], due, atol=1e-10)
    one = beliefs(3, 1, 1)
    P = mean_precision_factors(one)
    area = quad(lambda x: np.exp(log_student(np.array([[x]]), one, P)[0, 0]), -np.inf, np.inf)[0]
    assert area == pytest.approx(1, abs=1e-6)
