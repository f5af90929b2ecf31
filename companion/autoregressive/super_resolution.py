"""Coarse pixels first: an autoregressive model that can be asked for the fine ones alone.

Chapter: `pixelcnn`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.pixelcnn import KEEP, PixelModel
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus, mixture_parameters
from companion.distributions import sum_event
from companion.layers import MaskedConv2d, gate

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # row and column in a block of 2x2, in their order


def phase_order(shape):
    """Every second pixel of every second row first, then three more grids of the same kind.

    Each of the four *phases* is an image of half the size; within a phase pixels are read as usual.
    Returns int64 (H W,): the place of the first pixel, of the second, ...
    """
    places = torch.arange(shape[0] * shape[1]).view(*shape)
    return torch.cat([places[row::2, column::2].flatten() for row, column in PHASES])


def phase_mask(n_inputs, n_outputs, size, *, own, parallel):
    """Mask of a convolution over four phases, channels that lie on top of each other.

    Phase i sees all of the phases before it, and of itself the pixels before. With
    `parallel` only phase 0 looks at its own pixels; the others draw theirs at once.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels of each phase.
    size : int, odd
    own : bool
        Whether a pixel's own channels may be seen, as in a hidden layer.
    parallel : bool

    Returns
    -------
    tensor (4 n_outputs, 4 n_inputs, size, size) of zeros and ones
    """
    mask = torch.zeros(4, 4, size, size)
    for phase in range(4):
        mask[phase, :phase] = 1
        if parallel and phase > 0:
            mask[phase, phase] = float(own)
        else:
            mask[phase, phase].view(-1)[: size**2 // 2 + own] = 1
    mask = mask.repeat_interleave(n_outputs, dim=0)
    return mask.repeat_interleave(n_inputs, dim=1)


class GatedPhases(nn.Module):
    """Residual block ``h + tanh(a) sigmoid(b)``, with a and b from masked convolutions of h."""

    def __init__(self, n_channels, n_context, parallel):
        super().__init__()
        mask = phase_mask(n_channels, n_channels, 3, own=True, parallel=parallel)
        self.conv = MaskedConv2d(4 * n_channels, 8 * n_channels, torch.cat([mask, mask]))
        self.context = nn.Conv2d(n_context, 8 * n_channels, 1, bias=False) if n_context else None

    def forward(self, h, context=None, drop=KEEP):
        signals = self.conv(functional.silu(h))
        if context is not None:
            signals = signals + self.context(context)
        return h + drop(gate(signals))


class SuperResolutionPixelCNN(PixelModel):
    """A hierarchy of two resolutions, with an exact likelihood.

    ``p(x) = p(low) p(high | low)``, where low is every second pixel of every second row, and high
    all the others, three more images of that size. The four lie on top of each other as channels of
    a small image; masked convolutions over it are one network for all pixels.

    Parameters
    ----------
    shape : (height, width), both even
    n_levels : int
    n_channels : int
        Of each of the four phases.
    n_blocks : int
    n_components : int
        Of the mixture of logistics that a pixel is drawn from, as in a PixelCNN++.
    n_context : int
        Size of the vector that every pixel may be told.
    parallel : bool
        Take the pixels of a phase as independent given the phases before (Reed et al., 2017), so
        that the fine pixels can be drawn in three steps.
    dropout : float
    """

    def __init__(
        self,
        shape=(8, 8),
        n_levels=17,
        *,
        n_channels=12,
        n_blocks=3,
        n_components=5,
        n_context=0,
        parallel=True,
        dropout=0.3,
    ):
        if shape[0] % 2 or shape[1] % 2:
            raise ValueError(f"shape={shape} must be even: half of it is the low resolution.")
        super().__init__(shape, n_levels)
        self.order = phase_order(shape)
        self.dropout, self.parallel = dropout, parallel
        self.half = (shape[0] // 2, shape[1] // 2)
        size = 2 * max(self.half) - 1  # so large that the first layer sees everything
        mask = phase_mask(2, n_channels, size, own=False, parallel=parallel)
        self.first = MaskedConv2d(8, 4 * n_channels, mask)
        self.position = nn.Parameter(torch.zeros(4 * n_channels, *self.half))
        self.blocks = nn.ModuleList(
            GatedPhases(n_channels, n_context, parallel) for _ in range(n_blocks)
        )
        mask = phase_mask(n_channels, 3 * n_components, 1, own=True, parallel=parallel)
        self.head = nn.Sequential(nn.SiLU(), MaskedConv2d(4 * n_channels, len(mask), mask))
        self.register_buffer("levels", torch.arange(n_levels), persistent=False)

    def reset_parameters(self):
        """Start as if all positions were alike."""
        nn.init.zeros_(self.position)

    def embed(self, x):
        """Grey level between -1 and 1, and whether there is any ink: (..., 2)."""
        level = x.to(self.position.dtype) * (2 / (self.n_levels - 1)) - 1
        return torch.stack([level, (x > 0).to(level)], dim=-1)

    def features(self, x, context, drop):
        piles = x.flatten(2)[..., self.order].unflatten(2, (4, *self.half))
        h = drop(self.first(piles.transpose(1, 2).flatten(1, 2))) + self.position
        for block in self.blocks:
            h = block(h, context, drop)
        return h  # (B, 4 n_channels, H / 2, W / 2)

    def mixture(self, hidden):
        """Weights, means and log-scales of the pixels in their places, (B, 1, H, W, K) each."""
        piles = self.head(hidden).unflatten(1, (4, -1)).movedim(2, -1)  # (B, 4, H/2, W/2, 3 K)
        placed = piles.flatten(1, 3)[:, self.order.argsort()].unflatten(1, self.event_shape)
        return mixture_parameters(placed, self.n_levels)

    # The rest of a PixelCNN++ asks for nothing but the mixture.
    readout, log_prob = PixelCNNPlusPlus.readout, PixelCNNPlusPlus.log_prob

    def groups(self):
        """Places that are independent given those before: for `sample_parallel`.

        Those of the low resolution one by one, then three phases if the model is `parallel`.
        """
        low, *high = self.order.chunk(4)
        return [*low.split(1), *high] if self.parallel else list(self.order.split(1))

    def downsample(self, x):
        """Every second pixel of every second row, (B, 1, H, W) to int64 (B, 1, H/2, W/2)."""
        return self.check(x)[:, :, ::2, ::2]

    def fill(self, low):
        """Put the pixels of `low` (B, 1, H/2, W/2) in their places; the others are 0."""
        if low.shape[1:] != (1, *self.half):
            raise ValueError(
                f"low has shape {tuple(low.shape)} but must be (B, 1, {self.half[0]}, "
                f"{self.half[1]}): pass images[:, :, ::2, ::2], say."
            )
        x = low.new_zeros(len(low), *self.event_shape)
        x[:, :, ::2, ::2] = low
        return self.check(x)

    def log_prob_low(self, low, context=None):
        """``log p(low)`` in nats, (B, 1, H/2, W/2) to (B,)."""
        logs = functional.log_softmax(self.logits(self.fill(low), context)[:, :, ::2, ::2], dim=-1)
        return sum_event(logs.gather(-1, low[..., None].long()))

    def upsample(self, low, context=None, *, generator=None):
        """Draw the fine pixels given the coarse ones, int64 (B, 1, H, W)."""
        known = torch.zeros(self.event_shape, dtype=torch.bool, device=low.device)
        known[:, ::2, ::2] = True
        return self.complete(self.fill(low), known, context, generator=generator)
