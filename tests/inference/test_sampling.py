"""Rejection, weights, effective sizes, and a particle filter against the Kalman filter."""

import numpy as np
import pytest
from scipy import stats

from companion.inference.sampling import (
    importance_sample,
    particle_filter,
    rejection_sample,
    systematic_resample,
    weigh,
)


def normal(mean=0.0, std=1.0):
    """A density of points (m, d): the product of normal ones, and draws."""
    density = stats.norm(mean, std)
    return lambda x: density.logpdf(x).sum(axis=1), density


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("std", [1.5, 2.0])
def test_rejection_keeps_one_in_m_and_what_is_kept_is_p(d, std):
    """`eq-sampling-acceptance`: the bound is std^d, so acceptance dies with the dimension."""
    log_p, _ = normal()
    log_q, q = normal(0, std)

    def draw(m, rng):
        return q.rvs((m, d), random_state=rng)

    x, acceptance = rejection_sample(log_p, draw, log_q, d * np.log(std), 20_000, random_state=0)
    due = std**-d
    assert acceptance == pytest.approx(due, abs=5 * np.sqrt(due * (1 - due) / 20_000))
    assert x.shape == (20_000, d)
    assert stats.kstest(x[:, 0], "norm").pvalue > 1e-3


def test_a_bound_that_is_too_small_is_noticed():
    log_p, _ = normal()
    log_q, q = normal(0, 2)
    with pytest.raises(ValueError, match="too small"):
        rejection_sample(log_p, lambda m, rng: q.rvs((m, 1), random_state=rng), log_q, 0.0, 100)
    with pytest.raises(ValueError, match="nearer to p"):
        rejection_sample(
            log_p, lambda m, rng: q.rvs((m, 1), random_state=rng), log_q, 40.0, 9, max_draws=5000
        )


def test_weights_give_means_and_the_normaliser():
    log_q, q = normal(0.5, 1.5)
    told = importance_sample(
        lambda x: -((x[:, 0] - 1) ** 2) / 2,  # not normalised: log sqrt(2 pi) is missing
        lambda n, rng: q.rvs((n, 1), random_state=rng),
        log_q,
        50_000,
        random_state=0,
    )
    assert told.weights.sum() == pytest.approx(1)
    error = 1 / told.n_effective**0.5
    assert told.weights @ told.x[:, 0] == pytest.approx(1, abs=5 * error)
    assert told.log_normalizer == pytest.approx(np.log(2 * np.pi) / 2, abs=5 * error)


def test_the_effective_number_is_between_one_and_all():
    x = np.zeros((4, 1))
    assert weigh(x, np.zeros(4)).n_effective == pytest.approx(4)
    assert weigh(x, np.array([0, -1e3, -1e3, -1e3])).n_effective == pytest.approx(1)
    assert weigh(x, np.array([5e3, 5e3, -np.inf, -np.inf])).n_effective == pytest.approx(2)
    with pytest.raises(ValueError, match="q must reach"):
        weigh(x, np.full(4, -np.inf))


def test_systematic_resampling_is_fair_and_even():
    rng = np.random.RandomState(0)
    weights = np.random.default_rng(1).dirichlet(np.ones(7))
    counts = np.zeros(7)
    for _ in range(4000):
        copies = np.bincount(systematic_resample(weights, rng), minlength=7)
        assert (np.abs(copies - 7 * weights) < 1).all()
        counts += copies
    np.testing.assert_allclose(counts / 4000, 7 * weights, atol=0.05)


def kalman(y, a, q, r):
    mean, variance, log_prob, told = 0.0, 1.0, 0.0, []
    for t, seen in enumerate(y):
        if t:
            mean, variance = a * mean, a**2 * variance + q
        log_prob += stats.norm(mean, (variance + r) ** 0.5).logpdf(seen)
        gain = variance / (variance + r)
        mean, variance = mean + gain * (seen - mean), (1 - gain) * variance
        told.append((mean, variance))
    return *np.array(told).T, log_prob


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_the_particle_filter_is_the_kalman_filter_where_that_is_exact(threshold):
    a, q, r, rng = 0.9, 0.3, 0.5, np.random.default_rng(0)
    x, y = 0.0, []
    for _ in range(8 if threshold == 0 else 40):
        x = a * x + q**0.5 * rng.normal()
        y.append(x + r**0.5 * rng.normal())
    mean, variance, log_prob = kalman(y, a, q, r)
    told = particle_filter(
        lambda n, rng: rng.standard_normal((n, 1)),
        lambda x, t, rng: a * x + q**0.5 * rng.standard_normal(x.shape),
        lambda seen, x: stats.norm(x[:, 0], r**0.5).logpdf(seen),
        y,
        20_000,
        threshold=threshold,
        random_state=0,
    )
    error = 5 * np.sqrt(variance / told.n_effective.min())
    assert (np.abs(told.mean[:, 0] - mean) < np.maximum(error, 0.02)).all()
    np.testing.assert_allclose(told.variance[:, 0], variance, rtol=0.2)
    assert told.log_prob == pytest.approx(log_prob, abs=0.3)
