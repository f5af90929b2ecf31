"""Styles, noise and their inversion: what Karras et al. promise, at random weights."""

import math

import pytest
import torch
from torch.nn import functional

from companion import data
from companion.adversarial.gan import DenseDiscriminator
from companion.adversarial.regularized import R3GAN
from companion.adversarial.style_generator import (
    EqualizedLinear,
    StyledConv2d,
    StyleGenerator,
    invert_with_noise,
    noise_regularizer,
    normalized,
)
from companion.layers import initialize
from tests.contracts import GenerativeContract, seeded


def small(event_shape=(1, 4, 6), **settings):
    """A GAN in float64 whose noise matters."""
    settings = {"n_code": 5, "n_channels": 6} | settings
    generator = StyleGenerator(event_shape=event_shape, **settings)
    model = R3GAN(
        generator, DenseDiscriminator(event_shape, 16), generator.n_latent, event_shape, None
    )
    model = initialize(model, generator=seeded()).double().eval()
    with torch.no_grad():
        for i, layer in enumerate(model.generator.layers):
            layer.noise_scale.copy_(torch.randn(layer.noise_scale.shape, generator=seeded(i)))
    return model


@pytest.mark.parametrize("n_inputs", [8, 512])
def test_weights_have_size_one_and_outputs_too_whatever_the_fan_in(n_inputs):
    """The equalised learning rate (pitfall G13): without it Adam's steps are shares unlike."""
    layer = initialize(EqualizedLinear(n_inputs, 400), generator=seeded())
    assert layer.weight.std().item() == pytest.approx(1, abs=0.1)
    x = torch.randn(300, n_inputs, generator=seeded(1))
    assert layer(x).std().item() == pytest.approx(1, abs=0.2)
    convolution = initialize(StyledConv2d(n_inputs, 40, 3), generator=seeded())
    assert convolution.weight.std().item() == pytest.approx(1, abs=0.1)


def test_an_equal_step_changes_every_layer_by_the_same_share():
    """One step of sign descent on weights of fan-in 4 and 400: outputs move by the same size."""
    moves = []
    for n in (4, 400):
        layer = initialize(EqualizedLinear(n, 50), generator=seeded())
        x = torch.randn(500, n, generator=seeded(1))
        step = torch.randn(layer.weight.shape, generator=seeded(2)).sign()
        before = layer(x)
        with torch.no_grad():
            layer.weight.add_(0.01 * step)
        moves.append((layer(x) - before).std().item())
    assert moves[0] == pytest.approx(moves[1], rel=0.1)
    assert moves[0] == pytest.approx(0.01, rel=0.1)


def test_a_styled_convolution_is_one_with_modulated_weights():
    """Equations 1 and 3 of StyleGAN2, written with a kernel for each image."""
    layer = initialize(StyledConv2d(3, 4, 5), generator=seeded()).double()
    x = torch.randn(6, 3, 5, 7, generator=seeded(1)).double()
    w = torch.randn(6, 5, generator=seeded(2)).double()
    style = layer.style(w)
    for i in range(6):
        kernel = layer.weight * style[i][None, :, None, None]
        kernel = kernel / kernel.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        right = functional.conv2d(x[i : i + 1], kernel, padding=1)
        torch.testing.assert_close(layer(x, w)[i : i + 1], right, atol=1e-6, rtol=1e-5)


def test_demodulation_keeps_outputs_at_one_and_forgets_the_styles_length():
    layer = initialize(StyledConv2d(64, 200, 5, 1), generator=seeded()).double()
    x = torch.randn(3, 64, 9, 9, generator=seeded(1)).double()
    w = torch.randn(3, 5, generator=seeded(2)).double()
    assert layer(x, w).std().item() == pytest.approx(1, abs=0.1)
    with torch.no_grad():
        first = layer(x, w)
        layer.style.weight.mul_(7)
        layer.style.bias.mul_(7)
        torch.testing.assert_close(layer(x, w), first, atol=1e-6, rtol=1e-5)
        layer.demodulate = False
        assert (layer(x, w) - first).abs().max() > 1


def test_noise_is_one_map_a_layer_and_has_a_scale_a_channel():
    """Pitfall G13: noise (B, 1, H, W), its scale (1, C, 1, 1); its scale is 0 at first."""
    generator = StyleGenerator(5, (1, 4, 6), n_channels=7, n_scales=2)
    latent = torch.randn(3, generator.n_latent, generator=seeded())
    z, noise = generator.split(latent)
    assert z.shape == (3, 5)
    assert [tuple(n.shape) for n in noise] == [(3, 1, 2, 3), (3, 1, 4, 6), (3, 1, 4, 6)]
    assert generator.n_latent == 5 + 6 + 24 + 24
    assert all(layer.noise_scale.shape == (1, 7, 1, 1) for layer in generator.layers)
    other = torch.cat([latent[:, :5], torch.randn(3, 54, generator=seeded(1))], dim=1)
    assert torch.equal(generator(latent), generator(other)), "scales start at 0"
    model = small()
    latent = model.noise(3, generator=seeded())
    for entry in range(5, model.n_latent):
        moved = latent.clone()
        moved[1, entry] += 1
        change = (model.generate(moved) - model.generate(latent)).flatten(1).abs().amax(dim=1)
        assert change[1] > 0, f"noise {entry} does not matter"
        assert change[0] == change[2] == 0, "noise of one image reaches another"


def test_the_length_of_z_does_not_matter_but_its_direction_does():
    model = small().generator
    z = torch.randn(4, 5, generator=seeded()).double()
    torch.testing.assert_close(model.style(z), model.style(3 * z))
    assert (model.style(z) - model.style(-z)).abs().max() > 0.1


