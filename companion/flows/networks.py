"""The networks inside the flows: they may be as complicated as they like, nobody inverts them.

Chapter: `flows`.
"""

from math import prod

import torch
from torch import nn
from torch.nn import functional

from companion.layers import ResidualBlock, dropout
from companion.validation import check_choice, check_integer, check_real


class Conditioner(nn.Module):
    """What a coupling asks: how to move these entries, given those?

    Both kinds end in a layer of zeros, so that a new coupling moves nothing.

    Parameters
    ----------
    n_context : int
        Size of a vector that is told besides, 0 for none. Where it is missing it is zeros.
    rate : float
        Dropout of the hidden units.
    """

    def __init__(self, last, n_context, rate):
        super().__init__()
        self.last = last
        self.n_context = check_integer("n_context", n_context, low=0)
        self.rate = check_real("rate", rate, 0, 1)
        self.reset_parameters()

    def reset_parameters(self):
        """Let the network say zero."""
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def told(self, x, context):
        """The context of each row, zeros where there is none; None if the network takes none."""
        if not self.n_context:
            return None
        return x.new_zeros(len(x), self.n_context) if context is None else context.to(x.dtype)

    def drop(self, hidden, generator):
        """Apply dropout while training."""
        return dropout(hidden, self.rate, training=self.training, generator=generator)


class DenseConditioner(Conditioner):
    """Fully connected layers, (B, *event) to (B, n_outputs, *event).

    Parameters
    ----------
    event_shape : tuple of int
    n_outputs : int
        Numbers wanted for each entry.
    stays : bool tensor (*event), optional
        Entries of which nothing is wanted: for them the network says zero.
    n_hidden, n_layers : int
    """

    def __init__(
        self,
        event_shape,
        n_outputs,
        stays=None,
        *,
        n_hidden=128,
        n_layers=2,
        n_context=0,
        rate=0.0,
    ):
        n_entries = prod(event_shape)
        wanted = torch.ones(n_entries).bool() if stays is None else ~stays.flatten()
        index = wanted.nonzero()[:, 0]
        super().__init__(nn.Linear(n_hidden, n_outputs * len(index)), n_context, rate)
        self.register_buffer("index", index, persistent=False)
        sizes = [n_entries] + [n_hidden] * (check_integer("n_layers", n_layers) - 1)
        self.layers = nn.ModuleList(nn.Linear(size, n_hidden) for size in sizes)
        self.context = nn.Linear(n_context, n_hidden, bias=False) if n_context else None
        self.shape = (n_outputs, *event_shape)

    def forward(self, x, context=None, *, generator=None):
        """Ask the network."""
        hidden, told = x.flatten(1), self.told(x, context)
        for layer in self.layers:
            hidden = layer(hidden) if told is None else layer(hidden) + self.context(told)
            hidden = self.drop(functional.silu(hidden), generator)
        said = self.last(hidden).view(len(x), self.shape[0], len(self.index))
        out = said.new_zeros(len(x), self.shape[0], prod(self.shape[1:]))
        return out.index_copy(2, self.index, said).view(len(x), *self.shape)


class ConvConditioner(Conditioner):
    """Residual blocks of 3x3 convolutions, (B, C, H, W) to (B, n_outputs, C, H, W).

    Parameters
    ----------
    As for `DenseConditioner`; here `stays` changes nothing.
    """

    def __init__(
        self,
        event_shape,
        n_outputs,
        stays=None,
        *,
        n_hidden=32,
        n_layers=1,
        n_context=0,
        rate=0.0,
    ):
        n_channels = event_shape[0]
        last = nn.Conv2d(n_hidden, n_outputs * n_channels, 3, padding=1)
        super().__init__(last, n_context, rate)
        self.first = nn.Conv2d(n_channels, n_hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            ResidualBlock(n_hidden, n_context=n_context)
            for _ in range(check_integer("n_layers", n_layers))
        )
        self.shape = (n_outputs, *event_shape)

    def forward(self, x, context=None, *, generator=None):
        """Ask the network."""
        hidden, told = self.first(x), self.told(x, context)
        for block in self.blocks:
            hidden = self.drop(block(hidden, told), generator)
        return self.last(functional.silu(hidden)).view(len(x), *self.shape)


def conditioner(event_shape, n_outputs, stays=None, *, kind="dense", **settings):
    """A network of a kind, ``"dense"`` or ``"conv"``, for events of a shape."""
    kinds = {"dense": DenseConditioner, "conv": ConvConditioner}
    return kinds[check_choice("kind", kind, tuple(kinds))](
        event_shape, n_outputs, stays, **settings
    )


def half_mask(n_entries, which=0):
    """Every second entry, from the first (`which` 0) or from the second: bool (n_entries,)."""
    return torch.arange(n_entries) % 2 == which


def checkerboard(event_shape, which=0):
    """The black fields of a chess board (`which` 0) or the white ones: bool (C, H, W)."""
    _, height, width = event_shape
    fields = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == which
    return fields.expand(event_shape).clone()


def half_channels(event_shape, which=0):
    """The first half of the channels (`which` 0), or the others: bool (C, H, W)."""
    first = torch.arange(event_shape[0]) < event_shape[0] // 2
    return (first == (which == 0))[:, None, None].expand(event_shape).clone()
