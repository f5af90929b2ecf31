"""Moments by quadrature, Gaussian factors exactly, and the same end with and without damping."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from companion.inference.expectation_propagation import (
    cavity,
    clutter_moments,
    expectation_propagation,
    from_sites,
    laplace_probit,
    log_evidence,
    log_normalizer,
    predict_probit,
    probit_moments,
    sweep,
    update_site,
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
    assert max(plain.changes[-1], damped.changes[-1]) < 1e-8
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


@pytest.mark.parametrize("seed", range(4))
def test_laplace_is_at_the_top_with_the_curvature_there(seed):
    rng = np.random.default_rng(seed)
    c, variance = rng.normal(size=(15, 3)), rng.gamma(2) + 0.1

    def cost(w):
        prior = stats.norm(0, variance**0.5).logpdf(w).sum()
        return -prior - stats.norm.logcdf(c @ w).sum()

    found = optimize.minimize(cost, np.zeros(3), options={"gtol": 1e-8})
    mean, covariance, log_z = laplace_probit(c, variance)
    np.testing.assert_allclose(mean, found.x, atol=1e-5)
    h, eye = 1e-4, np.eye(3)
    curvature = [
        [
            (
                cost(mean + h * (a + b))
                - cost(mean + h * (a - b))
                - cost(mean - h * (a - b))
                + cost(mean - h * (a + b))
            )
            / (4 * h**2)
            for a in eye
        ]
        for b in eye
    ]
    np.testing.assert_allclose(np.linalg.inv(covariance), curvature, rtol=1e-4, atol=1e-4)
    due = -cost(mean) + 1.5 * np.log(2 * np.pi) - np.linalg.slogdet(curvature)[1] / 2
    assert log_z == pytest.approx(due, abs=1e-4)
    with pytest.raises(ValueError, match="variance=0"):
        laplace_probit(c, 0)


def test_an_averaged_prediction_is_the_mean_over_weights():
    rng = np.random.default_rng(0)
    mean, root, c = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
    w = mean + rng.normal(size=(400_000, 3)) @ root.T
    found = stats.norm.cdf(predict_probit(c, mean, root @ root.T))
    np.testing.assert_allclose(found, stats.norm.cdf(c @ w.T).mean(axis=1), atol=0.004)


def clutter(seed, n, share=0.5):
    """Sites of measurements of 2 with noise 1, half of them clutter."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < share, rng.normal(0, 10**0.5, n), rng.normal(2, 1, n))
    return [clutter_moments(value, share, 10.0) for value in x]


@pytest.mark.parametrize("seed", range(5))
def test_a_cavity_times_its_site_is_the_posterior(seed):
    rng = np.random.default_rng(seed)
    mean, variance, precision, shift = rng.normal(), rng.gamma(2), rng.normal(), rng.normal()
    rest = cavity(mean, variance, precision, shift)
    if precision >= 1 / variance:
        assert rest is None
        return
    assert rest[1] > 0
    again = 1 / (1 / rest[1] + precision)
    assert again == pytest.approx(variance)
    assert again * (rest[0] / rest[1] + shift) == pytest.approx(mean)


@pytest.mark.parametrize("damping", [1.0, 0.3])
def test_a_site_goes_where_the_moments_are_right(damping):
    """Pitfall I9: and with damping it goes that share of the way."""
    at = {"mean": 0.4, "variance": 0.8, "precision": 0.5, "shift": -0.2}
    step = update_site(probit_moments, **at, damping=damping)
    full = update_site(probit_moments, **at)
    np.testing.assert_allclose(step, damping * np.array(full))
    rest = cavity(*at.values())
    _, mean, variance = probit_moments(*rest)
    assert 1 / (1 / rest[1] + at["precision"] + full[0]) == pytest.approx(variance)
    assert variance * (rest[0] / rest[1] + at["shift"] + full[1]) == pytest.approx(mean)


def test_without_a_cavity_there_is_no_update():
    """Pitfall I9: a negative variance is never handed to a factor."""

    def never(mean, variance):
        raise AssertionError("a factor was asked")

    assert cavity(0.0, 1.0, 1.0, 0.0) is None
    assert update_site(never, 0.0, 1.0, 1.5, 0.0) is None
    asked = []
    for seed in range(40):  # ten points: hard, and some of these lose a cavity

        def watched(moments):
            def ask(mean, variance):
                asked.append(variance)
                return moments(mean, variance)

            return ask

        sites = [watched(site) for site in clutter(seed, 10)]
        expectation_propagation(np.ones((10, 1)), sites, prior_covariance=[[100.0]], n_sweeps=60)
    assert min(asked) > 0


