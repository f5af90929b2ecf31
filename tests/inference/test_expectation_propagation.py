"""Moments by quadrature, Gaussian factors exactly, and the same end with and without damping."""

import numpy as np
import pytest
from scipy import integrate, stats

from companion.inference.expectation_propagation import (
    clutter_moments,
    expectation_propagation,
    probit_moments,
)


def by_quadrature(factor, mean, variance):
    """Log integral, mean and variance of a factor times a Gaussian."""
    u = mean + variance**0.5 * np.linspace(-12, 12, 40_001)
    p = factor(u) * stats.norm(mean, variance**0.5).pdf(u)
    z = integrate.simpson(p, x=u)
    m = integrate.simpson(u * p, x=u) / z
    return np.log(z), m, integrate.simpson((u - m) ** 2 * p, x=u) / z


@pytest.mark.parametrize("seed", range(8))
def test_moments_of_a_factor_are_those_of_quadrature(seed):
    rng = np.random.default_rng(seed)
    mean, variance, x = rng.normal(0, 2), rng.gamma(2), rng.normal(0, 3)
    np.testing.assert_allclose(
        probit_moments(mean, variance), by_quadrature(stats.norm.cdf, mean, variance), atol=1e-7
    )

    def clutter(u):
        return 0.7 * stats.norm.pdf(x, u, 1) + 0.3 * stats.norm.pdf(x, 0, 10**0.5)

    np.testing.assert_allclose(
        clutter_moments(x, 0.3, 10.0)(mean, variance),
        by_quadrature(clutter, mean, variance),
        atol=1e-7,
    )


def gaussian_site(x, noise):
    """A factor N(x; u, noise), whose moments are exact."""

    def moments(mean, variance):
        gain = variance / (variance + noise)
        log_z = stats.norm(mean, (variance + noise) ** 0.5).logpdf(x)
        return log_z, mean + gain * (x - mean), variance * (1 - gain)

    return moments


@pytest.mark.parametrize("seed", range(5))
def test_gaussian_factors_are_exact_after_one_sweep(seed):
    """Pitfall I9: Bayesian linear regression, and its evidence."""
    rng = np.random.default_rng(seed)
    a, noise = rng.normal(size=(7, 3)), rng.gamma(2, size=7)
    y = rng.normal(size=7)
    mean0, root = rng.normal(size=3), rng.normal(size=(3, 3))
    covariance0 = root @ root.T + 0.3 * np.eye(3)
    told = expectation_propagation(
        a,
        [gaussian_site(*pair) for pair in zip(y, noise, strict=True)],
        prior_mean=mean0,
        prior_covariance=covariance0,
        n_sweeps=1,
    )
    total = a @ covariance0 @ a.T + np.diag(noise)
    gain = covariance0 @ a.T @ np.linalg.inv(total)
    np.testing.assert_allclose(told.mean, mean0 + gain @ (y - a @ mean0), atol=1e-9)
    np.testing.assert_allclose(told.covariance, covariance0 - gain @ a @ covariance0, atol=1e-9)
    due = stats.multivariate_normal(a @ mean0, total).logpdf(y)
    assert told.log_evidence == pytest.approx(due)


@pytest.mark.parametrize("seed", range(4))
def test_the_clutter_problem_is_near_quadrature_and_damping_ends_at_the_same(seed):
    rng = np.random.default_rng(seed)
    n, share, wide = 40, 0.3, 10.0
    x = np.where(rng.random(n) < share, rng.normal(0, wide**0.5, n), rng.normal(2, 1, n))
    sites = [clutter_moments(value, share, wide) for value in x]
    told = {"prior_covariance": [[100.0]], "n_sweeps": 500}
    plain = expectation_propagation(np.ones((n, 1)), sites, **told)
    damped = expectation_propagation(np.ones((n, 1)), sites, damping=0.5, **told)
    assert max(plain.change, damped.change) < 1e-8
    np.testing.assert_allclose(damped.mean, plain.mean, atol=1e-6)
    np.testing.assert_allclose(damped.covariance, plain.covariance, atol=1e-6)
    u = np.linspace(-8, 8, 20_001)
    logs = stats.norm(0, 10).logpdf(u)
    for value in x:
        logs += np.log(
            (1 - share) * stats.norm.pdf(value, u, 1) + share * stats.norm.pdf(value, 0, wide**0.5)
        )
    p = np.exp(logs - logs.max())
    z = integrate.simpson(p, x=u)
    mean = integrate.simpson(u * p, x=u) / z
    assert plain.mean[0] == pytest.approx(mean, abs=0.01)
    assert plain.covariance[0, 0] == pytest.approx(
        integrate.simpson((u - mean) ** 2 * p, x=u) / z, rel=0.05
    )
    assert plain.log_evidence == pytest.approx(np.log(z) + logs.max(), abs=0.05)


def test_probit_classification_is_near_quadrature():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = np.where(rng.random(30) < stats.norm.cdf(x @ [1.5, -1.0]), 1, -1)
    told = expectation_propagation(
        y[:, None] * x, [probit_moments] * 30, prior_covariance=4 * np.eye(2)
    )
    damped = expectation_propagation(
        y[:, None] * x, [probit_moments] * 30, prior_covariance=4 * np.eye(2), damping=0.5
    )
    np.testing.assert_allclose(told.mean, damped.mean, atol=1e-6)
    side = np.linspace(-6, 8, 600)
    w = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    logs = stats.norm(0, 2).logpdf(w).sum(axis=-1) + stats.norm.logcdf(w @ (y[:, None] * x).T).sum(
        -1
    )
    p = np.exp(logs - logs.max())
    cell = (side[1] - side[0]) ** 2
    evidence = np.log(p.sum() * cell) + logs.max()
    p /= p.sum()
    mean = (p[..., None] * w).sum(axis=(0, 1))
    covariance = np.einsum("ij,ijk,ijl->kl", p, w - mean, w - mean)
    np.testing.assert_allclose(told.mean, mean, atol=0.02)
    np.testing.assert_allclose(told.covariance, covariance, atol=0.02)
    assert told.log_evidence == pytest.approx(evidence, abs=0.02)  # it is not exact: .012 off


def test_rows_in_any_order_and_scales_of_the_prior():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(12, 3))
    told = expectation_propagation(a, [probit_moments] * 12)
    again = expectation_propagation(a[::-1], [probit_moments] * 12)
    np.testing.assert_allclose(told.mean, again.mean, atol=1e-6)
    tight = expectation_propagation(a, [probit_moments] * 12, prior_covariance=1e-8 * np.eye(3))
    np.testing.assert_allclose(tight.mean, 0, atol=1e-6)
    assert tight.log_evidence == pytest.approx(12 * np.log(0.5), abs=1e-5)


def test_a_cavity_that_is_no_gaussian_is_skipped():
    """A site that asks for more variance than there is may leave others without a cavity."""

    def widen(mean, variance):
        return 0.0, mean, 50 * variance

    told = expectation_propagation(
        np.ones((3, 1)), [gaussian_site(0.0, 0.01), widen, widen], n_sweeps=5
    )
    assert told.n_skipped > 0
    assert np.isfinite(told.mean).all()
    assert told.covariance[0, 0] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 0}, "never moves"),
        ({"damping": 2}, "damping=2"),
        ({"n_sweeps": 0}, "n_sweeps=0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        expectation_propagation(np.ones((1, 1)), [probit_moments], **options)


def test_one_row_for_each_site():
    with pytest.raises(ValueError, match="one row each"):
        expectation_propagation(np.ones((2, 1)), [probit_moments])
