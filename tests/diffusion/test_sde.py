"""Noise in continuous time, tried where mistakes show: with much of it."""

import math

import pytest
import torch

from companion.diffusion.score import ScoreNetwork, noise_levels
from companion.diffusion.sde import ProbabilityFlow, VarianceExploding, probability_flow
from tests.contracts import GenerativeContract, seeded
from tests.diffusion.test_score import Exact

SIGMAS = [1.01, 5.0, 25.0]


def process(largest, std=0.5, mean=0.0):
    sigmas = torch.tensor([largest, 0.01], dtype=torch.float64)
    return VarianceExploding(Exact(mean, std, sigmas))


def test_the_rate_is_the_slope_of_the_variance():
    noise, t, h = process(25.0), torch.linspace(0.1, 0.9, 5).double(), 1e-6
    slope = (noise.width(t + h) ** 2 - noise.width(t - h) ** 2) / (2 * h)
    torch.testing.assert_close(noise.rate(t), slope, rtol=1e-6, atol=0)
    ends = noise.width(torch.tensor([0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(ends, torch.tensor([0.01, 25.0]).double())


@pytest.mark.parametrize("largest", SIGMAS)
def test_the_flow_without_noise_ends_in_the_data(largest):
    """The square of g: with g itself the variance is 19 where .25 is right, for sigma = 25."""
    flow = ProbabilityFlow(process(largest), rtol=1e-6, atol=1e-6)
    z = math.sqrt(0.25 + largest**2) * torch.randn(4000, 1, generator=seeded(), dtype=torch.float64)
    x = flow.solve(z, (1.0, 0.0))[-1].detach()
    assert x.var().item() == pytest.approx(0.25, rel=0.1)
    # Along the flow quantiles stay quantiles: x is z in the data's unit.
    torch.testing.assert_close(x, z * x.std() / z.std(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("largest", [5.0, 25.0])
def test_the_likelihood_of_the_flow_is_the_gaussians(largest):
    flow = ProbabilityFlow(process(largest, mean=1.0), rtol=1e-7, atol=1e-7)
    x = 1 + 0.5 * torch.randn(20, 1, generator=seeded(), dtype=torch.float64)
    # The flow stretches from one deviation to the other; its end is taken for N(0, largest^2).
    short, long = (math.sqrt(0.25 + s**2) for s in (0.01, largest))
    z = 1 + (x - 1) * long / short
    right = torch.distributions.Normal(0.0, largest).log_prob(z)[:, 0] + math.log(long / short)
    torch.testing.assert_close(flow.log_prob(x).detach(), right, atol=1e-4, rtol=1e-4)
    truth = torch.distributions.Normal(1.0, short).log_prob(x)[:, 0]
    assert (right - truth).abs().max() < 3 / largest, "and it nearly is"


@pytest.mark.parametrize("n_steps", [100, 400])
def test_with_fresh_noise_it_ends_in_the_data_however_long_the_steps(n_steps):
    """A step's noise has the variance g^2 dt: with dt as its deviation it would die out."""
    x = process(5.0).sample(8000, n_steps=n_steps, generator=seeded())
    assert x.var().item() == pytest.approx(0.25, rel=0.15 if n_steps == 100 else 0.08)


def test_the_velocity_is_half_the_rate_times_the_score():
    noise = process(5.0)
    x, t = (
        torch.randn(6, 1, generator=seeded()).double(),
        torch.rand(6, generator=seeded()).double(),
    )
    right = -0.5 * noise.rate(t)[:, None] * (-x / (0.25 + noise.width(t)[:, None] ** 2))
    torch.testing.assert_close(probability_flow(noise, x, t).detach(), right)


def test_noise_that_shrinks_is_refused():
    model = Exact(0.0, 1.0, torch.tensor([1.0, 2.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="smallest=2"):
        VarianceExploding(model)


class TestVarianceExploding(GenerativeContract):
    sample_options = {"n_steps": 3}  # noqa: RUF012
    n_steps = 60

    def make(self):
        return VarianceExploding(ScoreNetwork((2,), noise_levels(3.0, 0.1, 2), n_hidden=8))

    def batch(self):
        return torch.randn(64, 2, generator=seeded(4))
