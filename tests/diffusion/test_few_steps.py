"""Few steps: paths that are known in closed form, and the boundary of a consistency model."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from companion.diffusion.diffusion import cosine_schedule
from companion.diffusion.few_steps import (
    ConsistencyModel,
    VelocityDiffusion,
    distil,
    heun_sample,
    heun_step,
    turned_back,
    velocity,
)
from companion.diffusion.samplers import ddim_sample
from companion.diffusion.unet import UNet
from tests.contracts import GenerativeContract, seeded
from tests.diffusion.test_diffusion import Known, gaussian_model
from tests.diffusion.test_samplers import point_model
from tests.diffusion.test_unet import awake


def two(seed=0):
    return torch.randn(2, 6, 2, generator=seeded(seed), dtype=torch.float64)


def test_the_velocity_is_the_slope_along_the_circle():
    """Equation of the velocity, by a difference quotient; and turning back undoes turning."""
    x0, noise = two()
    angle, h = torch.tensor(0.7).double(), 1e-6

    def place(a):
        return torch.cos(a) * x0 + torch.sin(a) * noise

    v = velocity(x0, noise, torch.cos(angle) ** 2)
    torch.testing.assert_close(v, (place(angle + h) - place(angle - h)) / (2 * h))
    ends = turned_back(place(angle), v, torch.cos(angle) ** 2)
    torch.testing.assert_close(ends, (x0, noise))


def test_heun_is_exact_where_the_velocity_is_a_line_in_the_angle():
    x = two()[0]
    torch.testing.assert_close(heun_step(x, 2 * x, 4 * x, 0.5, 0.1), x - 0.4 * 3 * x)


class Exact(VelocityDiffusion):
    """Says the velocity that belongs to a `Known` network's noise."""

    def velocity(self, x_t, t, context=None, *, generator=None):
        kept = self.at(self.alpha_bar, t)
        noise = self.network(x_t, t / self.n_steps)
        return velocity((x_t - (1 - kept).sqrt() * noise) / kept.sqrt(), noise, kept)


def test_the_noise_of_a_velocity_is_the_one_it_was_made_of():
    betas = cosine_schedule(30)
    model = Exact(Known(betas, 1.0, 0.5), betas, (2,), None).double()
    x, t = two()[0], torch.tensor([1, 2, 10, 20, 28, 29])
    torch.testing.assert_close(
        model.noise(x, t), Known(betas, 1.0, 0.5)(x, t / 30), atol=1e-4, rtol=1e-4
    )


def test_the_loss_of_a_velocity_is_weighted_by_the_angle():
    """With a network that says 0 it is the mean square of v: of N(0, 1) data and noise, 1."""
    betas = cosine_schedule(20)
    model = VelocityDiffusion(Zero(), betas, (4,), None)
    x = torch.randn(20_000, 4, generator=seeded())
    assert model.loss(x, generator=seeded(1)).item() == pytest.approx(1.0, abs=0.02)
    far = model.loss(x + 10, generator=seeded(1)).item()
    share = (1 - model.alpha_bar[1:]).mean().item()
    assert far == pytest.approx(1 + 100 * share, rel=0.02)


class Zero(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x, t, context=None, *, generator=None):
        return x * self.weight


@pytest.mark.parametrize("n_taken", [1, 2, 3, 7])
def test_on_a_point_mass_heun_ends_at_the_point(n_taken):
    """Its last step is DDIM's, to alpha_bar = 1."""
    point = torch.tensor([3.0, -200.0]).double()
    x = heun_sample(point_model(200, point), 5, n_taken=n_taken, generator=seeded())
    torch.testing.assert_close(x, point.expand(5, 2), atol=1e-7, rtol=1e-9)


