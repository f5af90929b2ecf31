"""Invertible maps, how they are chained, and what turns grey levels into numbers they can take.

Chapter: `flows`.
"""

import math
from math import prod

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import gaussian_log_prob, standard_normal, sum_event, uniform
from companion.validation import check_event, check_integer, check_levels, check_real


def dequantize(x, *, generator=None):
    """Fill the bin of each whole level with noise: ``x + u`` with u from U[0, 1).

    The whole part of the result is the level again, also where x + u would be rounded up.

    Parameters
    ----------
    x : tensor (...)
        Whole numbers, of any type.

    Returns
    -------
    float tensor (...)
    """
    x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    noisy = x + uniform(x.shape, generator=generator, like=x)
    return torch.minimum(noisy, torch.nextafter(x + 1, x))


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


class Flow(nn.Module):
    """A density from an invertible map to standard normal noise.

    ``log p(y) = log N(f(y); 0, I) + log |det df(y)/dy|``

    Parameters
    ----------
    bijection : Bijection
        f, from events to flat vectors of as many numbers.
    event_shape : tuple of int
    n_levels : int, optional
        Data are whole levels 0 ... n_levels - 1. The flow models them with noise that fills their
        bins, y in [0, n_levels), and `elbo` bounds their probability. Without it data are real.
    dequantizer : nn.Module, optional
        Draws that noise: ``dequantizer(x, context, generator=...) -> (y, log_q)`` with log_q (B,)
        its log-density. By default it is uniform, with log-density 0.
    """

    def __init__(self, bijection, event_shape, n_levels=None, dequantizer=None):
        super().__init__()
        self.bijection, self.event_shape = bijection, tuple(event_shape)
        self.n_levels = n_levels if n_levels is None else check_integer("n_levels", n_levels, low=2)
        self.dequantizer = dequantizer

    def forward(self, y, context=None, *, generator=None):
        """Events to noise, (B, *event) to (B, D), and ``log |det df/dy|`` (B,)."""
        y = check_event("x", y, self.event_shape)
        y = y if y.is_floating_point() else y.to(torch.get_default_dtype())
        return self.bijection(y, context, generator=generator)

    def inverse(self, z, context=None):
        """Noise (B, D) to events, and the log-determinant of that map."""
        return self.bijection.inverse(z, context)

    def log_prob(self, y, context=None, *, generator=None):
        """Log-density of real events in nats, (B, *event) to (B,).

        Where data are levels, y are levels with noise, and the density is per unit of a level.
        """
        z, ladj = self.forward(y, context, generator=generator)
        return gaussian_log_prob(z) + ladj

    def log_weight(self, x, context=None, *, generator=None):
        """``log p(x + u) - log q(u | x)`` of one noise u from q: nats, whole levels to (B,).

        The mean of its exponential is P(x): its own mean is at most log P(x). Real data need no
        noise, and this is `log_prob`.
        """
        if self.n_levels is None:
            return self.log_prob(x, context, generator=generator)
        check_levels("x", check_event("x", x, self.event_shape), self.n_levels)
        if self.dequantizer is None:
            y, log_q = dequantize(x, generator=generator), 0.0
        else:
            y, log_q = self.dequantizer(x, context, generator=generator)
        return self.log_prob(y, context, generator=generator) - log_q

    def elbo(self, x, context=None, *, n_samples=1, generator=None):
        """A bound on log P(x) of whole levels, in nats, (B,): the mean over `n_samples` noises."""
        check_integer("n_samples", n_samples)
        each = (self.log_weight(x, context, generator=generator) for _ in range(n_samples))
        return sum(each) / n_samples

    def loss(self, x, context=None, *, generator=None):
        """Mean of ``-log p(x)``, or of its bound where data are levels: nats a data point."""
        return -self.log_weight(x, context, generator=generator).mean()

    @torch.no_grad()
    def sample(self, n, context=None, *, temperature=1.0, generator=None):
        """Draw noise and map it back: (n, *event), whole levels where data are.

        `temperature` multiplies the noise: below 1 draws come from nearer the middle.
        """
        check_real("temperature", temperature, 0, inclusive=False, remedy="1 draws from the model.")
        like = next(self.parameters())
        z = standard_normal((n, prod(self.event_shape)), generator=generator, like=like)
        y = self.inverse(temperature * z, context)[0].view(n, *self.event_shape)
        return y if self.n_levels is None else y.floor().clamp(0, self.n_levels - 1)


@torch.no_grad()
def noise_bound(flow, x, n_samples=32, *, context=None, generator=None):
    """``log 1/K sum_k p(x + u_k) / q(u_k | x)`` with K noises from q, in nats, (B,).

    K = 1 is the `elbo`; the mean rises with K, to log P(x) (Burda et al., 2016).
    """
    each = [
        flow.log_weight(x, context, generator=generator)
        for _ in range(check_integer("n_samples", n_samples))
    ]
    return torch.stack(each).logsumexp(dim=0) - math.log(n_samples)


class AugmentedFlow(nn.Module):
    """Vectors with dimensions of noise beside them, under one flow (Huang et al., 2020).

    ``log p(x) >= E_e[log p(x, e) - log q(e)]`` with e from N(0, I). A flow cannot tear its space;
    with more dimensions it has room to go round.

    Parameters
    ----------
    flow : Flow
        Of vectors of D + n_noise numbers.
    n_noise : int
    """

    def __init__(self, flow, n_noise):
        super().__init__()
        self.flow, self.n_noise = flow, check_integer("n_noise", n_noise)
        self.event_shape = (flow.event_shape[0] - self.n_noise,)
        if self.event_shape[0] < 1:
            raise ValueError(
                f"n_noise={n_noise} leaves no room for data in {flow.event_shape}: widen the flow."
            )

    def log_weight(self, x, context=None, *, generator=None):
        """``log p(x, e) - log q(e)`` of one noise, in nats, (B, D) to (B,)."""
        x = check_event("x", x, self.event_shape)
        e = standard_normal((len(x), self.n_noise), generator=generator, like=x)
        both = torch.cat([x, e], dim=1)
        return self.flow.log_prob(both, context, generator=generator) - gaussian_log_prob(e)

    elbo = Flow.elbo

    def loss(self, x, context=None, *, generator=None):
        """Minus the mean of the bound, nats a data point."""
        return -self.log_weight(x, context, generator=generator).mean()

    def sample(self, n, context=None, *, generator=None):
        """Draw both and keep the data: (n, D)."""
        return self.flow.sample(n, context, generator=generator)[:, : self.event_shape[0]]
