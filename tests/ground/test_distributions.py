"""Densities against torch.distributions and SciPy; samplers against their densities."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions as oracle

from companion import distributions as ours
from tests.contracts import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


def test_gaussian_log_prob_is_torchs():
    x, mean, log_std = normal(5, 3, 2, seed=1), normal(5, 3, 2, seed=2), normal(3, 2, seed=3)
    expected = oracle.Normal(mean, log_std.exp()).log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(ours.gaussian_log_prob(x, mean, log_std), expected)
    standard = oracle.Normal(0.0, 1.0).log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(ours.gaussian_log_prob(x), standard)
    scalar = oracle.Normal(0.0, 0.5).log_prob(x[:, 0, 0])
    torch.testing.assert_close(ours.gaussian_log_prob(x[:, 0, 0], 0.0, np.log(0.5)), scalar)


def test_gaussian_kl_is_torchs_and_0_for_equals():
    a, log_a, b, log_b = (normal(6, 4, seed=i) for i in range(4))
    expected = oracle.kl_divergence(oracle.Normal(a, log_a.exp()), oracle.Normal(b, log_b.exp()))
    torch.testing.assert_close(ours.gaussian_kl(a, log_a, b, log_b), expected.sum(dim=1))
    standard = oracle.kl_divergence(oracle.Normal(a, log_a.exp()), oracle.Normal(0.0, 1.0))
    torch.testing.assert_close(ours.gaussian_kl(a, log_a), standard.sum(dim=1))
    torch.testing.assert_close(ours.gaussian_kl(a, log_a, a, log_a), torch.zeros(6).double())


def test_bernoulli_log_prob_is_torchs():
    logits = normal(5, 8) * 10
    x = (normal(5, 8, seed=1) > 0).double()
    expected = oracle.Bernoulli(logits=logits).log_prob(x).sum(dim=1)
    torch.testing.assert_close(ours.bernoulli_log_prob(x, logits), expected)


def test_sum_event_keeps_the_batch():
    torch.testing.assert_close(ours.sum_event(torch.ones(4, 3, 2)), torch.full((4,), 6.0))
    torch.testing.assert_close(ours.sum_event(torch.arange(4.0)), torch.arange(4.0))


# Grey levels


@settings(max_examples=50)
@given(st.floats(-5, 21), st.floats(-4, 4), st.integers(2, 17))
def test_grey_levels_sum_to_1_and_are_scipys_masses(mean, log_scale, n_levels):
    mean, log_scale = torch.tensor([mean, log_scale], dtype=torch.float64)
    levels = torch.arange(n_levels)
    log_prob = ours.discretized_logistic_log_prob(levels, mean, log_scale, n_levels=n_levels)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)
    cdf = scipy.stats.logistic(mean.item(), log_scale.exp().item()).cdf
    edges = np.r_[-np.inf, np.arange(n_levels - 1) + 0.5, np.inf]
    np.testing.assert_allclose(log_prob.exp(), np.diff(cdf(edges)), atol=1e-12)


def test_grey_levels_have_finite_gradients_far_from_the_mean():
    """Where the difference of two sigmoids is 0 in floating point."""
    mean = torch.tensor([-300.0, 0.0, 16.0, 300.0], requires_grad=True)
    log_scale = torch.tensor([-3.0, 6.0, -3.0, 0.0], requires_grad=True)
    levels = torch.arange(17)[:, None]
    log_prob = ours.discretized_logistic_log_prob(levels, mean, log_scale, n_levels=17)
    assert log_prob.isfinite().all()
    log_prob.sum().backward()
    assert mean.grad.isfinite().all()
    assert log_scale.grad.isfinite().all()


def test_mixture_of_grey_levels_sums_to_1_and_is_the_weighted_mean():
    logits, means, log_scales = normal(6, 3), 8 + 5 * normal(6, 3, seed=1), normal(6, 3, seed=2)
    levels = torch.arange(17)[:, None].expand(17, 6)
    probabilities = ours.logistic_mixture_log_prob(
        levels, logits, means, log_scales, n_levels=17
    ).exp()
    torch.testing.assert_close(probabilities.sum(dim=0), torch.ones(6).double())
    expected = sum(
        logits.softmax(dim=-1)[:, k]
        * ours.discretized_logistic_log_prob(
            levels, means[:, k], log_scales[:, k], n_levels=17
        ).exp()
        for k in range(3)
    )
    torch.testing.assert_close(probabilities, expected)


def test_mixture_log_prob_is_torchs():
    logits, means, x = normal(4), 3 * normal(4, seed=1), normal(50, seed=2)
    theirs = oracle.MixtureSameFamily(
        oracle.Categorical(logits=logits), oracle.Normal(means, torch.ones(4).double())
    )
    components = oracle.Normal(means, torch.ones(4).double()).log_prob(x[:, None])
    torch.testing.assert_close(ours.mixture_log_prob(logits, components), theirs.log_prob(x))


def test_scaled_images_are_no_grey_levels():
    zero = torch.zeros(())
    for bad in (torch.tensor([17]), torch.tensor([-1.0]), torch.tensor([float("nan")])):
        with pytest.raises(ValueError, match=r"x has values .* n_levels=17 allows 0 to 16"):
            ours.discretized_logistic_log_prob(bad, zero, zero, n_levels=17)
    with pytest.raises(ValueError, match="n_levels=1 must be an integer of at least 2"):
        ours.discretized_logistic_log_prob(torch.zeros(1), zero, zero, n_levels=1)


# Samplers


def assert_frequencies(draws, probabilities):
    """Pearson's chi-squared statistic is one that happens more often than once in 10^4."""
    counts = np.bincount(draws.long().numpy().ravel(), minlength=len(probabilities))
    possible = probabilities > 1e-12
    assert counts[~possible].sum() == 0
    expected = probabilities[possible] / probabilities[possible].sum() * counts.sum()
    assert scipy.stats.chisquare(counts[possible], expected).pvalue > 1e-4


