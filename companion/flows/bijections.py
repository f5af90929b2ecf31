"""Invertible maps, and how they are chained.

Chapter: `flows`.
"""

import math
from math import prod

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import sum_event
from companion.validation import check_real


class Bijection(nn.Module):
    """An invertible map of events, which knows by how much it changes a small volume.

    A subclass writes two methods. Both return the image of each event and the logarithm of the
    absolute value of the Jacobian's determinant there, (B,).

    ``forward(x, context=None, *, generator=None) -> (z, ladj)``
        From data to noise; the generator is for dropout, while training.
    ``inverse(z, context=None) -> (x, ladj)``
        Back.
    """

    def forward(self, x, context=None, *, generator=None):
        """Map data to noise."""
        raise NotImplementedError

    def inverse(self, z, context=None):
        """Map noise to data."""
        raise NotImplementedError


class Chain(Bijection):
    """Several bijections, one after the other.

    The determinant of a product is the product of the determinants: their logarithms add up.
    """

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x, context=None, *, generator=None):
        """Apply the layers from the first to the last."""
        total = 0.0
        for layer in self.layers:
            x, ladj = layer(x, context, generator=generator)
            total = total + ladj
        return x, total

    def inverse(self, z, context=None):
        """Undo them from the last to the first."""
        total = 0.0
        for layer in reversed(self.layers):
            z, ladj = layer.inverse(z, context)
            total = total + ladj
        return z, total


class Inverse(Bijection):
    """A bijection the other way round."""

    def __init__(self, bijection):
        super().__init__()
        self.bijection = bijection

    def forward(self, x, context=None, *, generator=None):
        """What undoes the bijection."""
        return self.bijection.inverse(x, context)

    def inverse(self, z, context=None):
        """The bijection itself."""
        return self.bijection(z, context)


class Logit(Bijection):
    """Stretch the interval from 0 to `high` over the whole line.

    ``z = logit(margin + (1 - 2 margin) x / high)``. Without the margin the ends of the interval
    would go to infinity.

    Parameters
    ----------
    high : float
    margin : float in (0, 1/2)
    """

    def __init__(self, high=1.0, margin=0.01):
        super().__init__()
        self.high = check_real("high", high, 0, inclusive=False)
        self.margin = check_real("margin", margin, 0, 0.5, inclusive=False)

    def slope(self, z):
        """``log |dz/dx|`` of each entry, at the place where it goes."""
        unit = math.log((1 - 2 * self.margin) / self.high)
        return sum_event(unit - functional.logsigmoid(z) - functional.logsigmoid(-z))

    def forward(self, x, context=None, *, generator=None):
        """From the interval to the line."""
        share = self.margin + (1 - 2 * self.margin) * x / self.high
        z = torch.log(share) - torch.log1p(-share)
        return z, self.slope(z)

    def inverse(self, z, context=None):
        """From the line to the interval, and a little beyond its ends: the margin's width."""
        x = self.high * (torch.sigmoid(z) - self.margin) / (1 - 2 * self.margin)
        return x, -self.slope(z)


class Permute(Bijection):
    """Entries of flat events in another order; volumes stay.

    Parameters
    ----------
    order : int tensor (D,)
        ``z[:, i] = x[:, order[i]]``; by default of `reverse`, the last comes first.
    """

    def __init__(self, order):
        super().__init__()
        self.register_buffer("order", order)

    def forward(self, x, context=None, *, generator=None):
        """Put the entries in the order."""
        return x[:, self.order], x.new_zeros(len(x))

    def inverse(self, z, context=None):
        """Put them back."""
        return z[:, self.order.argsort()], z.new_zeros(len(z))


class Squeeze(Bijection):
    """Squares of 2x2 pixels become four channels: (B, C, H, W) to (B, 4 C, H / 2, W / 2)."""

    def forward(self, x, context=None, *, generator=None):
        """Fewer pixels, more channels."""
        return functional.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, z, context=None):
        """The pixels again."""
        return functional.pixel_shuffle(z, 2), z.new_zeros(len(z))


class Flatten(Bijection):
    """Events of any shape as vectors."""

    def __init__(self, event_shape):
        super().__init__()
        self.event_shape = tuple(event_shape)

    def forward(self, x, context=None, *, generator=None):
        """(B, *event) to (B, D)."""
        return x.flatten(1), x.new_zeros(len(x))

    def inverse(self, z, context=None):
        """(B, D) to (B, *event)."""
        return z.view(len(z), *self.event_shape), z.new_zeros(len(z))


class FactorOut(Bijection):
    """Half of the channels are finished; the other half goes on through more layers.

    (B, C, H, W) to flat (B, C H W): first what goes on, then what is finished (Dinh et al., 2017).

    Parameters
    ----------
    event_shape : tuple (C, H, W)
    rest : Bijection
        Of the first ceil(C / 2) channels, to flat vectors.
    """

    def __init__(self, event_shape, rest):
        super().__init__()
        n_channels, *self.size = event_shape
        self.n_done, self.rest = n_channels // 2, rest

    def forward(self, x, context=None, *, generator=None):
        """Split, and send the first part on."""
        n_on = x.shape[1] - self.n_done
        on, ladj = self.rest(x[:, :n_on], context, generator=generator)
        return torch.cat([on, x[:, n_on:].flatten(1)], dim=1), ladj

    def inverse(self, z, context=None):
        """Bring the first part back and join."""
        n_numbers = self.n_done * prod(self.size)
        on, done = z[:, : z.shape[1] - n_numbers], z[:, z.shape[1] - n_numbers :]
        on, ladj = self.rest.inverse(on, context)
        return torch.cat([on, done.view(len(z), self.n_done, *self.size)], dim=1), ladj


def stretched(n_levels):
    """The first layers of a flow of grey levels: the line in place of an interval. Else none."""
    return [] if n_levels is None else [Logit(n_levels)]
