"""Categories, rejection, weights, and effective sizes."""

import numpy as np
import pytest
from scipy import stats

from companion.inference.sampling import (
    draw_categories,
    importance_sample,
    rejection_sample,
    resample,
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
    with pytest.raises(ValueError, match="log_bound=inf must be"):
        rejection_sample(log_p, lambda m, rng: q.rvs((m, 1), random_state=rng), log_q, np.inf, 9)


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


def test_categories_come_with_their_probabilities():
    """`eq-sampling-discrete`."""
    p = np.array([0.1, 0.0, 0.6, 0.3])
    counts = np.bincount(draw_categories(p, 20_000, random_state=0), minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[p > 0], 20_000 * p[p > 0]).pvalue > 1e-3
    with pytest.raises(ValueError, match="divided by their sum"):
        draw_categories([1, 2], 3)
    with pytest.raises(ValueError, match="divided by their sum"):
        draw_categories([np.nan, 1], 3)


def test_points_drawn_again_by_weight_are_draws_of_p():
    """Moments within 5 standard errors of the effective size."""
    log_p, _ = normal(1, 0.7)
    log_q, q = normal(0, 1.5)
    told = importance_sample(
        log_p, lambda n, rng: q.rvs((n, 2), random_state=rng), log_q, 40_000, random_state=1
    )
    again = resample(told, 4000, random_state=0)
    error = 0.7 * np.sqrt(1 / 4000 + 1 / told.n_effective)
    assert (np.abs(again.mean(axis=0) - 1) < 5 * error).all()
    assert (np.abs(again.var(axis=0) - 0.49) < 5 * 0.7 * 2**0.5 * error).all()


@pytest.mark.parametrize("d", [1, 4])
def test_the_share_of_effective_draws_is_that_of_theory(d):
    """`eq-sampling-share`: (sqrt(2 s^2 - 1) / s^2)^d."""
    s = 1.4
    log_p, _ = normal()
    log_q, q = normal(0, s)
    told = importance_sample(
        log_p, lambda n, rng: q.rvs((n, d), random_state=rng), log_q, 100_000, random_state=0
    )
    due = ((2 * s**2 - 1) ** 0.5 / s**2) ** d
    assert told.n_effective / 100_000 == pytest.approx(due, rel=0.02)
