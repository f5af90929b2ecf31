"""One network for every amount of noise: a U-Net that is told how noisy its image is.

Chapter: `diffusion`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.layers import ResidualBlock, dropout, sinusoidal_embedding
from companion.validation import check_event, check_integer, check_real


class UNet(nn.Module):
    """Images to images of the same size, with short cuts across (Ronneberger et al., 2015).

    At each scale residual blocks, then the image is halved and the channels are doubled; on the way
    back each scale gets what was there on the way down. Time and context are told to each block.

    Parameters
    ----------
    event_shape : tuple (C, H, W)
        H and W are divisible by ``2 ** (n_scales - 1)``.
    n_outputs : int, optional
        Channels of the result, by default C.
    n_channels : int
        At the finest scale.
    n_scales, n_blocks : int
        Sizes of the image, and residual blocks at each of them, down and up.
    n_context : int
        Size of a vector that is told besides, as a one-hot class; 0 for none. Where it is missing
        it is zeros.
    rate : float
        Dropout in the middle, at the smallest image.
    """

    n_time = 64  # numbers that a time is written in

    def __init__(
        self,
        event_shape=(1, 8, 8),
        *,
        n_outputs=None,
        n_channels=32,
        n_scales=2,
        n_blocks=1,
        n_context=0,
        rate=0.1,
    ):
        super().__init__()
        self.event_shape, self.rate = tuple(event_shape), check_real("rate", rate, 0, 1)
        self.n_context = check_integer("n_context", n_context, low=0)
        check_integer("n_blocks", n_blocks)
        divisor = 2 ** (check_integer("n_scales", n_scales) - 1)
        n_inputs, height, width = self.event_shape
        if height % divisor or width % divisor:
            raise ValueError(f"n_scales={n_scales} wants sides divisible by {divisor}: take fewer.")
        n_told = 2 * self.n_time
        self.tell = nn.Sequential(
            nn.Linear(self.n_time, n_told), nn.SiLU(), nn.Linear(n_told, n_told)
        )
        self.context = nn.Linear(n_context, n_told, bias=False) if n_context else None
        sizes = [n_channels * 2**i for i in range(n_scales)]

        def blocks(n):
            made = (ResidualBlock(n, n_context=n_told, n_groups=4) for _ in range(n_blocks))
            return nn.ModuleList(made)

        self.first = nn.Conv2d(n_inputs, n_channels, 3, padding=1)
        self.down = nn.ModuleList(blocks(n) for n in sizes)
        self.halve = nn.ModuleList(nn.Conv2d(n, 2 * n, 2, stride=2) for n in sizes[:-1])
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in sizes[:-1])
        self.join = nn.ModuleList(nn.Conv2d(2 * n, n, 1) for n in sizes[:-1])
        self.up = nn.ModuleList(blocks(n) for n in sizes)
        self.norm = nn.GroupNorm(4, n_channels)
        self.last = nn.Conv2d(n_channels, n_outputs or n_inputs, 3, padding=1)

    def forward(self, x, t, context=None, *, generator=None):
        """Ask the network about noisy images.

        Parameters
        ----------
        x : tensor (B, C, H, W)
        t : tensor (B,)
            How far the noise has come, from 0 to 1.
        context : tensor (B, n_context), optional
        generator : torch.Generator, optional
            For dropout, while training.

        Returns
        -------
        tensor (B, n_outputs, H, W)
        """
        x = check_event("x", x, self.event_shape)
        told = self.tell(sinusoidal_embedding(1000 * t, self.n_time).to(x.dtype))
        if context is not None and self.context is not None:
            told = told + self.context(context.to(x.dtype))
        told = functional.silu(told)

        def pass_through(blocks, hidden):
            for block in blocks:
                hidden = block(hidden, told)
            return hidden

        hidden, passed = self.first(x), []
        for blocks, halve in zip(self.down[:-1], self.halve, strict=True):
            passed.append(pass_through(blocks, hidden))
            hidden = halve(passed[-1])
        hidden = pass_through(self.down[-1], hidden)
        hidden = dropout(hidden, self.rate, training=self.training, generator=generator)
        hidden = pass_through(self.up[-1], hidden)
        for i in reversed(range(len(passed))):
            hidden = self.join[i](torch.cat([self.grow[i](hidden), passed[i]], dim=1))
            hidden = pass_through(self.up[i], hidden)
        return self.last(functional.silu(self.norm(hidden)))