def errors(sampler, numbers, n_steps=1200):
    """How far from the flow's end: data N(2, 0.5^2), whose points keep their standard score."""
    even = partial(cosine_schedule, offset=0)  # the angle grows evenly
    model, z = gaussian_model(n_steps, 2.0, 0.5, schedule=even), two()[0]
    model.alpha_bar = model.network.alpha_bar  # in double precision
    kept = model.alpha_bar[-1]
    end = 2 + 0.5 * (z - 2 * kept.sqrt()) / (1 - kept + kept / 4).sqrt()
    return torch.stack([(sampler(model, 6, n_taken=n, z=z) - end).abs().max() for n in numbers])


def test_heun_is_of_second_order_and_ddim_of_first():
    """Half the step: a quarter of Heun's error, half of DDIM's."""
    for sampler, ratio in ((ddim_sample, 2), (heun_sample, 4)):
        found = errors(sampler, (20, 40, 80))
        assert torch.allclose(found[:-1] / found[1:], torch.tensor(ratio).double(), rtol=0.15)


def test_heun_calls_the_network_twice_a_step_but_for_the_last():
    model, calls = gaussian_model(30), []
    ask = model.noise

    def counted(x, t, context=None):
        calls.append(int(t[0]))
        return ask(x, t, context)

    model.noise, path = counted, []
    x = heun_sample(model, 2, n_taken=3, generator=seeded(), path=path)
    assert calls == [30, 20, 20, 10, 10]
    assert len(path) == 3
    assert torch.equal(path[-1], x)
    assert torch.equal(x, heun_sample(model, 2, n_taken=3, generator=seeded()))


def student(n_grid=3):
    teacher = VelocityDiffusion(
        awake(UNet((1, 4, 4), n_channels=8, n_context=3)), cosine_schedule(6), (1, 4, 4), 5
    ).eval()
    network = awake(UNet((1, 4, 4), n_channels=8, n_context=3, rate=0.0), size=0.3)
    return ConsistencyModel(network, teacher, n_grid)


def test_at_the_end_of_a_path_it_changes_nothing():
    """The boundary condition f(x, 0) = x, of a network with random weights; not so elsewhere."""
    model = student()
    x, told = 3 * torch.randn(3, 1, 4, 4, generator=seeded()), torch.eye(3)
    assert torch.equal(model.end(x, torch.zeros(3).long(), told), x)
    assert model.network(x, torch.zeros(3), told).abs().min() > 0
    for step in range(1, 7):
        assert ((model.end(x, torch.full((3,), step), told) - x).abs() > 1e-3).all()


def batch():
    x = torch.randint(5, (6, 1, 4, 4), generator=seeded(4))
    return x, torch.eye(3)[torch.arange(6) % 3]


def test_neither_teacher_nor_target_has_a_gradient():
    model = student()
    target = copy.deepcopy(model)
    model.loss(*batch(), target=target, generator=seeded()).backward()
    assert all(p.grad is None for p in [*model.teacher[0].parameters(), *target.parameters()])
    assert all(p.grad.abs().max() > 0 for p in model.parameters())
    assert not any(name.startswith("teacher") for name in model.state_dict())


def test_the_nearer_end_is_the_targets():
    """The moving average says it: with another one the loss is another one."""
    model = student()
    other = copy.deepcopy(model)
    own = model.loss(*batch(), generator=seeded())
    assert torch.equal(own, model.loss(*batch(), target=other, generator=seeded()))
    with torch.no_grad():
        other.network.last.bias.add_(1)
    assert not torch.allclose(own, model.loss(*batch(), target=other, generator=seeded()))


class FlowEnd(nn.Module):
    """The network of the right f for data N(mean, std^2): a point keeps its standard score."""

    def __init__(self, betas, mean, std):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()).double())
        self.alpha_bar = torch.cat([torch.ones(1).double(), torch.cumprod(1 - betas, 0)])
        self.mean, self.std = mean, std

    def forward(self, x, t, context=None, *, generator=None):
        steps = (t * (len(self.alpha_bar) - 1)).round().long()
        kept = self.alpha_bar[steps].view(-1, *[1] * (x.dim() - 1))
        score = (x - kept.sqrt() * self.mean) / (kept * self.std**2 + 1 - kept).sqrt()
        end = self.mean + self.std * score
        return (kept.sqrt() * x - end) / (1 - kept).clamp(min=1e-12).sqrt() + self.weight


