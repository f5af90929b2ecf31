"""Deep dream: its gradient against differences, its steps against closed forms."""

import numpy as np
import pytest
import torch
from PIL import Image

from companion import data
from companion.style.deep_dream import (
    DeepDream,
    activation,
    fine_share,
    normalized,
    octave_sizes,
    resize,
)
from companion.style.features import FeatureNetwork, VGG16Features
from tests.contracts import DeviceContract, assert_close, seeded
from tests.pretended_gpu import generator_on_device, needs_pretended_gpu, pretended_gpu
from tests.style.test_features import images, small
from tests.style.weights import needs_vgg16


def dreamer(network=None, layers=("conv2_1", "conv3_2"), **settings):
    settings = {"n_octaves": 2, "n_steps": 4, "jitter": 3} | settings
    return DeepDream(network or small("mean"), layers, **settings)


def test_the_activation_is_a_mean_of_squares_for_each_image():
    """eq-deep_dream-activation."""
    found = {"a": images(2, 5, 4), "b": images(2, 3, 2, seed=5) - 0.5}
    right = [sum((values[i] ** 2).mean().item() for values in found.values()) for i in range(2)]
    torch.testing.assert_close(activation(found), torch.tensor(right).double())
    right = [sum((values[i, 2] ** 2).mean().item() for values in found.values()) for i in range(2)]
    torch.testing.assert_close(activation(found, channel=2), torch.tensor(right).double())


@pytest.mark.parametrize("channel", [None, 1])
def test_the_gradient_is_that_of_differences(channel):
    dream, x = dreamer(channel=channel), images(2, 13, 11)
    gradient = dream.gradient(x)
    direction = torch.randn(x.shape, generator=seeded(4), dtype=x.dtype)
    step = 1e-6
    with torch.no_grad():
        higher, lower = (dream.activation(x + sign * step * direction) for sign in (1, -1))
    right = (higher - lower) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum((1, 2, 3)), right, rtol=1e-5, atol=1e-9)
    assert not x.requires_grad


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_a_normalized_gradient_moves_pixels_by_one_on_average(size):
    """Pitfall T3: each image by its own size, and none by infinity."""
    gradient = torch.randn(3, 3, 7, 5, generator=seeded(), dtype=torch.float64)
    gradient[1] *= 100
    found = normalized(size * gradient)
    torch.testing.assert_close(found.abs().mean((1, 2, 3)), torch.ones(3).double())
    torch.testing.assert_close(found[0] / found[0, 0, 0, 0], gradient[0] / gradient[0, 0, 0, 0])
    assert torch.equal(normalized(torch.zeros(1, 3, 2, 2)), torch.zeros(1, 3, 2, 2))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_dream_does_not_depend_on_the_unit_of_the_activations(scale):
    """Pitfall T3: the picture changes, and the same, whatever the size of the gradient."""
    network, x = small("mean"), images(1, 24, 26)
    right = dreamer(network, ["conv3_1"]).dream(x, generator=seeded())
    last = network.convolutions["conv3_1"]
    last.weight.mul_(scale)
    last.bias.mul_(scale)
    found = dreamer(network, ["conv3_1"]).dream(x, generator=seeded())
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)
    assert (found - x).abs().mean() > 0.01


@pytest.mark.parametrize("settings", [{}, {"n_octaves": 1}, {"jitter": 0}, {"channel": 2}])
def test_a_dream_raises_the_activation_and_changes_the_picture(settings):
    """Pitfall T3, and T2 for the range."""
    x = images(2, 40, 33)
    before = x.clone()
    dream = dreamer(small("mean"), ["conv3_1"], n_steps=10, step_size=0.02, **settings)
    found = dream.dream(x, generator=seeded(1))
    assert (dream.activation(found) > 1.5 * dream.activation(x)).all()
    assert (found - x).abs().mean() > 0.01
    assert found.shape == x.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert torch.equal(x, before)
    assert not found.requires_grad


def test_the_small_network_dreams():
    picture = torch.from_numpy(data.picture("coffee", size=64)).permute(2, 0, 1)[None] / 255
    dream = dreamer(FeatureNetwork.load(), ["conv3_2"], n_steps=10)
    found = dream.dream(picture, generator=seeded())
    assert dream.activation(found) > 1.5 * dream.activation(picture)
    assert (found - picture).abs().mean() > 0.01


@needs_vgg16
def test_vgg16_dreams():
    picture = torch.from_numpy(data.picture("coffee", size=64)).permute(2, 0, 1)[None] / 255
    dream = dreamer(VGG16Features.load(), ["conv3_1"], n_steps=3)
    found = dream.dream(picture, generator=seeded())
    assert dream.activation(found) > 1.5 * dream.activation(picture)


