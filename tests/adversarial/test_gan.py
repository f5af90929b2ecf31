"""The game, its losses and its best discriminator: closed forms, integrals, SciPy."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon
from torch import nn

from companion import data
from companion.adversarial.gan import (
    DCGAN,
    GAN,
    DenseDiscriminator,
    DenseGenerator,
    discriminator_loss,
    fit_gan,
    frozen,
    minimax_loss,
    non_saturating_loss,
    optimal_discriminator,
)
from tests.adversarial.games import GameContract, awake
from tests.contracts import seeded


def points(n=7, shape=(3,)):
    return torch.randn(n, *shape, generator=seeded(3))


def small(**options):
    """A game of points in space, without grey levels."""
    networks = DenseGenerator(2, (3,), 5, squash=False), DenseDiscriminator((3,), 6)
    return GAN(*networks, 2, (3,), None, **options)


class TestGAN(GameContract):
    def make(self):
        networks = DenseGenerator(3, (1, 8, 8), 12), DenseDiscriminator((1, 8, 8), 12)
        return GAN(*networks, 3)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:9])


class TestSaturatingGAN(GameContract):
    def make(self):
        return small(saturating=True)

    def batch(self):
        return points()


class TestToldGAN(GameContract):
    """Both networks see a context."""

    def make(self):
        networks = (
            DenseGenerator(2, (3,), 5, n_context=2, squash=False),
            DenseDiscriminator((3,), 6, n_context=2),
        )
        return GAN(*networks, 2, (3,), None, smoothing=0.1)

    def batch(self):
        return points(), torch.randn(7, 2, generator=seeded(5))

    def sample(self, model, n, seed=2):
        device = next(model.parameters()).device
        return model.sample(n, context=torch.ones(n, 2, device=device), generator=seeded(seed))


class TestDCGAN(GameContract):
    def make(self):
        return DCGAN(5, n_channels=6)

    def model(self):
        return awake(super().model())

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:9])


class TestColouredDCGAN(GameContract):
    """Three channels, 256 levels, neither square nor a power of 2."""

    def make(self):
        return DCGAN(5, (3, 12, 8), 256, n_channels=4)

    def model(self):
        return awake(super().model())

    def batch(self):
        return torch.randint(256, (6, 3, 12, 8), generator=seeded(8))


# Losses.


def test_losses_at_known_logits():
    logits = torch.tensor([-2.0, 0.5, 3.0]).double()
    share = torch.sigmoid(logits)
    torch.testing.assert_close(minimax_loss(logits), (1 - share).log().mean())
    torch.testing.assert_close(non_saturating_loss(logits), -share.log().mean())
    real = torch.tensor([1.0, -1.5]).double()
    due = -torch.sigmoid(real).log().mean() - (1 - share).log().mean()
    torch.testing.assert_close(discriminator_loss(real, logits), due)
    assert minimax_loss(torch.zeros(3)).item() == pytest.approx(-math.log(2))
    assert discriminator_loss(torch.zeros(2), torch.zeros(3)).item() == pytest.approx(math.log(4))


def test_smoothing_is_the_cross_entropy_with_soft_targets_of_real_images_only():
    real, fake = torch.randn(2, 6, generator=seeded(1)).double()
    cross_entropy = nn.functional.binary_cross_entropy_with_logits
    due = cross_entropy(real, torch.full_like(real, 0.8)) + cross_entropy(fake, 0 * fake)
    torch.testing.assert_close(discriminator_loss(real, fake, smoothing=0.2), due)


def test_where_the_discriminator_is_sure_only_one_loss_still_teaches():
    """Slopes at a logit: sigmoid(-d) against sigmoid(d); no clamp makes either exactly 0 (G5)."""
    for loss, due in ((non_saturating_loss, stats.logistic.cdf(13)), (minimax_loss, -2.26e-6)):
        logit = torch.tensor([-13.0], requires_grad=True)
        loss(logit).backward()
        assert logit.grad.item() == pytest.approx(-abs(due), rel=1e-3)


def test_losses_are_finite_at_any_logit():
    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    for loss in (minimax_loss(far), non_saturating_loss(far), discriminator_loss(far, far)):
        (slope,) = torch.autograd.grad(loss, far)
        assert torch.isfinite(loss)
        assert torch.isfinite(slope).all()


# The best discriminator.


def value(p, q, share):
    """V(D, G) of discrete densities."""
    return (p * share.log() + q * (1 - share).log()).sum()


def test_the_best_value_is_the_jensen_shannon_divergence_by_enumeration():
    rng = np.random.default_rng(4)
    for _ in range(5):
        p, q = rng.dirichlet(np.ones(7), size=2)
        best = value(*map(torch.from_numpy, (p, q)), optimal_discriminator(p, q))
        assert best.item() == pytest.approx(-math.log(4) + 2 * jensenshannon(p, q) ** 2)


def test_the_best_value_is_the_jensen_shannon_divergence_by_integration():
    """Two Gaussians: V of the discriminator, and both Kullback-Leibler divergences."""
    p, q = stats.norm(0, 1).pdf, stats.norm(1.3, 0.7).pdf

    def share(p, q, x):
        return optimal_discriminator(p(x), q(x)).item()

    def integral(f):
        return integrate.quad(f, -9, 9, limit=200)[0]

    def right(x):
        return p(x) * math.log(share(p, q, x)) + q(x) * math.log(share(q, p, x))

    best = integral(right)

    def to_the_middle(f):
        return integral(lambda x: f(x) * math.log(2 * f(x) / (p(x) + q(x))) if f(x) > 0 else 0)

    divergence = (to_the_middle(p) + to_the_middle(q)) / 2
    assert best == pytest.approx(-math.log(4) + 2 * divergence, abs=1e-7)


def test_no_other_discriminator_has_a_higher_value():
    p, q = torch.from_numpy(np.random.default_rng(1).dirichlet(np.ones(5), size=2))
    best = optimal_discriminator(p, q)
    for _ in range(20):
        other = torch.rand(5, generator=seeded(_), dtype=torch.float64)
        assert value(p, q, other) < value(p, q, best)


def test_where_nothing_is_the_answer_is_one_half_and_never_nan():
    p = torch.tensor([0.0, 0.0, 1.0, 1e-42, 0.3], requires_grad=True)
    share = optimal_discriminator(p, torch.tensor([0.0, 1.0, 0.0, 0.0, 0.1]))
    torch.testing.assert_close(share[[0, 1, 2, 4]], torch.tensor([0.5, 0.0, 1.0, 0.75]))
    assert 0 <= share[3] <= 1
    share.sum().backward()
    assert torch.isfinite(p.grad).all()
    with pytest.raises(ValueError, match="exp of log-densities"):
        optimal_discriminator(-1.0, 1.0)


def test_smoothing_lowers_the_ceiling_and_leaves_the_floor():
    """The best logits of a table by descent: (1 - s) p / (p + q), which is 0 where p is (G6)."""
    p, q = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.0, 0.3, 0.1, 0.6]]).double()
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = sum(
            p[i] * discriminator_loss(logits[i : i + 1], logits.new_full((1,), -99), smoothing=0.1)
            + q[i] * discriminator_loss(logits.new_full((1,), 99), logits[i : i + 1])
            for i in range(4)
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    share = torch.sigmoid(logits.detach())
    torch.testing.assert_close(share, 0.9 * p / (p + q), atol=2e-3, rtol=0)
    assert share[3] < 0.02


# The model.


def test_both_kinds_of_loss_are_used():
    x = points()
    for saturating, loss in ((False, non_saturating_loss), (True, minimax_loss)):
        model = small(saturating=saturating)
        z = model.noise(7, generator=seeded(1))
        found = model.generator_loss(x, generator=seeded(1))
        assert torch.equal(found, loss(model.discriminator(model.generator(z))))
        due = discriminator_loss(model.discriminator(x), model.discriminator(model.generator(z)))
        torch.testing.assert_close(model.discriminator_loss(x, generator=seeded(1)), due)


def test_networks_see_grey_levels_from_minus_one_to_one_and_samples_are_levels_again():
    model = TestGAN().model()
    levels = torch.arange(17).repeat(4)[:64].view(1, 1, 8, 8)
    seen = model.prepare(levels)
    assert (seen.min(), seen.max()) == (-1, 1)
    torch.testing.assert_close(model.finish(seen), levels.float())
    torch.testing.assert_close(model.finish(seen * 1.02), levels.float())
    drawn = model.sample(40, generator=seeded())
    assert torch.equal(drawn, drawn.round())
    assert drawn.min() >= 0
    assert drawn.max() <= 16


def test_frozen_weights_still_pass_the_gradient_on():
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)

    def broken():
        with frozen(layer) as same:
            assert same is layer
            layer(x).sum().backward()
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        broken()
    assert layer.weight.grad is None
    torch.testing.assert_close(x.grad, layer.weight.data)
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


@pytest.mark.parametrize(
    ("problem", "match"),
    [
        (lambda: small(smoothing=0.7), "smoothing=0.7"),
        (lambda: GAN(nn.Identity(), nn.Identity(), 0), "n_latent=0"),
        (lambda: GAN(nn.Identity(), nn.Identity(), 2, n_levels=1), "n_levels=1"),
        (lambda: small().loss(torch.ones(4, 2)), r"\(4, 2\) but must be \(B, 3\)"),
        (lambda: TestGAN().model().loss(torch.full((2, 1, 8, 8), 17)), "17"),
        (lambda: DCGAN(event_shape=(1, 10, 8)), r"\(1, 10, 8\) must be"),
        (lambda: fit_gan(small(), points(70), 1, generator=seeded(), n_critic=0), "n_critic=0"),
    ],
)
def test_errors_name_the_argument(problem, match):
    with pytest.raises(ValueError, match=match):
        problem()


# Training.


def test_the_discriminator_takes_more_turns_if_told():
    model, seen = small(), []
    model.discriminator.register_forward_pre_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    before = copy.deepcopy(model.state_dict())
    average, history = fit_gan(model, points(20), 3, generator=seeded(), n_critic=4, batch_size=5)
    assert len(seen) == 3 * (4 * 2 + 1)
    assert [set(record) for record in history] == [{"step", "discriminator", "generator"}] * 3
    assert not average.training
    assert all(not torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_the_generator_takes_more_turns_if_told():
    model, seen = small(), []
    model.generator.register_forward_pre_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    fit_gan(model, points(20), 3, generator=seeded(), n_critic=2, n_generator=4, batch_size=5)
    assert seen == [False] * 2 + [True] * 4 + [False] * 2 + [True] * 4 + [False] * 2 + [True] * 4


def test_the_same_seed_gives_the_same_game_and_the_average_may_be_the_last():
    ends = []
    for _ in range(2):
        model = TestSaturatingGAN().model()
        average, _ = fit_gan(model, points(20), 4, generator=seeded(2), batch_size=5, decay=0)
        ends.append(average.state_dict())
        assert all(torch.equal(model.state_dict()[k], v) for k, v in ends[-1].items())
    assert all(torch.equal(ends[0][k], v) for k, v in ends[1].items())


def test_rates_fall_to_a_tenth(monkeypatch):
    rates = []
    adam = torch.optim.Adam.step

    def step(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return adam(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    fit_gan(small(), points(20), 200, generator=seeded(), batch_size=5, learning_rate=1e-3)
    assert rates[:2] == pytest.approx([1e-3] * 2)
    assert rates[-2:] == pytest.approx([1e-4] * 2, rel=1e-2)
    assert len(rates) == 400


def test_contexts_stay_with_their_images():
    model = TestToldGAN().model()
    told = torch.arange(20.0)[:, None].expand(20, 3), torch.arange(20.0)[:, None].expand(20, 2)
    seen, judge = [], model.judge
    model.judge = lambda x, context=None: (seen.append((x, context)), judge(x, context))[1]
    fit_gan(model, told, 2, generator=seeded(), batch_size=5)
    x, context = seen[0]
    assert torch.equal(x[:, 0], context[:, 0])


def test_a_gaussian_is_learned():
    """One dimension: mean and deviation of what is generated come near those of the data."""
    x = 3 + 0.5 * torch.randn(500, 1, generator=seeded(1))
    networks = DenseGenerator(1, (1,), 16, squash=False), DenseDiscriminator((1,), 16)
    with torch.random.fork_rng(devices=[]):
        model = GAN(*networks, 1, (1,), None)
    model, _ = fit_gan(model, x, 300, generator=seeded(), learning_rate=2e-3, betas=(0.5, 0.9))
    drawn = model.sample(1000, generator=seeded(4))
    assert abs(drawn.mean() - 3) < 0.4