def test_a_negative_precision_of_a_site_is_legal():
    """A point far away is likelier clutter the wider the posterior: it widens what is known."""
    sites = [clutter_moments(x, 0.5, 10.0) for x in (2.0, 2.1, 1.9, 2.2, 1.8, -3.0)]
    told = expectation_propagation(np.ones((6, 1)), sites, prior_covariance=[[100.0]])
    assert told.n_skipped == 0
    assert told.changes[-1] < 1e-8
    assert (told.precisions[:5] > 0).all()
    assert told.precisions[5] < 0


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_leaves_what_it_is_given_and_agrees_with_a_posterior_built_anew(seed):
    rng = np.random.default_rng(seed)
    a, mean0, covariance0 = rng.normal(size=(9, 3)), rng.normal(size=3), 2 * np.eye(3)
    state = (np.zeros(9), np.zeros(9), mean0, covariance0)
    kept = [part.copy() for part in state]
    new, change, n_skipped = sweep(a, [probit_moments] * 9, state)
    for part, before in zip(state, kept, strict=True):
        np.testing.assert_array_equal(part, before)
    assert change > 0
    assert n_skipped == 0
    mean, covariance = from_sites(a, *new[:2], mean0, np.linalg.inv(covariance0))
    np.testing.assert_allclose(mean, new[2], atol=1e-10)
    np.testing.assert_allclose(covariance, new[3], atol=1e-10)


def test_the_evidence_is_the_integral_of_prior_times_scaled_sites():
    """Each site scaled so that, with its cavity, it integrates to what its factor does."""
    sites, a = [probit_moments, probit_moments], np.array([[1.0], [-0.5]])
    told = expectation_propagation(a, sites, prior_covariance=[[4.0]])
    u = np.linspace(-30, 30, 60_001)
    product = stats.norm(0, 2).pdf(u)
    m, v = told.mean[0], told.covariance[0, 0]
    for (scale,), tau, nu in zip(a, told.precisions, told.shifts, strict=True):
        rest = cavity(scale * m, scale**2 * v, tau, nu)
        along = stats.norm(rest[0], rest[1] ** 0.5).pdf(scale * u) * abs(scale)
        site = np.exp(-tau * (scale * u) ** 2 / 2 + nu * scale * u)
        constant = np.exp(probit_moments(*rest)[0]) / integrate.simpson(along * site, x=u)
        product = product * constant * site
    assert told.log_evidence == pytest.approx(np.log(integrate.simpson(product, x=u)), abs=1e-8)
    again = log_evidence(
        a, sites, (told.precisions, told.shifts, told.mean, told.covariance), [0.0], [[4.0]]
    )
    assert again == told.log_evidence


def test_the_normalizer_is_that_of_quadrature():
    u = np.linspace(-30, 30, 40_001)
    due = np.log(integrate.simpson(np.exp(0.7 * u / 2.3 - u**2 / (2 * 2.3)), x=u))
    assert log_normalizer(0.7, 2.3) == pytest.approx(due, abs=1e-9)


def test_with_two_humps_damping_chooses_among_several_points_of_rest():
    """Pitfall I9 has a limit: the points of rest are the same, the one that is reached is not."""
    rng = np.random.default_rng(4)
    x = rng.permutation(np.r_[rng.normal(3, 0.7, 5), rng.normal(-3, 0.7, 5)])
    a, sites = np.ones((10, 1)), [clutter_moments(value, 0.5, 10.0) for value in x]
    ends = [
        expectation_propagation(a, sites, prior_covariance=[[100.0]], damping=d, n_sweeps=400)
        for d in (1.0, 0.5)
    ]
    for told in ends:
        state = (told.precisions, told.shifts, told.mean, told.covariance)
        assert sweep(a, sites, state)[1] < 1e-6
    assert abs(ends[0].mean - ends[1].mean)[0] > 1


def test_one_sweep_depends_on_the_order_and_many_do_not():
    """Assumed density filtering is one sweep."""
    sites, rng = clutter(1, 20), np.random.default_rng(0)
    orders = [rng.permutation(20) for _ in range(5)]

    def mean(order, n_sweeps):
        told = expectation_propagation(
            np.ones((20, 1)),
            [sites[i] for i in order],
            prior_covariance=[[100.0]],
            n_sweeps=n_sweeps,
        )
        assert len(told.changes) <= n_sweeps
        return told.mean[0]

    assert np.ptp([mean(order, 1) for order in orders]) > 0.05
    assert np.ptp([mean(order, 300) for order in orders]) < 1e-6


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
    assert len(told.changes) == 5
    assert np.isnan(told.log_evidence)  # one of the sites has no cavity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 0}, "never moves"),
        ({"damping": 2}, "damping=2"),
        ({"n_sweeps": 0}, "n_sweeps=0"),
        ({"tol": -1.0}, "tol=-1"),
        ({"prior_mean": [0.0, 1.0]}, "prior_mean has shape"),
        ({"prior_covariance": [1.0]}, "prior_covariance has shape"),
        ({"prior_covariance": [[-1.0]]}, "positive definite"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        expectation_propagation(np.ones((1, 1)), [probit_moments], **options)


def test_one_row_for_each_site():
    with pytest.raises(ValueError, match="one row each"):
        expectation_propagation(np.ones((2, 1)), [probit_moments])