def test_the_regularizer_of_white_noise_is_two_over_its_pixels():
    """Each mean of n products of independent N(0, 1) has variance 1 / n; scales add up."""
    draws = torch.randn(20_000, 1, 8, 12, generator=seeded()).double()
    values = noise_regularizer([draws], smallest=8)
    right, error = 2 / 96, values.std() / len(values) ** 0.5
    assert abs(values.mean() - right) < 5 * error
    values = noise_regularizer([draws])
    right, error = 2 / 96 + 2 / 24, values.std() / len(values) ** 0.5
    assert abs(values.mean() - right) < 5 * error


def test_the_regularizer_written_with_loops():
    maps = [
        torch.randn(2, 1, *size, generator=seeded(i)).double()
        for i, size in enumerate([(5, 7), (8, 8)])
    ]

    def one(n):
        height, width = n.shape
        right = sum(n[r, c] * n[r, (c + 1) % width] for r in range(height) for c in range(width))
        down = sum(n[r, c] * n[(r + 1) % height, c] for r in range(height) for c in range(width))
        return ((right / (height * width)) ** 2 + (down / (height * width)) ** 2).item()

    halved = [
        [n[0, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].sum() / 2 for c in range(4)]
        for n in maps[1]
        for r in range(4)
    ]
    halved = torch.tensor(halved).view(2, 4, 4)
    right = [one(maps[0][i, 0]) + one(maps[1][i, 0]) + one(halved[i]) for i in range(2)]
    torch.testing.assert_close(noise_regularizer(maps), torch.tensor(right).double())


def test_signal_costs_and_white_noise_nearly_nothing():
    """A digit in the map, in the place of noise: each scale says so."""
    digits = torch.from_numpy(data.digits().x_test[:50]).double()
    signal = noise_regularizer([normalized(digits)])
    white = noise_regularizer([normalized(torch.randn(50, 1, 8, 8, generator=seeded()).double())])
    assert signal.median() > 3 * white.mean()
    constant = torch.ones(1, 1, 8, 8)
    assert noise_regularizer([constant]).item() == pytest.approx(2 + 2 * 16)
    assert noise_regularizer([constant], smallest=8).item() == pytest.approx(2)


def test_normalized_maps_have_mean_zero_and_deviation_one():
    maps = normalized(5 + 3 * torch.randn(4, 1, 3, 5, generator=seeded()))
    torch.testing.assert_close(maps.mean(dim=(2, 3)), torch.zeros(4, 1), atol=1e-6, rtol=0)
    deviation = maps.std(dim=(2, 3), correction=0)
    torch.testing.assert_close(deviation, torch.ones(4, 1))
    assert torch.isfinite(normalized(torch.zeros(1, 1, 2, 2))).all()


@pytest.mark.parametrize("regularization", [0.0, 3.0])
def test_inversion_lowers_the_error_and_leaves_noise_normalized(regularization):
    model = small()
    x = torch.rand(6, 1, 4, 6, generator=seeded(4)).double() - 0.5
    found, noise = invert_with_noise(
        model, x, 60, regularization=regularization, generator=seeded(5)
    )
    assert found.path.shape == (61, 1, 6)
    assert (found.errors < found.path[0, 0]).all()
    made = model.generator.synthesize(found.z, noise)
    torch.testing.assert_close(((made - x) ** 2).mean(dim=(1, 2, 3)).detach(), found.errors)
    for one in noise:
        torch.testing.assert_close(one.std(dim=(2, 3), correction=0), torch.ones(6, 1).double())
    if regularization:
        free = invert_with_noise(model, x, 60, generator=seeded(5))[1]
        assert noise_regularizer(noise).mean() < 0.5 * noise_regularizer(free).mean()


def test_what_may_not_be_learned_stays():
    model = small()
    x = torch.rand(3, 1, 4, 6, generator=seeded(4)).double() - 0.5
    start, drawn = invert_with_noise(model, x, 0, generator=seeded(5))
    found, noise = invert_with_noise(model, x, 5, learn_noise=False, generator=seeded(5))
    assert all(torch.allclose(a, b) for a, b in zip(noise, drawn, strict=True))
    assert (found.z != start.z).any()
    found, noise = invert_with_noise(model, x, 5, learn_style=False, generator=seeded(5))
    assert torch.equal(found.z, start.z)
    assert any((a != b).any() for a, b in zip(noise, drawn, strict=True))
    with pytest.raises(ValueError, match="leave nothing"):
        invert_with_noise(model, x, 5, learn_style=False, learn_noise=False)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="n_scales=3"):
        StyleGenerator(4, (1, 6, 8), n_scales=3)
    assert StyleGenerator(4, (2, 5, 3), n_scales=1)(torch.zeros(2, 19)).shape == (2, 2, 5, 3)
    assert math.prod(StyleGenerator(4, (1, 12, 8), n_scales=3).map_sizes[0]) == 6


class TestStyleGAN(GenerativeContract):
    n_steps = 40

    def make(self):
        generator = StyleGenerator(6, n_channels=5)
        discriminator = DenseDiscriminator((1, 8, 8), 16)
        discriminator.network[-1].register_parameter(
            "bias", None
        )  # differences have no slope for it
        return R3GAN(generator, discriminator, generator.n_latent)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])

    def test_loss_falls(self):
        """The sum of both players' losses need not; that of D against a generator at rest does."""
        model, batch = self.model(), self.batch()
        optimizer = torch.optim.Adam(model.discriminator.parameters(), lr=1e-2)
        before = model.discriminator_loss(batch, generator=seeded(1)).item()
        for _ in range(self.n_steps):
            optimizer.zero_grad()
            model.discriminator_loss(batch, generator=seeded(1)).backward()
            optimizer.step()
        assert model.discriminator_loss(batch, generator=seeded(1)).item() < before
