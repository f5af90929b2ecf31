"""Densities from invertible maps, and what turns grey levels into numbers that they can take.

Chapter: `flows`.
"""

import math
from math import prod

import torch
from torch import nn

from companion.distributions import gaussian_log_prob, standard_normal, uniform
from companion.validation import check_event, check_integer, check_levels, check_real


def dequantize(x, *, generator=None):
    """Fill the bin of each whole level with noise: ``x + r`` with r from U[0, 1).

    The whole part of the result is the level again, also where x + r would be rounded up.

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
        """``log p(x + r) - log q(r | x)`` of one noise r from q: nats, whole levels to (B,).

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
    """``log 1/K sum_k p(x + r_k) / q(r_k | x)`` with K noises from q, in nats, (B,).

    K = 1 is the `elbo`; the mean rises with K, to log P(x) (Burda et al., 2016).
    """
    each = [
        flow.log_weight(x, context, generator=generator)
        for _ in range(check_integer("n_samples", n_samples))
    ]
    return torch.stack(each).logsumexp(dim=0) - math.log(n_samples)


class AugmentedFlow(nn.Module):
    """Vectors with dimensions of noise beside them, under one flow (Huang et al., 2020).

    ``log p(x) >= E[log p(x, eta) - log q(eta)]`` with eta from N(0, I). A flow cannot tear its
    space; with more dimensions it has room to go round.

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
        """``log p(x, eta) - log q(eta)`` of one noise, in nats, (B, D) to (B,)."""
        x = check_event("x", x, self.event_shape)
        eta = standard_normal((len(x), self.n_noise), generator=generator, like=x)
        both = torch.cat([x, eta], dim=1)
        return self.flow.log_prob(both, context, generator=generator) - gaussian_log_prob(eta)

    elbo = Flow.elbo

    def loss(self, x, context=None, *, generator=None):
        """Minus the mean of the bound, nats a data point."""
        return -self.log_weight(x, context, generator=generator).mean()

    def sample(self, n, context=None, *, generator=None):
        """Draw both and keep the data: (n, D)."""
        return self.flow.sample(n, context, generator=generator)[:, : self.event_shape[0]]
