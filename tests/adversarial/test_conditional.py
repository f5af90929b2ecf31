"""Conditional GAN and InfoGAN: who is told what, who learns from what, and a bound that is one."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from companion import augment, data
from companion.adversarial.conditional import (
    ConditionalGAN,
    InfoGAN,
    mutual_information_bound,
    one_hot,
    wobble,
)
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.layers import initialize
from tests.adversarial.games import GameContract
from tests.contracts import seeded

SMALL = (1, 3, 5)


def labelled(n=8):
    generator = seeded(4)
    x = torch.randint(7, (n, *SMALL), generator=generator)
    return x, torch.randint(3, (n,), generator=generator)


def conditional(**options):
    generator = DenseGenerator(2, SMALL, 12, n_context=3)
    told = 3 if options.get("tells_discriminator", True) else 0
    discriminator = DenseDiscriminator(SMALL, 12, n_context=told)
    return ConditionalGAN(generator, discriminator, 2, 3, event_shape=SMALL, n_levels=7, **options)


def informative(n_continuous=2, n_codes=3, **options):
    width = n_codes + n_continuous
    generator = DenseGenerator(2, SMALL, 12, n_context=width)
    reader = nn.Sequential(nn.Flatten(), dense(math.prod(SMALL), 12, width))
    discriminator = DenseDiscriminator(SMALL, 12)
    options = {"event_shape": SMALL, "n_levels": 7} | options
    return InfoGAN(
        generator, discriminator, reader, 2, n_codes, n_continuous=n_continuous, **options
    )


def drawn(make):
    return initialize(make, generator=seeded(5))


class TestConditionalGAN(GameContract):
    idle = ("discriminator.network.4.bias",)

    def make(self) -> ConditionalGAN:
        return conditional()

    def batch(self):
        return labelled()


class TestInfoGAN(GameContract):
    idle = ("discriminator.network.4.bias",)

    def make(self) -> InfoGAN:
        return informative()

    def batch(self):
        return labelled()[0]


# Labels.


def test_labels_become_rows_with_a_single_one():
    like = torch.zeros(1, dtype=torch.float64)
    rows = one_hot(np.array([2, 0]), 4, like)
    assert rows.dtype == torch.float64
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0.0, 1.0], [[0, 1]]])
def test_what_is_no_label_is_refused(labels):
    with pytest.raises(ValueError, match="context has shape"):
        conditional().sample(2, context=torch.tensor(labels))


def test_images_without_labels_are_refused():
    with pytest.raises(ValueError, match="context=None"):
        conditional().loss(labelled()[0])


def test_both_players_hear_the_class_and_each_only_if_told():
    x, labels = labelled()
    model = drawn(conditional())
    z, other = model.noise(8, generator=seeded()), (labels + 1) % 3
    real = model.prepare(x)
    assert not torch.allclose(model.generate(z, labels), model.generate(z, other))
    assert not torch.allclose(model.judge(real, labels), model.judge(real, other))
    deaf = drawn(conditional(tells_discriminator=False))
    assert torch.equal(deaf.judge(real, labels), deaf.judge(real, other))


def test_fake_and_real_are_judged_with_the_same_label():
    """An oracle: with D(x, c) = a . x + b[c] the labels cancel in the relativistic loss."""
    model = conditional(gamma=0.0)
    model.discriminator = nn.Module()
    weight = torch.randn(15, generator=seeded(6))
    offsets = torch.tensor([5.0, -3.0, 11.0])
    model.discriminator.forward = lambda x, hot: x.flatten(1) @ weight + hot @ offsets
    x, labels = labelled()
    real, fake = model.prepare(x), model.generate(model.noise(8, generator=seeded(1)), labels)
    gap = (real - fake).flatten(1) @ weight
    expected = torch.log1p(torch.exp(gap)).mean()  # the generator's
    torch.testing.assert_close(model.generator_value(real, fake, labels), expected)
    shuffled = model.discriminator.forward(fake, one_hot(labels.flip(0), 3, fake))
    assert not torch.allclose(shuffled, model.judge(fake, labels))


def test_without_labels_the_classes_take_turns():
    model = drawn(conditional())
    turns = model.sample(7, generator=seeded())
    told = model.sample(7, context=torch.tensor([0, 1, 2, 0, 1, 2, 0]), generator=seeded())
    assert torch.equal(turns, told)


def test_it_learns_which_of_two_images_is_wanted():
    x = torch.zeros(200, *SMALL, dtype=torch.int64)
    labels = torch.arange(200) % 3
    x[labels == 1] = 6
    x[labels == 2, ..., :2] = 6
    model = drawn(conditional())
    model, _ = fit_gan(
        model, (x, labels), 250, generator=seeded(1), learning_rate=5e-3, batch_size=32
    )
    samples = model.sample(30, generator=seeded(2)).double()
    centres = torch.stack([x[labels == k][0] for k in range(3)]).double().flatten(1)
    nearest = torch.cdist(samples.flatten(1), centres).argmin(dim=1)
    assert (nearest == torch.arange(30) % 3).float().mean() > 0.9


# Codes.


def test_the_bound_is_the_information_less_a_divergence():
    """By enumeration, for a random channel p(x | c) and a random reader."""
    rng = np.random.default_rng(0)
    K, n_x = 4, 6
    channel = rng.dirichlet(np.ones(n_x), size=K)  # p(x | c)
    reader = rng.dirichlet(np.ones(K), size=n_x)  # Q(c | x)
    joint = channel / K
    marginal = joint.sum(axis=0)
    information = (joint * np.log(joint / marginal * K)).sum()
    posterior = (joint / marginal).T
    divergence = (marginal[:, None] * posterior * np.log(posterior / reader)).sum()
    log_q = torch.from_numpy(n_x * K * joint * np.log(reader.T)).flatten()  # its mean is E log Q
    bound = mutual_information_bound(log_q, math.log(K)).item()
    assert bound == pytest.approx(information - divergence)
    assert bound <= information <= math.log(K)
    best = torch.from_numpy(n_x * K * joint * np.log(posterior.T)).flatten()
    assert mutual_information_bound(best, math.log(K)).item() == pytest.approx(information)


@pytest.mark.parametrize("n_codes", [2, 3, 7])
@pytest.mark.parametrize("size", [0.1, 3.0, 100.0])
def test_the_bound_never_exceeds_the_logarithm_of_the_number_of_codes(n_codes, size):
    model = drawn(informative(0, n_codes))
    with torch.no_grad():
        for p in model.generator.reader.parameters():
            p.mul_(size)
        z = model.noise(200, generator=seeded())
        found = model.information(model.generate(z), z[:, 2:])
    assert found <= math.log(n_codes) == model.entropy


def test_a_reader_that_knows_and_one_that_guesses():
    model = informative(0, 4)
    code = model.codes(300, generator=seeded())
    model.generator.reader = nn.Identity()
    assert model.information(50 * code, code).item() == pytest.approx(math.log(4))
    assert model.information(0 * code, code).item() == pytest.approx(0, abs=1e-6)
    model = informative(2, 3)
    code = model.codes(300, generator=seeded())
    model.generator.reader = nn.Identity()
    sharp = torch.cat([50 * code[:, :3], code[:, 3:]], dim=1)
    gain = 2 * (math.log(2) - math.log(model.STD) - 0.5 * math.log(2 * math.pi))
    assert model.information(sharp, code).item() == pytest.approx(math.log(3) + gain, abs=1e-5)


def test_codes_are_even_and_beside_them_uniform():
    code = informative(2, 5).codes(5000, generator=seeded())
    assert torch.equal(code[:, :5].sum(dim=1), torch.ones(5000))
    assert (code[:, :5].mean(dim=0) - 0.2).abs().max() < 5 * math.sqrt(0.16 / 5000)
    u = code[:, 5:]
    assert u.min() >= -1
    assert u.max() <= 1
    assert u.mean(dim=0).abs().max() < 5 * math.sqrt(1 / 3 / 5000)
    assert u.std(dim=0).sub(math.sqrt(1 / 3)).abs().max() < 0.03


def gradients(model, loss):
    model.zero_grad(set_to_none=True)
    loss.backward()
    players = {
        "G": model.generator.generator,
        "Q": model.generator.reader,
        "D": model.discriminator,
    }
    return {
        name: sum(0 if p.grad is None else p.grad.abs().sum().item() for p in player.parameters())
        for name, player in players.items()
    }


def test_the_information_moves_generator_and_reader_and_nobody_else():
    """Pitfall G9: D has no part in it, and D's own loss moves D alone."""
    model, (x, _) = drawn(informative()), labelled()
    z = model.noise(8, generator=seeded(1))
    moved = gradients(model, model.information(model.generate(z), z[:, 2:]))
    assert moved["G"] > 0
    assert moved["Q"] > 0
    assert moved["D"] == 0
    moved = gradients(model, model.generator_loss(x, generator=seeded(1)))
    assert moved["G"] > 0
    assert moved["Q"] > 0
    assert moved["D"] == 0
    moved = gradients(model, model.discriminator_loss(x, generator=seeded(1)))
    assert moved["D"] > 0
    assert moved["G"] == moved["Q"] == 0
    without = drawn(informative(weight=0.0))
    assert gradients(without, without.generator_loss(x, generator=seeded(1)))["Q"] == 0


