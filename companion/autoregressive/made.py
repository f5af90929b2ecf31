"""MADE: an ordinary network whose masks cut every path from later entries to earlier ones.

Chapter: `causal_networks`.
"""

from itertools import pairwise
from math import prod

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.ancestral import Autoregressive, embed_grey
from companion.layers import MaskedLinear, dropout


def made_masks(*degrees):
    """Which units of each layer may listen to which units of the layer before.

    The degree of a unit says how many of the first entries it may know. It listens to those that
    know no more than that: ``mask[i, j] = degree_i >= degree_j``.

    Parameters
    ----------
    *degrees : int tensors (n_units,)
        One for each layer: inputs, hidden layers, outputs. The entry that comes r-th, counted from
        0, has degree r + 1 as an input, which it knows, and r as an output, which must not know it.

    Returns
    -------
    list of bool tensors (n_units, n_units of the layer before)
    """
    return [after[:, None] >= before for before, after in pairwise(degrees)]


class MADE(Autoregressive):
    """Masked autoencoder for distribution estimation (Germain et al., 2015).

    One pass through a fully connected network gives all the conditionals at once.

    Parameters
    ----------
    event_shape, n_levels, order
        As for `Autoregressive`; the defaults are those of the digits, read row by row.
    n_hidden, n_layers : int
        Units in a hidden layer, hidden layers.
    n_context : int
        Size of the vector that every hidden layer is told, 0 for none.
    rate : float
        Of dropout on the hidden units.
    """

    n_features = 3  # of an entry, from `embed`

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        n_hidden=320,
        n_layers=1,
        n_context=8,
        rate=0.2,
        order=None,
    ):
        super().__init__(event_shape, n_levels, order=order)
        n_entries, self.rate = prod(event_shape), rate
        rank = torch.arange(n_entries)
        if order is not None:
            if order.sort().values.tolist() != rank.tolist():
                raise ValueError(
                    f"order={order.tolist()} must name each of the entries 0 ... {n_entries - 1} "
                    "once: try torch.randperm."
                )
            rank = order.argsort()
        # From 0, which knows nothing but the context, to n_entries - 1, as the last output.
        hidden = torch.arange(n_hidden) * n_entries // n_hidden
        masks = made_masks(
            (rank + 1).repeat_interleave(self.n_features),
            *[hidden] * n_layers,
            rank.repeat_interleave(n_levels),
        )
        self.layers = nn.ModuleList(MaskedLinear(mask) for mask in masks)
        self.context = nn.Linear(n_context, n_hidden, bias=False) if n_context else None

    def embed(self, x):
        """Grey levels from -1 to 1, and whether they are the lowest or the highest."""
        return embed_grey(x, self.n_levels).to(self.layers[0].weight)

    def conditionals(self, inputs, context=None, *, generator=None):
        """Logits of all entries in one pass, float (B, *event, n_features) to (..., n_levels)."""
        hidden = inputs.flatten(1)  # (B, n_entries * n_features)
        told = 0 if context is None else self.context(context)
        for layer in self.layers[:-1]:
            hidden = functional.silu(layer(hidden) + told)
            hidden = dropout(hidden, self.rate, training=self.training, generator=generator)
        return self.layers[-1](hidden).view(*inputs.shape[:-1], self.n_levels)