def test_standard_normal_and_uniform_have_their_distributions():
    like = torch.empty(0, dtype=torch.float64)
    z = ours.standard_normal((20_000,), generator=seeded(), like=like)
    assert z.dtype == torch.float64
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-4
    u = ours.uniform((20_000,), generator=seeded())
    assert u.dtype == torch.float32
    assert scipy.stats.kstest(u, "uniform").pvalue > 1e-4


def test_gaussian_samples_have_the_moments_and_pass_gradients():
    mean = torch.tensor([1.0, -3.0], requires_grad=True)
    log_std = torch.tensor([0.0, 2.0], requires_grad=True)
    x = ours.sample_gaussian(mean.expand(20_000, 2), log_std, generator=seeded())
    z = (x - mean) / log_std.exp()
    assert scipy.stats.kstest(z.detach().ravel(), "norm").pvalue > 1e-4
    x.mean(dim=0).sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(2))
    assert log_std.grad.abs().min() > 0


def test_categorical_samples_have_the_frequencies():
    logits = torch.tensor([0.0, -torch.inf, 1.0, -2.0, 3.0])
    draws = ours.sample_categorical(logits.expand(50, 1000, 5), generator=seeded())
    assert draws.shape == (50, 1000)
    assert_frequencies(draws, logits.softmax(dim=0).double().numpy())


def test_bernoulli_samples_have_the_frequencies():
    logits = torch.tensor([-torch.inf, -1.0, 2.0, torch.inf])
    draws = ours.sample_bernoulli(logits.expand(20_000, 4), generator=seeded())
    p = torch.sigmoid(logits)
    error = (p * (1 - p) / 20_000).sqrt()
    assert ((draws.mean(dim=0) - p).abs() <= 5 * error).all()
    assert set(draws.unique().tolist()) == {0.0, 1.0}


def test_grey_level_samples_have_their_log_prob():
    levels = torch.arange(17)
    mean, log_scale = torch.tensor(3.2), torch.tensor(0.7)
    draws = ours.sample_discretized_logistic(
        mean.expand(50_000), log_scale, n_levels=17, generator=seeded()
    )
    log_prob = ours.discretized_logistic_log_prob(levels, mean, log_scale, n_levels=17)
    assert_frequencies(draws, log_prob.exp().double().numpy())


def test_mixture_samples_have_their_log_prob():
    parameters = torch.tensor([[1.0, 0.0, -1.0], [2.0, 9.0, 15.0], [-1.0, 0.5, 0.0]])
    logits, means, log_scales = parameters[:, None]
    draws = ours.sample_logistic_mixture(
        *(v.expand(50_000, 3) for v in (logits, means, log_scales)),
        n_levels=17,
        generator=seeded(),
    )
    log_prob = ours.logistic_mixture_log_prob(
        torch.arange(17), logits, means, log_scales, n_levels=17
    )
    assert_frequencies(draws, log_prob.exp().double().numpy())


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: ours.uniform((5,), generator=g),
        lambda g: ours.standard_normal((5,), generator=g),
        lambda g: ours.sample_gaussian(torch.zeros(5), torch.zeros(5), generator=g),
        lambda g: ours.sample_categorical(torch.zeros(9, 50), generator=g),
        lambda g: ours.sample_bernoulli(torch.zeros(50), generator=g),
        lambda g: ours.sample_logistic_mixture(*torch.zeros(3, 9, 2), n_levels=17, generator=g),
    ],
)
def test_same_generator_same_draws(draw):
    first, second = seeded(1), seeded(1)
    assert torch.equal(draw(first), draw(second))
    assert not torch.equal(draw(first), draw(seeded(2)))
