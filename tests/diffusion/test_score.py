"""Langevin walks, energies and scores, on densities that are known."""

import math

import pytest
import torch
from torch import nn

from companion.diffusion.score import (
    EnergyModel,
    ScoreNetwork,
    TimedNetwork,
    annealed_langevin,
    denoising_score_matching,
    langevin,
    noise_levels,
)
from companion.layers import initialize
from companion.train import descend
from tests.contracts import GenerativeContract, seeded


@pytest.mark.parametrize("step", [0.05, 0.3, 1.0])
def test_a_walk_on_a_gaussian_has_its_exact_variance(step):
    """1 / (1 - step / 2): a wrong factor of the noise shows here and not in pictures."""
    x = torch.zeros(8000, 1, dtype=torch.float64)
    x = langevin(lambda x: -x, x, step, int(30 / step), generator=seeded())
    assert x.var().item() == pytest.approx(1 / (1 - step / 2), rel=5 * (2 / 8000) ** 0.5)


def test_a_walk_keeps_its_path_and_takes_no_step_if_told_so():
    x, path = torch.randn(3, 2, generator=seeded()), []
    assert torch.equal(langevin(lambda x: -x, x, 0.1, 0), x)
    end = langevin(lambda x: -x, x, 0.1, 4, generator=seeded(), path=path)
    assert len(path) == 4
    assert torch.equal(path[-1], end)
    with pytest.raises(ValueError, match="step=0"):
        langevin(lambda x: -x, x, 0, 4)


def test_the_score_is_the_slope_of_minus_the_energy():
    model = initialize(EnergyModel((3,), n_hidden=8), generator=seeded()).double()
    x = torch.randn(5, 3, generator=seeded(), dtype=torch.float64)
    h = 1e-6
    for d in range(3):
        step = h * torch.eye(3, dtype=torch.float64)[d]
        slope = (model.energy(x + step) - model.energy(x - step)) / (2 * h)
        torch.testing.assert_close(model.score(x)[:, d], -slope.detach(), atol=1e-6, rtol=1e-6)


def test_the_gradient_of_the_loss_is_that_of_the_likelihood():
    """On a line Z is an integral: its slope is the mean slope of E under the model."""
    make = {"n_hidden": 4, "n_walkers": 20_000, "step": 0.02, "n_steps": 400, "penalty": 0.0}
    model = initialize(EnergyModel((1,), **make), generator=seeded()).double()
    x = 1 + 0.5 * torch.randn(50, 1, generator=seeded(1), dtype=torch.float64)
    side = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
    log_z = torch.logsumexp(-model.energy(side), dim=0) + math.log(24 / 4000)
    exact = model.energy(x).mean() + log_z
    right = torch.autograd.grad(exact, model.network[-1].weight)[0]
    found = torch.autograd.grad(model.loss(x, generator=seeded(2)), model.network[-1].weight)[0]
    assert (found - right).abs().max() < 0.05 * right.abs().max().clamp_min(0.2)


def test_energies_stay_small_while_it_learns():
    model = initialize(EnergyModel((1,), n_hidden=16), generator=seeded())
    x = torch.cat([torch.full((100, 1), -1.0), torch.full((100, 1), 1.0)])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = seeded(1)
    for _ in range(150):
        noisy = x + 0.2 * torch.randn(x.shape, generator=generator)
        descend(model.loss(noisy, generator=generator), optimizer)
        assert model.energy(noisy).abs().max() < 50
    side = torch.linspace(-3, 3, 601)[:, None]
    density = torch.softmax(-model.energy(side), dim=0)
    assert density[300] < 0.6 * density[[200, 400]].min(), "a valley between the two heaps"


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_it_learns_the_score_of_the_noisy_density(sigma):
    """N(0, 1) with noise is N(0, 1 + sigma^2): the best slope is -1 / (1 + sigma^2), not -1."""
    x = torch.randn(200_000, 1, generator=seeded(), dtype=torch.float64)
    widths = torch.full((len(x),), sigma, dtype=torch.float64)

    def loss(slope):
        score = lambda y, _: slope * y  # noqa: E731
        return denoising_score_matching(score, x, widths, generator=seeded(1)).mean()

    # The loss is a parabola in the slope: three points give its minimum.
    low, middle, high = (loss(s).item() for s in (-2.0, -1.0, 0.0))
    best = -1 - (high - low) / (2 * (high - 2 * middle + low))
    assert best == pytest.approx(-1 / (1 + sigma**2), abs=0.03)


