"""Mean field by hand against quadrature, closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import BayesianRidge

from companion.inference.conjugate import (
    gamma_divergence,
    mean_field_normal,
    mean_field_regression,
)
from companion.inference.normal_wishart import NormalWishart, log_normalizer, posterior

POINTS = np.array([1.2, -0.4, 2.5, 0.9, 1.7, 0.1])
PRIOR = {"mean": 0.3, "strength": 0.8, "shape": 1.5, "rate": 0.7}


def test_gamma_divergence_by_monte_carlo():
    q, p = stats.gamma(2.5, scale=1 / 1.3), stats.gamma(1.1, scale=1 / 0.4)
    tau = q.rvs(40_000, random_state=0)
    ratio = q.logpdf(tau) - p.logpdf(tau)
    assert abs(ratio.mean() - gamma_divergence(2.5, 1.3, 1.1, 0.4)) < 5 * ratio.std() / 200
    assert gamma_divergence(2.0, 3.0, 2.0, 3.0) == pytest.approx(0)


def exact_normal():
    """The normal-gamma posterior and log evidence: a normal-Wishart of one dimension."""
    m, k, a, b = PRIOR.values()
    prior = NormalWishart(*(np.array(v) for v in ([[m]], [k], [2 * a], [[[2 * b]]])))
    n, x = len(POINTS), POINTS
    after = posterior(prior, np.array([float(n)]), x.mean()[None, None], x.var()[None, None, None])
    log_p = log_normalizer(after) - log_normalizer(prior) - n / 2 * np.log(2 * np.pi)
    return after, float(log_p[0])


def test_normal_against_the_exact_posterior():
    """Section "Two numbers by hand"."""
    q, (after, log_p) = mean_field_normal(POINTS, **PRIOR), exact_normal()
    assert q.mean == pytest.approx(after.mean[0, 0])
    assert np.diff(q.bounds).min() > -1e-12
    assert log_p - 0.2 < q.bounds[-1] < log_p
    due = after.degrees[0] / after.scatter[0, 0, 0]  # E tau is exact, `eq-variational-by-hand`
    assert q.shape / q.rate == pytest.approx(due, rel=1e-9)


def test_normal_bound_by_monte_carlo_and_its_fixed_point():
    q, rng, n = mean_field_normal(POINTS, **PRIOR, n_rounds=50), np.random.default_rng(0), 40_000
    mu = stats.norm(q.mean, q.precision**-0.5).rvs(n, random_state=rng)
    tau = stats.gamma(q.shape, scale=1 / q.rate).rvs(n, random_state=rng)
    logs = stats.norm(mu[:, None], tau[:, None] ** -0.5).logpdf(POINTS).sum(axis=1)
    logs += stats.norm(0.3, (0.8 * tau) ** -0.5).logpdf(mu)
    logs += stats.gamma(1.5, scale=1 / 0.7).logpdf(tau)
    logs -= stats.norm(q.mean, q.precision**-0.5).logpdf(mu)
    logs -= stats.gamma(q.shape, scale=1 / q.rate).logpdf(tau)
    assert abs(logs.mean() - q.bounds[-1]) < 5 * logs.std() / n**0.5
    assert q.precision == pytest.approx(6.8 * q.shape / q.rate)


def line(seed=0, n=30, d=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    y = X @ rng.normal(size=d) + 0.7 * rng.normal(size=n)
    return X - X.mean(axis=0), y - y.mean()


@pytest.mark.parametrize("seed", range(4))
def test_regression_ends_where_bayesian_ridge_ends(seed):
    """Section "Linear regression": another algorithm, the same equations at its end."""
    X, y = line(seed)
    prior = {"alpha_1": 0.4, "alpha_2": 0.2, "lambda_1": 1.1, "lambda_2": 0.9}
    theirs = BayesianRidge(**prior, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(X, y)
    ours = mean_field_regression(X, y, **prior, tol=1e-13)
    np.testing.assert_allclose(ours.coef, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(ours.sigma, theirs.sigma_, rtol=1e-5, atol=1e-9)
    assert ours.alpha[0] / ours.alpha[1] == pytest.approx(theirs.alpha_, rel=1e-6)
    assert ours.lambda_[0] / ours.lambda_[1] == pytest.approx(theirs.lambda_, rel=1e-6)
    assert np.diff(ours.bounds).min() > -1e-9


def test_regression_with_known_precisions_is_the_closed_form():
    X, y = line()
    much = 1e12  # a Gamma so narrow that the precision is known
    known = {"alpha_1": 2 * much, "alpha_2": much, "lambda_1": 3 * much, "lambda_2": much}
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        found = mean_field_regression(X, y, **known, tol=0, max_iter=3)
    sigma = np.linalg.inv(2 * X.T @ X + 3 * np.eye(4))
    np.testing.assert_allclose(found.sigma, sigma, rtol=1e-6)
    np.testing.assert_allclose(found.coef, 2 * sigma @ X.T @ y, rtol=1e-6)


def test_regression_bound_stays_below_the_evidence_on_a_grid():
    """p(y) with w integrated out in closed form and both precisions on a grid."""
    X, y = line(3, n=12, d=2)
    prior = {"alpha_1": 2.0, "alpha_2": 1.0, "lambda_1": 2.0, "lambda_2": 1.5}
    found = mean_field_regression(X, y, **prior)
    grid = np.linspace(-7, 6, 140)
    logs = np.empty((140, 140))
    for i, a in enumerate(np.exp(grid)):
        for j, b in enumerate(np.exp(grid)):
            covariance = np.eye(12) / a + X @ X.T / b
            logs[i, j] = stats.multivariate_normal(np.zeros(12), covariance).logpdf(y)
    logs += (stats.gamma(2.0, scale=1 / 1.0).logpdf(np.exp(grid)) + grid)[:, None]
    logs += stats.gamma(2.0, scale=1 / 1.5).logpdf(np.exp(grid)) + grid
    log_p = logsumexp(logs) + 2 * np.log(grid[1] - grid[0])
    assert log_p - 0.6 < found.bounds[-1] < log_p
    mean = (np.exp(logs - logsumexp(logs)) * np.exp(grid)[:, None]).sum()
    assert found.alpha[0] / found.alpha[1] == pytest.approx(mean, rel=0.1)
    assert np.isfinite(digamma(found.alpha[0]))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"strength": 0}, "strength=0"),
        ({"rate": -1.0}, "rate=-1.0"),
        ({"n_rounds": 0}, "n_rounds=0"),
    ],
)
def test_normal_refuses(told, words):
    with pytest.raises(ValueError, match=words):
        mean_field_normal(POINTS, **told)


def test_wrong_data_are_refused():
    with pytest.raises(ValueError, match="x has shape"):
        mean_field_normal(np.ones((2, 2)))
    with pytest.raises(ValueError, match="lambda_2=0"):
        mean_field_regression(*line(), lambda_2=0)
    with pytest.raises(ValueError, match="inconsistent"):
        mean_field_regression(np.ones((3, 1)), np.ones(2))