class Watched(torch.nn.Module):
    """A network that keeps what it is shown, and sees only one pixel of it."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, x, layers):
        self.shown.append(x.detach())
        return {"spot": x[:, :, 2:3, 3:4]}


def test_a_step_rolls_the_picture_and_rolls_the_gradient_back():
    """Pitfall T3: the pixel that moves is the one that the network saw at its spot."""
    x = images(1, 9, 8) / 2 + 0.1
    dream = DeepDream(Watched(), ["spot"], jitter=4, step_size=0.3, normalize=False)
    rolls = set()
    for seed in range(200):
        found = dream.step(x, generator=seeded(seed))
        shown = dream.network.shown[-1]
        (moved,) = (found - x).abs().sum(dim=1)[0].nonzero()
        rolls.add((2 - moved[0].item(), 3 - moved[1].item()))
        pixel = x[0, :, moved[0], moved[1]]
        assert torch.equal(shown[0, :, 2, 3], pixel)
        # The slope of the mean square of three numbers, by hand.
        right = pixel + 0.3 * 2 * pixel / 3
        torch.testing.assert_close(found[0, :, moved[0], moved[1]], right.clamp(0, 1))
    rows, columns = zip(*rolls, strict=True)
    assert len(rolls) > 60, "of 81 ways to roll by up to 4"
    assert len(set(rows)) == 9
    assert len(set(columns)) == 8, "of 9 ways to roll 8 columns two are the same"


@pytest.mark.parametrize("roll", [(3, -5), (0, 7), (-12, 1)])
def test_a_roll_can_be_undone(roll):
    x = images(1, 9, 8)
    back = x.roll(roll, dims=(2, 3)).roll([-shift for shift in roll], dims=(2, 3))
    assert torch.equal(back, x)


def test_octaves_are_a_geometric_row_that_ends_with_the_picture():
    assert octave_sizes(256, 128, 3, 2.0) == [(64, 32), (128, 64), (256, 128)]
    assert octave_sizes(100, 70, 3, 1.4) == [(51, 36), (71, 50), (100, 70)]
    assert octave_sizes(9, 9, 1, 1.4) == [(9, 9)]
    assert octave_sizes(2, 2, 4, 2.0)[0] == (1, 1)


def test_resizing_is_pillows():
    """A bicubic filter that widens when it shrinks, up to the rounding of bytes."""
    picture = data.picture("cat", size=64)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255
    for size in [(40, 31), (90, 70)]:
        right = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC)
        found = 255 * resize(x, size).clamp(0, 1)[0].permute(1, 2, 0).numpy()
        assert np.abs(found - np.array(right)).mean() < 1.5


def test_without_a_change_the_octaves_give_the_picture_back():
    """What is lost by shrinking is not lost from the dream: only the change is scaled."""
    x = images(1, 20, 17)
    dream = dreamer(n_octaves=3, step_size=1e-12)
    torch.testing.assert_close(dream.dream(x, generator=seeded()), x, rtol=0, atol=1e-9)


def test_the_network_sees_the_octaves_in_their_order():
    x, sizes = images(1, 30, 20), []
    dream = dreamer(n_octaves=3, n_steps=2, octave_scale=1.5)
    dream.dream(x, generator=seeded(), callback=lambda now: sizes.append(tuple(now.shape[2:])))
    assert sizes == [(13, 9), (13, 9), (20, 13), (20, 13), (30, 20), (30, 20)]


def test_same_generator_same_dream_and_the_global_state_untouched():
    x, state = images(1, 20, 20), torch.get_rng_state()
    first = dreamer().dream(x, generator=seeded())
    assert torch.equal(first, dreamer().dream(x, generator=seeded()))
    assert not torch.equal(first, dreamer().dream(x, generator=seeded(1)))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("shape", [(64, 64), (48, 80)])
def test_three_quarters_of_white_noise_are_fine(shape):
    noise = torch.randn(8, 3, *shape, generator=seeded(), dtype=torch.float64)
    assert fine_share(noise).mean().item() == pytest.approx(0.75, abs=0.02)
    wave = torch.cos(2 * torch.pi * 5 * torch.arange(shape[1]) / shape[1]).expand(1, 3, *shape)
    assert fine_share(wave).item() < 1e-6
    assert fine_share(wave * (-1.0) ** torch.arange(shape[1])).item() > 1 - 1e-6


def test_wrong_settings_are_refused():
    for name, value in [("n_octaves", 0), ("n_steps", 1.5), ("step_size", 0), ("jitter", -1)]:
        with pytest.raises(ValueError, match=f"{name}={value}"):
            dreamer(**{name: value})
    with pytest.raises(ValueError, match=r"octave_scale=0\.5"):
        dreamer(octave_scale=0.5)
    with pytest.raises(ValueError, match="channel=7"):
        dreamer(channel=7).dream(images())


class TestOnADevice(DeviceContract):
    """A dream on the device is the one of the CPU."""

    @needs_pretended_gpu
    @pytest.mark.parametrize("make_generator", [seeded, generator_on_device])
    def test_on_the_device_it_says_what_it_says_on_the_cpu(self, make_generator):
        dream, x = dreamer(small("mean").float(), n_steps=2), images(1, 20, 20).float()
        expected = dream.dream(x, generator=seeded())
        with pretended_gpu() as device:
            found = dream.to(device).dream(x.to(device), generator=make_generator(0))
            assert found.device == device
            assert_close("dream", found, expected)