class Exact(nn.Module):
    """The exact score of N(mean, std^2) with noise."""

    def __init__(self, mean, std, sigmas):
        super().__init__()
        self.mean, self.std, self.event_shape = mean, std, (1,)
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.register_buffer("sigmas", sigmas)

    def score(self, x, sigma):
        variance = self.std**2 + sigma[:, None] ** 2
        return (self.mean - x) / variance + self.weight


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.5), (3.0, 1.0)])
def test_annealed_walks_end_in_the_data(mean, std):
    model = Exact(mean, std, noise_levels(10.0, 0.05, 12).double())
    x = 10 * torch.randn(4000, 1, generator=seeded(), dtype=torch.float64)
    path = []
    end = annealed_langevin(model, x, n_steps=100, ratio=0.1, generator=seeded(1), path=path)
    assert len(path) == 12
    assert end.mean().item() == pytest.approx(mean, abs=0.15)
    # The last, small steps take long to forget what came before: a little too wide is right.
    assert std * 0.9 < end.std().item() < 1.25 * std


def test_noise_levels_fall_by_a_factor():
    sigmas = noise_levels(10.0, 0.1, 5)
    torch.testing.assert_close(sigmas[1:] / sigmas[:-1], torch.full((4,), 0.01**0.25))
    torch.testing.assert_close(sigmas[[0, -1]], torch.tensor([10.0, 0.1]))
    with pytest.raises(ValueError, match="smallest=3"):
        noise_levels(2.0, 3.0, 4)


def test_a_score_network_learns_the_field_of_a_gaussian():
    model = initialize(ScoreNetwork((2,), n_hidden=32, n_layers=2), generator=seeded())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = seeded(1)
    for _ in range(400):
        descend(
            model.loss(torch.randn(256, 2, generator=generator), generator=generator), optimizer
        )
    x = torch.randn(200, 2, generator=seeded(2))
    for sigma in (0.3, 1.0, 3.0):
        right = -x / (1 + sigma**2)
        found = model.score(x, torch.full((200,), sigma)).detach()
        assert ((found - right) ** 2).mean() < 0.1 * (right**2).mean()


class TestEnergyModel(GenerativeContract):
    sample_options = {"n_steps": 5}  # noqa: RUF012

    def make(self):
        return EnergyModel((2,), n_hidden=8, n_walkers=16, n_steps=3)

    def batch(self):
        return 0.3 * torch.randn(16, 2, generator=seeded(4)) + 1

    def test_same_generator_same_loss_and_global_state_untouched(self):
        """While training, the walkers of the step before count too."""
        model, batch = self.model().eval(), self.batch()
        state = torch.get_rng_state()
        assert torch.equal(self.loss(model, batch), self.loss(model, batch))
        assert torch.equal(state, torch.get_rng_state())


class TestScoreNetwork(GenerativeContract):
    sample_options = {"n_steps": 2}  # noqa: RUF012
    n_steps = 60

    def make(self):
        return ScoreNetwork((2,), n_hidden=8)

    def batch(self):
        return torch.randn(64, 2, generator=seeded(4))


def test_one_level_of_noise_will_do():
    """A schedule of length 1: there is no interval that its logarithm could be a share of."""
    model = initialize(ScoreNetwork((2,), [0.3], n_hidden=8), generator=seeded())
    assert torch.isfinite(model.loss(torch.randn(20, 2, generator=seeded()), generator=seeded()))
    assert torch.isfinite(model.sample(4, n_steps=3, generator=seeded())).all()


def test_a_learned_score_and_a_walk_belong_together():
    """A field of noise 0.1, walked with the right noise: variance 1.01, not 1 and not 0.13."""
    x = torch.randn(100_000, 1, generator=seeded(), dtype=torch.float64)
    noise = torch.randn(x.shape, generator=seeded(1), dtype=torch.float64)
    noisy = x + 0.1 * noise
    slope = -(noisy * noise / 0.1).mean() / (noisy**2).mean()  # least squares for -noise / 0.1
    assert slope.item() == pytest.approx(-1 / 1.01, abs=0.1)
    exact = langevin(lambda y: -y / 1.01, x[:8000], 0.01, 600, generator=seeded(2))
    assert exact.var().item() == pytest.approx(1.01 / (1 - 0.01 / 2.02), rel=0.06)
    learned = langevin(lambda y: slope * y, x[:8000], 0.01, 600, generator=seeded(2))
    assert learned.var().item() == pytest.approx(1.01, abs=0.12)


def test_a_shorter_step_finds_the_same_mean_energy():
    """The units are smooth: with piecewise linear ones the slope would jump."""
    model = initialize(EnergyModel((2,), n_hidden=8), generator=seeded())
    walkers = torch.randn(2000, 2, generator=seeded(1))
    ends = [
        langevin(model.score, walkers, step, n, generator=seeded(2))
        for step, n in ((0.05, 100), (0.005, 1000))
    ]
    long, short = (model.energy(x).mean().item() for x in ends)
    assert long == pytest.approx(short, rel=0.1)


def test_times_are_told_to_every_layer_that_counts():
    network = initialize(TimedNetwork((3,), n_hidden=8), generator=seeded())
    x, t = torch.randn(4, 3, generator=seeded()), torch.full((4,), 0.3)
    assert network(x, t).shape == (4, 3)
    assert (network(x, t + 0.1) != network(x, t)).any(dim=1).all()