def exact_student(n_steps, n_grid):
    betas, teacher = cosine_schedule(n_steps), gaussian_model(n_steps, 2.0, 0.5)
    model = ConsistencyModel(FlowEnd(betas, 2.0, 0.5), teacher, n_grid).double()
    for one in (model, teacher):
        one.alpha_bar = model.network.alpha_bar
    return model


def test_the_right_jumps_have_hardly_any_loss_and_draw_the_data():
    """What is left is the error of the teacher's single steps, which falls with their length."""
    x = 2 + 0.5 * torch.randn(2000, 2, generator=seeded(), dtype=torch.float64)
    coarse, fine = (exact_student(400, n).loss(x, generator=seeded(1)).item() for n in (20, 200))
    assert coarse < 1e-3
    assert fine < coarse / 20
    model = exact_student(400, 20)
    with torch.no_grad():
        model.network.weight.add_(0.3)
    assert model.loss(x, generator=seeded(1)).item() > 10 * fine
    for n_taken in (1, 2, 5):
        drawn = exact_student(400, 20).sample(20_000, n_taken=n_taken, generator=seeded(2))
        assert drawn.mean().item() == pytest.approx(2.0, abs=0.02)
        assert drawn.std().item() == pytest.approx(0.5, abs=0.02)


def test_distilled_it_is_the_average_and_learns():
    model = student()
    before = copy.deepcopy(model)
    images, told = batch()
    start = model.loss(images, told, generator=seeded(3)).item()
    settings = {"batch_size": 6, "learning_rate": 3e-3}
    average, history = distil(model, images, told, 12, generator=seeded(), **settings)
    assert len(history) == 12
    assert average.loss(images, told, generator=seeded(3)).item() < start
    assert not average.training
    changed = zip(average.parameters(), before.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in changed)
    left = zip(average.teacher[0].parameters(), before.teacher[0].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in left)


def test_its_grid_goes_from_data_to_noise():
    assert student(3).grid.tolist() == [0, 2, 4, 6]
    with pytest.raises(ValueError, match="n_grid=7"):
        student(7)


class TestVelocityDiffusion(GenerativeContract):
    n_steps = 40

    def make(self):
        network = UNet((1, 4, 4), n_channels=8, n_context=3)
        return VelocityDiffusion(network, cosine_schedule(6), (1, 4, 4), 5)

    def batch(self):
        x = torch.randint(2, (12, 1, 4, 4), generator=seeded(4))
        return x, torch.eye(3)[torch.arange(12) % 3]


class TestConsistencyModel(GenerativeContract):
    n_steps = 40

    def make(self):
        made = student()
        return ConsistencyModel(made.network, made.teacher[0], 3)

    def batch(self):
        return batch()

    def test_one_image_jumps_as_well_as_three(self):
        model, told = self.model().eval(), torch.eye(3)
        x, t = torch.randn(3, 1, 4, 4, generator=seeded(5)), torch.tensor([1, 3, 6])
        torch.testing.assert_close(model.end(x[:1], t[:1], told[:1]), model.end(x, t, told)[:1])
        assert model.sample(1, told[:1], n_taken=2, generator=seeded()).shape == (1, 1, 4, 4)

    def test_in_double_precision_it_says_the_same(self):
        model, told = self.model().eval(), torch.eye(3)
        x, t = torch.randn(3, 1, 4, 4, generator=seeded(5)), torch.tensor([1, 3, 6])
        single = model.end(x, t, told)
        double = model.double().end(x.double(), t, told.double())
        assert double.dtype == next(model.teacher[0].parameters()).dtype == torch.float64
        torch.testing.assert_close(double.float(), single, atol=1e-4, rtol=1e-4)
