"""Autoregressive flows: each entry is stretched and moved as the entries before it say.

Chapter: `flows`.
"""

from math import prod

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.made import made_masks
from companion.distributions import sum_event
from companion.flows.bijections import Bijection, Chain, Flatten, Inverse, Permute, stretched
from companion.flows.transforms import Flow
from companion.layers import MaskedLinear, dropout
from companion.validation import check_integer, check_real


class MaskedConditioner(nn.Module):
    """MADE for real numbers: output i sees the entries before i, (B, D) to (B, n_outputs, D).

    Parameters
    ----------
    n_entries : int
    n_outputs : int
        Numbers wanted for each entry.
    n_hidden, n_layers : int
    n_context : int
        Size of a vector that is told besides, 0 for none. Where it is missing it is zeros.
    rate : float
        Dropout of the hidden units.
    """

    def __init__(self, n_entries, n_outputs, *, n_hidden=128, n_layers=1, n_context=0, rate=0.0):
        super().__init__()
        rank = torch.arange(check_integer("n_entries", n_entries))
        # Units of rank 0 know nothing but the context: entry 0 needs them.
        hidden = torch.arange(check_integer("n_hidden", n_hidden)) * n_entries // n_hidden
        layers = [hidden] * check_integer("n_layers", n_layers)
        masks = made_masks(rank + 1, *layers, rank.repeat(n_outputs))
        self.layers = nn.ModuleList(MaskedLinear(mask) for mask in masks)
        self.context = nn.Linear(n_context, n_hidden, bias=False) if n_context else None
        self.shape, self.rate = (n_outputs, n_entries), check_real("rate", rate, 0, 1)
        self.reset_parameters()

    def reset_parameters(self):
        """Let the network say zero."""
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x, context=None, *, generator=None):
        """Ask the network."""
        told = 0 if context is None or self.context is None else self.context(context.to(x.dtype))
        for layer in self.layers[:-1]:
            x = functional.silu(layer(x) + told)
            x = dropout(x, self.rate, training=self.training, generator=generator)
        return self.layers[-1](x).view(len(x), *self.shape)


class MaskedAffine(Bijection):
    """Entry i is moved and stretched as the entries before it say (Papamakarios et al., 2017).

    ``z_i = (x_i - mu_i(x_<i)) / sigma_i(x_<i)``: all at once from x to z, one after the other back.
    The Jacobian is triangular: its log-determinant is minus the sum of the log sigma_i.

    Parameters
    ----------
    network : nn.Module
        ``network(x, context, generator=...)`` gives (B, 2, D), mu and the logarithm of sigma,
        each entry from those before it.
    limit : float
        Of log sigma, as in `AffineCoupling`.
    """

    def __init__(self, network, limit=2.0):
        super().__init__()
        self.network, self.limit = network, check_real("limit", limit, 0, inclusive=False)

    def motion(self, x, context=None, *, generator=None):
        """Return mu and log sigma of each entry, two (B, D)."""
        mu, log_sigma = self.network(x, context, generator=generator).unbind(dim=1)
        return mu, self.limit * torch.tanh(log_sigma / self.limit)

    def forward(self, x, context=None, *, generator=None):
        """One pass through the network."""
        mu, log_sigma = self.motion(x, context, generator=generator)
        return (x - mu) * torch.exp(-log_sigma), -sum_event(log_sigma)

    def inverse(self, z, context=None):
        """A pass for each entry: pass i gets entry i right; those before it are."""
        x = torch.zeros_like(z)
        for _ in range(z.shape[1]):
            mu, log_sigma = self.motion(x, context)
            x = z * torch.exp(log_sigma) + mu
        return x, sum_event(log_sigma)


def reversals(layers, n_entries):
    """A chain of the layers with the order of the entries reversed between them."""
    order = torch.arange(n_entries).flip(0)
    between = [part for layer in layers for part in (Permute(order), layer)]
    return Chain(*between[1:])


class MAF(Flow):
    """Masked autoregressive flow (Papamakarios, Pavlakou and Murray, 2017).

    Its density takes one pass, a sample as many passes as it has entries.

    Parameters
    ----------
    event_shape, n_levels, dequantizer
        As for `Flow`; the defaults are those of the digits.
    n_flows : int
        Layers; between two the order of the entries is reversed.
    **settings
        Of the networks: n_hidden, n_layers, n_context, rate.
    """

    def __init__(
        self, event_shape=(1, 8, 8), n_levels=17, *, n_flows=4, dequantizer=None, **settings
    ):
        bijection = Chain(
            *stretched(n_levels),
            Flatten(event_shape),
            reversals(self.make_layers(prod(event_shape), n_flows, settings), prod(event_shape)),
        )
        super().__init__(bijection, event_shape, n_levels, dequantizer)

    def make_layers(self, n_entries, n_flows, settings):
        """The layers, without the reversals between them."""
        return [
            MaskedAffine(MaskedConditioner(n_entries, 2, **settings))
            for _ in range(check_integer("n_flows", n_flows))
        ]


class IAF(MAF):
    """Inverse autoregressive flow (Kingma et al., 2016): MAF with the directions exchanged.

    A sample takes one pass, and so does the density of a sample just drawn, for its noise is known.
    The density of any other point takes as many passes as it has entries.
    """

    def make_layers(self, n_entries, n_flows, settings):
        """Those of MAF, each the other way round."""
        return [Inverse(layer) for layer in super().make_layers(n_entries, n_flows, settings)]