def test_no_label_of_the_data_takes_part():
    """What Q must say is the drawn code: other labels, the same loss (pitfall G9)."""
    model, (x, labels) = drawn(informative()), labelled()
    losses = [
        model.generator_loss(x, told, generator=seeded(1))
        for told in (None, labels, labels.flip(0))
    ]
    assert losses[0] == losses[1] == losses[2]


def test_after_training_the_code_is_read_and_finds_the_groups():
    generator = seeded(3)
    kind = torch.arange(300) % 3
    x = torch.zeros(300, *SMALL, dtype=torch.int64)
    x[kind == 1, :, :2] = 6
    x[kind == 2, ..., 3:] = 6
    x = (x + torch.randint(2, x.shape, generator=generator)).clamp(max=6)
    model = drawn(informative(0, 3))
    model, _ = fit_gan(model, x, 300, generator=generator, learning_rate=3e-3, batch_size=32)
    with torch.no_grad():
        z = model.noise(200, generator=seeded(1))
        said = model.generator.reader(model.generate(z)).argmax(dim=1)
        assert (said == z[:, 2:].argmax(dim=1)).float().mean() > 0.9
        assert model.read(x).shape == (300, 3)
        assert math.log(3) >= model.information(model.generate(z), z[:, 2:]) > 0.8 * math.log(3)


