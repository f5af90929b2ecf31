"""Samplers on data for which the exact noise is known."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from companion.diffusion.diffusion import DiffusionModel, cosine_schedule, linear_schedule
from companion.diffusion.samplers import chosen_steps, ddim_sample, ddim_step, ddpm_sample
from tests.contracts import seeded
from tests.diffusion.test_diffusion import gaussian_model


class Point(nn.Module):
    """The exact noise where all data are one point."""

    def __init__(self, betas, point):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.alpha_bar = torch.cat([torch.ones(1).double(), torch.cumprod(1 - betas, 0)])
        self.point = point

    def forward(self, x, t, context=None, *, generator=None):
        kept = self.alpha_bar[(t * (len(self.alpha_bar) - 1)).round().long()][:, None]
        return (x - kept.sqrt() * self.point) / (1 - kept).sqrt() + self.weight


def point_model(n_steps, point, schedule=cosine_schedule):
    betas = schedule(n_steps)
    model = DiffusionModel(Point(betas, point), betas, (2,), None).double()
    model.alpha_bar = model.network.alpha_bar  # in double precision
    return model


@pytest.mark.parametrize("schedule", [cosine_schedule, linear_schedule])
@pytest.mark.parametrize("n_taken", [1, 2, 3, 7, 200])
def test_on_a_point_mass_it_ends_at_the_point(schedule, n_taken):
    """The last step ends at alpha_bar = 1: nothing is left of the noise."""
    point = torch.tensor([3.0, -200.0]).double()
    x = ddim_sample(point_model(200, point, schedule), 5, n_taken=n_taken, generator=seeded())
    torch.testing.assert_close(x, point.expand(5, 2), atol=1e-7, rtol=1e-9)


@pytest.mark.parametrize(("n_steps", "n_taken"), [(1, 1), (2, 1), (10, 3), (11, 10), (100, 100)])
def test_steps_go_from_the_first_to_nothing(n_steps, n_taken):
    steps = chosen_steps(n_steps, n_taken)
    assert (steps[0], steps[-1]) == (n_steps, 0)
    assert len(set(steps)) == n_taken + 1
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("n_taken", [0, 11])
def test_as_many_steps_as_there_are_and_no_more(n_taken):
    with pytest.raises(ValueError, match=f"n_taken={n_taken}"):
        chosen_steps(10, n_taken)


def test_the_direction_shrinks_as_the_noise_grows():
    """What is under the root is never negative, and for N(0, 1) data each step keeps variance 1."""
    alpha_bar = torch.cat([torch.ones(1).double(), torch.cumprod(1 - cosine_schedule(50), 0)])
    for now in range(1, 51):
        for after in range(now):
            kept, kept_after = alpha_bar[now], alpha_bar[after]
            for eta in (0.0, 0.5, 1.0):
                variance = eta**2 * (1 - kept_after) / (1 - kept) * (1 - kept / kept_after)
                assert 1 - kept_after - variance >= 0
    generator = seeded()
    x, fresh = torch.randn(2, 200_000, generator=generator, dtype=torch.float64)
    kept, kept_after = alpha_bar[30], alpha_bar[10]
    noise = (1 - kept).sqrt() * x  # E[eps | x_t] for N(0, 1) data
    for eta in (0.0, 0.5, 1.0):
        after = ddim_step(x, noise, kept, kept_after, eta, fresh)
        scale = kept_after.sqrt() * kept.sqrt()  # x_0 = sqrt(ab) x
        variance = eta**2 * (1 - kept_after) / (1 - kept) * (1 - kept / kept_after)
        slope = scale + (1 - kept_after - variance).sqrt() * (1 - kept).sqrt()
        assert after.var().item() == pytest.approx((slope**2 + variance).item(), rel=0.02)


def test_without_fresh_noise_a_step_leads_from_the_image_to_its_noise_too():
    """Also from alpha_bar = 1, where eta's formula would divide nothing by nothing."""
    x, noise = torch.randn(2, 4, 2, generator=seeded(), dtype=torch.float64)
    kept, none_lost = torch.tensor(0.3).double(), torch.tensor(1.0).double()
    far = ddim_step(x, noise, none_lost, kept)
    torch.testing.assert_close(far, kept.sqrt() * x + (1 - kept).sqrt() * noise)
    torch.testing.assert_close(ddim_step(far, noise, kept, none_lost), x)


def test_with_all_its_noise_it_is_ancestral_sampling():
    """eta = 1 and all steps: the variance of the posterior, and its mean."""
    model = gaussian_model(30, 2.0, 0.5)
    x = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    for step in (2, 15, 30):
        t = torch.full((4,), step)
        kept, before = model.alpha_bar[step], model.alpha_bar[step - 1]
        mean = ddim_step(x, model.noise(x, t), kept, before, 1.0)
        right, variance = model.backward(x, t)
        torch.testing.assert_close(mean, right, atol=1e-5, rtol=1e-5)
        found = (1 - before) / (1 - kept) * (1 - kept / before)
        assert found.item() == pytest.approx(variance[0, 0].item(), rel=1e-3)


def test_a_long_step_has_the_noise_of_all_the_steps_it_skips():
    """Its beta is ``1 - ab_t / ab_s``: the posterior of a chain of long steps."""
    steps = [20, 13, 5, 0]
    alpha_bar = torch.cat([torch.ones(1).double(), torch.cumprod(1 - cosine_schedule(20), 0)])
    betas = torch.stack([1 - alpha_bar[t] / alpha_bar[s] for t, s in pairwise(steps)]).flip(0)
    long = DiffusionModel(Point(betas, 0.0), betas, (2,), None).double()
    x, noise, fresh = torch.randn(3, 4, 2, generator=seeded(), dtype=torch.float64)
    for k, (now, after) in enumerate(pairwise(steps)):
        kept, kept_after, t = alpha_bar[now], alpha_bar[after], torch.full((4,), 3 - k)
        mean = ddim_step(x, noise, kept, kept_after, 1.0)
        moved = ddim_step(x, noise, kept, kept_after, 1.0, fresh)
        right, variance = long.posterior(long.clean(x, t, noise), x, t)
        torch.testing.assert_close(mean, right, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(moved - mean, variance.sqrt() * fresh, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sampler", [ddpm_sample, ddim_sample])
def test_a_path_has_every_step_and_ends_at_the_sample(sampler):
    model, path = gaussian_model(7), []
    x = sampler(model, 3, generator=seeded(), path=path)
    assert len(path) == 7
    assert torch.equal(path[-1], x)
    assert torch.equal(x, sampler(model, 3, generator=seeded()))


def test_without_noise_of_its_own_the_start_decides():
    model = gaussian_model(20)
    z = torch.randn(3, 2, generator=seeded(), dtype=torch.float64)
    one, other = (ddim_sample(model, 3, z=z, generator=seeded(s)) for s in (1, 2))
    assert torch.equal(one, other)
    one, other = (ddim_sample(model, 3, z=z, eta=1.0, generator=seeded(s)) for s in (1, 2))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("eta", [-0.1, 1.1, float("nan")])
def test_an_eta_that_is_none_is_refused(eta):
    with pytest.raises(ValueError, match="eta="):
        ddim_sample(gaussian_model(3), 1, eta=eta)
