"""Deep dream: change an image, by gradient ascent, into more of what a network sees in it.

Chapter: `deep_dream`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import uniform
from companion.validation import check_integer, check_real


def activation(found, channel=None):
    """Mean square of the activations of each layer, summed: (B, C, H, W) to (B,).

    With `channel` only that one of each layer counts.
    """
    if channel is not None:
        n_channels = min(values.shape[1] for values in found.values())
        check_integer("channel", channel, low=0, high=n_channels - 1)
        found = {name: v[:, channel : channel + 1] for name, v in found.items()}
    return sum(values.square().mean(dim=(1, 2, 3)) for values in found.values())


def normalized(gradient, eps=1e-12):
    """Divide each image's gradient by its mean absolute value, at least `eps`.

    Pixels then move by about one step, whatever the size of the activations.
    """
    size = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
    return gradient / size.clamp(min=eps)


def octave_sizes(height, width, n_octaves, scale):
    """Sizes of an image from the smallest to its own, each `scale` times the one before."""
    powers = range(n_octaves - 1, -1, -1)
    return [(max(round(height / scale**i), 1), max(round(width / scale**i), 1)) for i in powers]


def resize(x, size):
    """Scale images (B, C, H, W) to another size, smoothly."""
    return functional.interpolate(x, size, mode="bicubic", align_corners=False, antialias=True)


class DeepDream(nn.Module):
    """Gradient ascent on what a network sees in an image (Mordvintsev et al., 2015).

    The image is first made small, and changed there for `n_steps`; the change is scaled up and
    added to the image at the next size, and so on. At each step the image is rolled by a few
    random pixels before the network sees it.

    Parameters
    ----------
    network : Features
        Its weights stay as they are.
    layers : sequence of str
        Of the network.
    channel : int, optional
        Of the layers; all channels by default.
    n_octaves, octave_scale : int, float
        How many sizes, and the ratio of two; 1 octave is the image's own size alone.
    n_steps : int
        At each size.
    step_size : float
        By how much a pixel moves, on average, in a step; pixels are in [0, 1].
    jitter : int
        Images are rolled by up to so many pixels; 0 for not at all.
    normalize : bool
        Divide the gradient by its mean absolute value. Otherwise `step_size` times the plain
        gradient is added.

    References
    ----------
    A. Mordvintsev, C. Olah and M. Tyka, Inceptionism: going deeper into neural networks, 2015.
    """

    def __init__(
        self,
        network,
        layers,
        *,
        channel=None,
        n_octaves=4,
        octave_scale=1.4,
        n_steps=10,
        step_size=0.01,
        jitter=8,
        normalize=True,
    ):
        super().__init__()
        self.network, self.layers, self.channel = network, list(layers), channel
        self.n_octaves = check_integer("n_octaves", n_octaves)
        self.octave_scale = check_real("octave_scale", octave_scale, 1)
        self.n_steps = check_integer("n_steps", n_steps)
        self.step_size = check_real("step_size", step_size, 0, inclusive=False)
        self.jitter = check_integer("jitter", jitter, low=0)
        self.normalize = normalize

    def activation(self, x):
        """What is climbed, for images (B, 3, H, W) in [0, 1]: a tensor (B,)."""
        return activation(self.network(x, self.layers), self.channel)

    def gradient(self, x):
        """Gradient of the activation with respect to the pixels, of the shape of `x`."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(self.activation(x).sum(), x)[0]

    def step(self, x, *, generator=None):
        """One step up: roll, gradient, roll back, move, keep within [0, 1]."""
        roll = self._draw_roll(x, generator)
        gradient = self.gradient(x.roll(roll, dims=(2, 3)))
        gradient = gradient.roll([-shift for shift in roll], dims=(2, 3))
        if self.normalize:
            gradient = normalized(gradient)
        return (x + self.step_size * gradient).clamp(0, 1)

    @torch.no_grad()
    def dream(self, x, *, generator=None, callback=None):
        """Return images changed so that the network sees more in them.

        Parameters
        ----------
        x : float tensor (B, 3, H, W)
            In [0, 1]; left as it is.
        generator : torch.Generator, optional
            Draws the rolls.
        callback : callable, optional
            Called as ``callback(images)`` after each step.

        Returns
        -------
        float tensor (B, 3, H, W) in [0, 1]
        """
        change = torch.zeros_like(x)
        for size in octave_sizes(*x.shape[2:], self.n_octaves, self.octave_scale):
            start = resize(x, size).clamp(0, 1)
            now = (start + resize(change, size)).clamp(0, 1)
            for _ in range(self.n_steps):
                now = self.step(now, generator=generator)
                if callback is not None:
                    callback(now)
            change = now - start
        return now

    def _draw_roll(self, x, generator):
        """Rows and columns by which to roll, from -jitter to jitter."""
        places = uniform((2,), generator=generator, like=x) * (2 * self.jitter + 1)
        return [min(int(place), 2 * self.jitter) - self.jitter for place in places]


def fine_share(x):
    """Share of an image's variance in its finest details, (B, 3, H, W) to (B,).

    The power of all frequencies above a quarter of a cycle a pixel, in rows or in columns, divided
    by that of all but the mean; 3/4 for white noise.
    """
    power = torch.fft.fft2(x - x.mean(dim=(2, 3), keepdim=True)).abs().square().sum(dim=1)
    rows, columns = (torch.fft.fftfreq(n, device=x.device).abs() for n in x.shape[2:])
    fine = (rows[:, None] > 0.25) | (columns[None, :] > 0.25)
    return (power * fine).sum(dim=(1, 2)) / power.sum(dim=(1, 2))