def test_one_code_at_a_time():
    model = drawn(informative(2, 3))
    labels, u = torch.tensor([0, 2, 1]), torch.tensor([[0.0, 1.0]]).expand(3, 2)
    images = model.sample(3, context=model.code(labels, u), generator=seeded())
    assert torch.equal(images, model.sample(3, context=model.code(labels, u), generator=seeded()))
    other = model.sample(3, context=model.code(labels.flip(0), u), generator=seeded())
    assert not torch.equal(images, other)


def test_digits_go_in_as_they_are():
    x = torch.from_numpy(data.digits().x_train[:4])
    model = InfoGAN(
        DenseGenerator(4, (1, 8, 8), 8, n_context=10),
        DenseDiscriminator((1, 8, 8), 8),
        nn.Sequential(nn.Flatten(), dense(64, 8, 10)),
        4,
    )
    assert torch.isfinite(model.loss(x, generator=seeded()))
    with pytest.raises(ValueError, match="n_levels"):
        model.loss(x / 16.0 - 1, generator=seeded())


def test_to_wobble_is_to_warp_to_fade_and_to_spoil():
    x = 1.98 * torch.rand(5, *SMALL, generator=seeded(1)) - 0.99
    still = {"ripple": 0, "gamma": 0}
    assert torch.allclose(wobble(x, 0, 0, 0, **still, generator=seeded()), x, atol=2.1e-3)
    paper = torch.full((400, *SMALL), -1.0)
    spoiled = wobble(paper, generator=seeded())
    assert (spoiled + 1).std().item() == pytest.approx(0.2, rel=0.05)
    assert abs((spoiled + 1).mean().item()) < 0.1, "paper stays nearly paper, whatever its power"
    faded = wobble(x, 0, 0, 0, ripple=0, generator=seeded())
    powers = ((faded + 1) / 2).log() / ((x + 1) / 2).log()
    assert torch.allclose(powers, powers[:, :, :1, :1].expand_as(powers), rtol=1e-3)
    warped = wobble(x, std=0, gamma=0, generator=seeded())
    due = augment.random_warp((x + 1) / 2, bend=0.3, shift=0.5, ripple=0.3, generator=seeded())
    assert torch.allclose((warped + 1) / 2, due, atol=1.1e-3)
    paper.requires_grad_()
    wobble(paper, generator=seeded()).sum().backward()
    assert torch.isfinite(paper.grad).all(), "white paper has a gradient"


def test_the_reader_sees_what_was_distorted():
    seen = []

    def distort(x, *, generator=None):
        seen.append(x)
        return 0 * x

    x, _ = labelled()
    blind = drawn(informative(0, distort=distort))
    moved = gradients(blind, blind.generator_loss(x, generator=seeded(1)))
    assert len(seen) == 1
    assert moved["G"] > 0  # by the game alone
    other = drawn(informative(0, weight=0.0))
    other.generator_loss(x, generator=seeded(1)).backward()
    pairs = (m.generator.generator.parameters() for m in (blind, other))
    for p, q in zip(*pairs, strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_less_noise_leaves_more_to_the_code():
    quiet = drawn(informative(noise_std=0.25))
    z, loud = (m.noise(2000, generator=seeded()) for m in (quiet, drawn(informative())))
    torch.testing.assert_close(4 * z[:, :2], loud[:, :2])
    assert torch.equal(z[:, 2:], loud[:, 2:])
