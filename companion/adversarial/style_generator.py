"""A generator in the manner of StyleGAN: styles, layer-wise noise, and inversion with both.

Chapter: `inversion`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.gan import frozen
from companion.adversarial.inversion import Inversion, descent, mean_event, unit
from companion.distributions import standard_normal
from companion.validation import check_integer, check_real

SLOPE = 0.2  # of the leaky ReLUs
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # what they take from a standard deviation of 1


class EqualizedLinear(nn.Module):
    """Linear layer whose weights are of size 1 and are scaled in use (Karras et al., 2018).

    ``x W^T / sqrt(n_inputs) + b``: Adam, whose steps have one size, changes every layer by the same
    share, whatever its fan-in.
    """

    def __init__(self, n_inputs, n_outputs, *, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs))
        self.bias, self.first = nn.Parameter(torch.empty(n_outputs)), bias
        self.reset_parameters()

    def reset_parameters(self):
        """Weights from N(0, 1)."""
        nn.init.normal_(self.weight)
        nn.init.constant_(self.bias, self.first)

    def forward(self, x):
        scale = 1 / math.sqrt(self.weight.shape[1])
        return functional.linear(x, self.weight * scale, self.bias)


class StyledConv2d(nn.Module):
    """Convolution whose input channels are weighed by a style (Karras et al., 2020).

    ``y_o = d_o sum_i (W_oi * s_i x_i)`` with ``s = A w`` and ``d_o = 1 / |s W_o|``: whatever the
    style, outputs keep a standard deviation of 1 where inputs have one.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels.
    n_style : int
    kernel_size : int
        Odd.
    demodulate : bool
        Divide by the length; the last layer does not.
    """

    def __init__(self, n_inputs, n_outputs, n_style, kernel_size=3, *, demodulate=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs, kernel_size, kernel_size))
        self.style = EqualizedLinear(n_style, n_inputs, bias=1.0)
        self.demodulate = demodulate
        self.reset_parameters()

    def reset_parameters(self):
        """Weights from N(0, 1)."""
        nn.init.normal_(self.weight)

    def forward(self, x, w):
        """(B, n_inputs, H, W) and styles (B, n_style) to (B, n_outputs, H, W)."""
        style = self.style(w)  # (B, n_inputs)
        weight = self.weight / math.sqrt(self.weight[0].numel())
        y = functional.conv2d(x * style[:, :, None, None], weight, padding="same")
        if self.demodulate:
            square = style**2 @ (weight**2).sum(dim=(2, 3)).T  # (B, n_outputs)
            y = y * (square + 1e-8).rsqrt()[:, :, None, None]
        return y


class NoisyLayer(nn.Module):
    """A styled convolution, then noise, one map for all channels, each with its own scale."""

    def __init__(self, n_inputs, n_outputs, n_style):
        super().__init__()
        self.convolution = StyledConv2d(n_inputs, n_outputs, n_style)
        self.noise_scale = nn.Parameter(torch.empty(1, n_outputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(1, n_outputs, 1, 1))
        self.reset_parameters()

    def reset_parameters(self):
        """No noise and no bias at first."""
        nn.init.zeros_(self.noise_scale)
        nn.init.zeros_(self.bias)

    def forward(self, x, w, noise):
        """(B, n_inputs, H, W), styles (B, n_style) and noise (B, 1, H, W)."""
        y = self.convolution(x, w) + self.noise_scale * noise + self.bias
        return functional.leaky_relu(y, SLOPE) * GAIN


class StyleGenerator(nn.Module):
    """A constant, styled layer by layer, with noise at each (Karras et al., 2019 and 2020).

    A latent vector is the code z of the style, and the entries of all noise maps after it, so that
    a GAN draws both at once: `n_latent` numbers. A network maps z to w; a layer has a convolution
    weighed by w, noise of its own, a leaky ReLU. Between scales the picture is doubled.

    Parameters
    ----------
    n_code : int
        Of z, and of w.
    event_shape : tuple (C, H, W)
        H and W divisible by ``2 ** (n_scales - 1)``.
    n_channels, n_scales, n_mapping : int
        Channels, scales, and layers of the mapping network.
    """

    def __init__(self, n_code=32, event_shape=(1, 8, 8), *, n_channels=24, n_scales=2, n_mapping=2):
        super().__init__()
        n_channels, height, width = check_integer("n_channels", n_channels), *event_shape[1:]
        factor = 2 ** (check_integer("n_scales", n_scales) - 1)
        if height % factor or width % factor:
            raise ValueError(f"n_scales={n_scales}: take fewer for images of {height}x{width}.")
        self.n_code, self.event_shape = check_integer("n_code", n_code), tuple(event_shape)
        self.n_scales = n_scales
        check_integer("n_mapping", n_mapping)
        self.mapping = nn.ModuleList(EqualizedLinear(n_code, n_code) for _ in range(n_mapping))
        self.first = nn.Parameter(torch.empty(1, n_channels, height // factor, width // factor))
        sizes = [(height * 2**i // factor, width * 2**i // factor) for i in range(n_scales)]
        self.map_sizes = [size for i, size in enumerate(sizes) for _ in range(1 + (i > 0))]
        self.layers = nn.ModuleList(
            NoisyLayer(n_channels, n_channels, n_code) for _ in self.map_sizes
        )
        self.last = StyledConv2d(n_channels, event_shape[0], n_code, 1, demodulate=False)
        self.last_bias = nn.Parameter(torch.zeros(1, event_shape[0], 1, 1))
        self.reset_parameters()

    @property
    def n_latent(self):
        """Numbers of a latent vector: the code, and all noise."""
        return self.n_code + sum(math.prod(size) for size in self.map_sizes)

    def reset_parameters(self):
        """The constant from N(0, 1)."""
        nn.init.normal_(self.first)
        nn.init.zeros_(self.last_bias)

    def split(self, latent):
        """Take a latent vector (B, n_latent) apart: z (B, n_code), and a list of noise maps."""
        sizes = [self.n_code, *(math.prod(size) for size in self.map_sizes)]
        z, *noise = latent.split(sizes, dim=1)
        return z, [n.view(-1, 1, *s) for n, s in zip(noise, self.map_sizes, strict=True)]

    def style(self, z):
        """The mapping network, z (B, n_code) to w (B, n_code); the length of z does not matter."""
        w = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            w = functional.leaky_relu(layer(w), SLOPE) * GAIN
        return w

    def synthesize(self, w, noise):
        """Images (B, *event) in (-1, 1) from styles and noise maps (B, 1, H, W)."""
        x = self.first.expand(len(w), -1, -1, -1)
        for layer, size, one in zip(self.layers, self.map_sizes, noise, strict=True):
            if x.shape[2:] != size:
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = layer(x, w, one)
        return (self.last(x, w) + self.last_bias).tanh()

    def forward(self, latent):
        z, noise = self.split(latent)
        return self.synthesize(self.style(z), noise)


def noise_regularizer(maps, *, smallest=4):
    """How much noise maps agree with themselves one pixel on, (B,).

    At each scale ``(mean n(r, c) n(r, c + 1))^2 + (mean n(r, c) n(r + 1, c))^2``,
    the edges joined: 2 / H W on average if the noise is white. Then 2x2 pixels are
    averaged and doubled, until a side would be below `smallest`. All is added.

    Parameters
    ----------
    maps : sequence of tensor (B, 1, H, W)
    smallest : int
    """
    total = 0.0
    for n in maps:
        while True:
            for axis in (2, 3):
                total = total + mean_event(n * n.roll(1, dims=axis)) ** 2
            if min(n.shape[2:]) < 2 * smallest:
                break
            n = 2 * functional.avg_pool2d(n, 2)
    return total


def normalized(noise):
    """Noise maps (B, 1, H, W) with mean 0 and standard deviation 1 each."""
    mean = noise.mean(dim=(2, 3), keepdim=True)
    return (noise - mean) / noise.std(dim=(2, 3), keepdim=True, correction=0).clamp_min(1e-8)


def invert_with_noise(
    gan,
    images,
    n_steps=200,
    *,
    regularization=0.0,
    learn_style=True,
    learn_noise=True,
    learning_rate=0.1,
    generator=None,
):
    """Find the style w of each image, along with the noise maps (Karras et al., 2020).

    Starts at the mean style and at drawn noise. After each step every map gets mean 0 and standard
    deviation 1: it cannot be switched off or made loud.

    Parameters
    ----------
    gan : GAN
        Its generator is a `StyleGenerator`.
    images : tensor (n, *event)
    n_steps : int
    regularization : float
        Weight of `noise_regularizer`.
    learn_style, learn_noise : bool
        What is optimised; the other stays at its start.
    learning_rate : float
    generator : torch.Generator, optional

    Returns
    -------
    found : Inversion
        With w in the place of z.
    noise : list of tensor (n, 1, H, W)
    """
    check_integer("n_steps", n_steps, low=0)
    weight = check_real("regularization", regularization, 0)
    if not (learn_style or learn_noise):
        raise ValueError("learn_style=False and learn_noise=False leave nothing: allow one.")
    model, target = gan.generator, gan.prepare(images)
    latent = gan.noise(1000, generator=generator)
    with torch.no_grad():
        w = model.style(model.split(latent)[0]).mean(dim=0).repeat(len(target), 1)
    noise = [
        normalized(standard_normal((len(target), 1, *size), generator=generator, like=w))
        for size in model.map_sizes
    ]
    flat = torch.cat([w, *(one.flatten(1) for one in noise)], dim=1).requires_grad_()
    held = flat.detach().clone()
    n_code, path = model.n_code, []

    def parts():
        style = flat if learn_style else held
        rest = flat if learn_noise else held
        return style[:, :n_code], model.split(rest)[1]

    def errors():
        return mean_event((model.synthesize(*parts()) - target) ** 2)

    def values():
        return errors() + weight * noise_regularizer(parts()[1])

    def record():
        with torch.no_grad():
            if learn_noise:
                maps = [normalized(one).flatten(1) for one in model.split(flat)[1]]
                flat[:, n_code:] = torch.cat(maps, dim=1)
            path.append(unit(gan) ** 2 * errors()[None])

    with torch.enable_grad(), frozen(gan):
        for _ in descent(flat, values, n_steps, learning_rate=learning_rate):
            record()
        record()
    w, noise = (part for part in parts())
    return Inversion(w.detach(), path[-1][0], torch.stack(path)), [one.detach() for one in noise]
