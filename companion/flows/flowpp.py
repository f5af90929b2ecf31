"""Flow++: couplings that bend, and noise that is learned.

Chapter: `flows`.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import gaussian_log_prob, standard_normal, sum_event
from companion.flows.bijections import Bijection
from companion.flows.coupling import RealNVP
from companion.flows.networks import conditioner
from companion.validation import check_integer, check_real


def mixture_cdf(x, log_weights, means, log_scales):
    """Where x lies in mixtures of logistics: ``log F(x)``, ``log(1 - F(x))`` and ``log f(x)``.

    Parameters
    ----------
    x : tensor (...)
    log_weights, means, log_scales : tensor (M, ...)
        The exponentials of the first sum to 1 over the M logistics.

    Returns
    -------
    three tensors (...)
        F is the distribution function and f its derivative, the density.
    """
    standard = (x - means) * torch.exp(-log_scales)
    below, above = functional.logsigmoid(standard), functional.logsigmoid(-standard)
    parts = below, above, below + above - log_scales
    return tuple(torch.logsumexp(log_weights + part, dim=0) for part in parts)


def invert_increasing(function, target, low, high):
    """Solve ``function(x) = target`` by halving intervals, elementwise.

    Parameters
    ----------
    function : callable
        (...) to (...), increasing.
    target, low, high : tensor (...)
        The solutions lie between the last two.
    """
    far = torch.maximum(torch.maximum(low.abs(), high.abs()), high - low)
    while (high - low > torch.finfo(target.dtype).eps * far).any():
        middle = low + (high - low) / 2
        right = function(middle) < target
        low = torch.where(right, middle, low)
        high = torch.where(right, high, middle)
    return low + (high - low) / 2


class MixtureCoupling(Bijection):
    """Entries that do not stay are bent by a mixture of logistics (Ho et al., 2019).

    ``z_b = logit F(x_b) exp(s) + t``: F is the distribution function of a mixture whose weights,
    means and scales, like s and t, a network makes of the entries that stay. Where all components
    are standard, logit F is the identity; where they lie apart, it bends between them. It is flat
    between components that lie very far apart: what is there cannot be told apart on the way back.

    Parameters
    ----------
    stays : bool tensor (*event)
    network : nn.Module
        ``network(x_a, context, generator=...)`` with zeros for b gives (B, 2 + 3 M, *event).
    limit : float
        Of s and of the scales' logarithms, as in `AffineCoupling`.
    """

    def __init__(self, stays, network, limit=2.0):
        super().__init__()
        self.register_buffer("stays", stays, persistent=False)
        self.network, self.limit = network, check_real("limit", limit, 0, inclusive=False)

    def bends(self, x, context=None, *, generator=None):
        """What the network says: s and t (B, *event), and the mixture's three (M, B, *event)."""
        known = torch.where(self.stays, x, 0)
        out = self.network(known, context, generator=generator).transpose(0, 1)
        s, t, mixture = out[0], out[1], out[2:]
        weights, means, log_scales = mixture.chunk(3)
        # Means begin apart, so that components differ.
        apart = torch.linspace(-2, 2, len(means)).to(x).view(-1, *[1] * x.dim())
        s, log_scales = (self.limit * torch.tanh(v / self.limit) for v in (s, log_scales))
        return s, t, (functional.log_softmax(weights, dim=0), means + apart, log_scales)

    def forward(self, x, context=None, *, generator=None):
        """Bend, stretch and move."""
        s, t, mixture = self.bends(x, context, generator=generator)
        below, above, density = mixture_cdf(x, *mixture)
        ladj = torch.where(self.stays, 0, density - below - above + s)
        return torch.where(self.stays, x, (below - above) * torch.exp(s) + t), sum_event(ladj)

    def inverse(self, z, context=None):
        """Undo it: no formula inverts F, but it increases."""
        s, t, mixture = self.bends(z, context)
        bent = (z - t) * torch.exp(-s)

        def logit(x):
            below, above, _ = mixture_cdf(x, *mixture)
            return below - above

        # Where each component alone would put it: the mixture lies between.
        alone = mixture[1] + bent * torch.exp(mixture[2])
        x = invert_increasing(logit, bent, alone.amin(dim=0), alone.amax(dim=0))
        below, above, density = mixture_cdf(x, *mixture)
        ladj = torch.where(self.stays, 0, density - below - above + s)
        return torch.where(self.stays, z, x), -sum_event(ladj)


def mixture(stays, event_shape, *, n_components=4, **settings):
    """A `MixtureCoupling` with a network."""
    n_outputs = 2 + 3 * check_integer("n_components", n_components)
    return MixtureCoupling(stays, conditioner(event_shape, n_outputs, stays, **settings))


class VariationalDequantizer(nn.Module):
    """Noise for the bins of whole levels that a network shapes (Ho et al., 2019).

    ``r = sigmoid(mu(x) + sigma(x) epsilon)`` with epsilon from N(0, I): inside the bin, but where
    the flow likes it.

    Parameters
    ----------
    event_shape, n_levels
        Of the images.
    **settings
        Of the network: kind, n_hidden, n_layers, n_context, rate.
    """

    def __init__(self, event_shape=(1, 8, 8), n_levels=17, **settings):
        super().__init__()
        self.n_levels = check_integer("n_levels", n_levels, low=2)
        self.network = conditioner(event_shape, 2, **settings)

    def forward(self, x, context=None, *, generator=None):
        """Draw noise: ``x + r``, and ``log q(r | x)`` in nats, (B,)."""
        like = next(self.parameters())
        x = x.to(like.dtype)
        scaled = 2 * x / (self.n_levels - 1) - 1
        said = self.network(scaled, context, generator=generator)
        mu, log_sigma = said.unbind(dim=1)
        log_sigma = 0.5 + 2 * torch.tanh(log_sigma / 2)  # begins nearly uniform
        epsilon = standard_normal(x.shape, generator=generator, like=like)
        bell = mu + torch.exp(log_sigma) * epsilon
        slope = functional.logsigmoid(bell) + functional.logsigmoid(-bell)
        log_q = gaussian_log_prob(epsilon) - sum_event(log_sigma + slope)
        r = torch.sigmoid(bell)
        return torch.minimum(x + r, torch.nextafter(x + 1, x)), log_q


class FlowPlusPlus(RealNVP):
    """RealNVP with bending couplings and learned noise (Ho et al., 2019).

    Parameters
    ----------
    event_shape, n_levels, n_couplings, n_scales
        As for `RealNVP`.
    n_components : int
        Logistic distributions in each mixture.
    variational : bool
        Whether levels get their noise from a `VariationalDequantizer`.
    **settings
        Of the networks: kind, n_hidden, n_layers, n_context, rate.
    """

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        n_components=4,
        variational=True,
        n_couplings=4,
        n_scales=2,
        **settings,
    ):
        noise = variational and n_levels is not None
        super().__init__(
            event_shape,
            n_levels,
            n_couplings=n_couplings,
            n_scales=n_scales,
            coupling=partial(mixture, n_components=n_components),
            dequantizer=VariationalDequantizer(event_shape, n_levels, **settings)
            if noise
            else None,
            **settings,
        )
