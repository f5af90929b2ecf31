"""Penalties on slopes and the losses that need them: linear and quadratic critics."""

import math

import pytest
import torch
from torch import nn

from companion import data
from companion.adversarial.gan import GAN, DenseDiscriminator, DenseGenerator
from companion.adversarial.networks import ConvDiscriminator, ConvGenerator
from companion.adversarial.regularized import (
    R3GAN,
    WassersteinGAN,
    gradient_penalty,
    squared_gradient,
)
from tests.adversarial.games import GameContract, awake
from tests.contracts import seeded

SHAPE = (2, 3, 5)  # odd, so that a norm over the wrong axes is another number


class Linear(nn.Module):
    """d(x) = <a, x> + 7."""

    def __init__(self, shape=SHAPE, size=1.0):
        super().__init__()
        self.a = nn.Parameter(size * torch.randn(shape, generator=seeded(9)).double())

    def forward(self, x):
        return (self.a * x).flatten(1).sum(dim=1) + 7


def images(n=6, seed=0):
    return torch.randn(n, *SHAPE, generator=seeded(seed)).double()


class TestWassersteinGAN(GameContract):
    idle = ("discriminator.network.4.bias",)

    def make(self):
        networks = DenseGenerator(2, (3,), 5, squash=False), DenseDiscriminator((3,), 6)
        return WassersteinGAN(*networks, 2, (3,), None, penalty=3.0)

    def batch(self):
        return torch.randn(7, 3, generator=seeded(3))


class TestR3GAN(GameContract):
    idle = ("discriminator.network.6.bias",)

    def make(self):
        networks = ConvGenerator(3, n_channels=4), ConvDiscriminator(n_channels=4, norm=False)
        return R3GAN(*networks, 3, gamma=0.5)

    def model(self):
        return awake(super().model())

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:9])


@pytest.mark.parametrize("size", [0.01, 0.3, 2.0])
def test_penalties_of_a_linear_critic(size):
    """(|a| - 1)^2 with the norm over the whole image, and its slope 2 (|a| - 1) a / |a| (G1)."""
    critic = Linear(size=size)
    norm = critic.a.norm()
    penalty = gradient_penalty(critic, images(), images(seed=1), generator=seeded())
    torch.testing.assert_close(penalty, (norm - 1) ** 2)
    (slope,) = torch.autograd.grad(penalty, critic.a)
    torch.testing.assert_close(slope, 2 * (norm - 1) * critic.a / norm)
    torch.testing.assert_close(squared_gradient(critic, images()), norm.square().expand(6))


def test_slopes_of_a_curved_critic_are_its_own_at_each_image():
    x = images().requires_grad_()
    square = squared_gradient(lambda x: (x**3).flatten(1).sum(dim=1), x)
    torch.testing.assert_close(square, (9 * x**4).flatten(1).sum(dim=1))
    assert not torch.autograd.grad(square.sum(), x, allow_unused=True)[0]


def test_places_lie_on_segments_one_share_an_image():
    places = []

    def critic(x):
        places.append(x)
        return x.flatten(1).sum(dim=1)

    real, fake = images(200), images(200, 1)
    gradient_penalty(critic, real, fake, generator=seeded())
    shares = ((places[0] - fake) / (real - fake)).flatten(1)
    torch.testing.assert_close(shares, shares[:, :1].expand_as(shares))
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert abs(shares[:, 0].mean() - 0.5) < 5 / math.sqrt(12 * 200)
    assert abs(shares[:, 0].std() - 1 / math.sqrt(12)) < 0.06


def test_the_penalty_has_a_second_order_graph_and_no_path_to_the_generator():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(30, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    fake = images(seed=1).requires_grad_()
    penalty = gradient_penalty(lambda x: critic(x).squeeze(1), images(), fake, generator=seeded())
    penalty.backward()
    assert all(p.grad.abs().sum() > 0 for p in critic[:2].parameters())
    assert fake.grad is None


def test_a_flat_critic_gives_no_nan():
    """The root has no slope at zero (G2)."""
    critic = Linear(size=0.0)
    penalty = gradient_penalty(critic, images(), images(seed=1), generator=seeded())
    (slope,) = torch.autograd.grad(penalty, critic.a)
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(slope).all()


def known(kind, **options):
    """A game whose critic is linear, and what it sees."""
    generator = nn.Sequential(nn.Linear(4, 30), nn.Unflatten(1, SHAPE)).double()
    model = kind(generator, Linear(), 4, SHAPE, None, **options)
    return model, images(), images(seed=1)


def test_penalties_alone_leave_the_losses_of_the_game():
    model, real, fake = known(R3GAN, gamma=0.6, relativistic=False, smoothing=0.1)
    plain = GAN(model.generator, model.discriminator, 4, SHAPE, None, smoothing=0.1)
    due = plain.discriminator_value(real, fake) + 0.6 * model.discriminator.a.square().sum()
    torch.testing.assert_close(model.discriminator_value(real, fake), due)
    torch.testing.assert_close(model.generator_value(real, fake), plain.generator_value(real, fake))


@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_the_relativistic_loss_at_known_scores(gamma):
    """Pair by pair; penalties at the real and at the fake images."""
    model, real, fake = known(R3GAN, gamma=gamma)
    gap = (model.discriminator.a * (real - fake)).flatten(1).sum(dim=1)
    due = (1 + (-gap).exp()).log().mean() + gamma * model.discriminator.a.square().sum()
    torch.testing.assert_close(model.discriminator_value(real, fake), due)
    torch.testing.assert_close(model.generator_value(real, fake), (1 + gap.exp()).log().mean())


def test_wassersteins_loss_at_known_scores():
    model, real, fake = known(WassersteinGAN, penalty=2.0)
    a = model.discriminator.a
    gap = (a * (real.mean(dim=0) - fake.mean(dim=0))).sum()
    due = 2 * (a.norm() - 1) ** 2 - gap
    torch.testing.assert_close(model.discriminator_value(real, fake, generator=seeded()), due)
    score = (a * fake.mean(dim=0)).sum() + 7
    torch.testing.assert_close(model.generator_value(real, fake), -score)


def test_a_trained_critic_measures_the_distance_of_two_points():
    """All data at 3, all fakes at 1: the distance is 2 and the slope between them 1."""
    critic = DenseDiscriminator((1,), 16)
    model = WassersteinGAN(nn.Linear(1, 1), critic, 1, (1,), None, penalty=10.0)
    real, fake = torch.full((16, 1), 3.0), torch.full((16, 1), 1.0)
    optimizer, generator = torch.optim.Adam(critic.parameters(), lr=5e-3), seeded()
    for _ in range(300):
        optimizer.zero_grad()
        model.discriminator_value(real, fake, generator=generator).backward()
        optimizer.step()
    # the penalty lets the slope s rise to where 2 = 2 * 10 (s - 1)
    distance = (critic(real) - critic(fake)).mean().item()
    assert distance == pytest.approx(2 * 1.1, rel=0.05)


@pytest.mark.parametrize("kind", [WassersteinGAN, R3GAN])
def test_batch_normalisation_in_a_critic_is_refused(kind):
    """The slope at one image would depend on the others (G3)."""
    with pytest.raises(ValueError, match=r"network\.3.*GroupNorm"):
        kind(ConvGenerator(3), ConvDiscriminator(), 3)


@pytest.mark.parametrize(("kind", "name"), [(WassersteinGAN, "penalty"), (R3GAN, "gamma")])
def test_weights_of_penalties_are_not_negative(kind, name):
    with pytest.raises(ValueError, match=f"{name}=-1"):
        kind(nn.Identity(), nn.Identity(), 3, **{name: -1.0})
