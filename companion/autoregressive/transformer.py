"""Masked attention, and a small transformer that reads any sequence of levels.

Chapter: `transformers`.
"""

import math
from functools import reduce

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.ancestral import Autoregressive
from companion.distributions import sample_categorical
from companion.layers import dropout


def attention_weights(q, k, mask=None):
    """How much each query looks at each key: ``softmax(q k^T / sqrt(d))``, rows that sum to 1.

    The root keeps the scores near 1 whatever the number of features d is.

    Parameters
    ----------
    q : tensor (..., n_queries, d)
    k : tensor (..., n_keys, d)
    mask : bool tensor (..., n_queries, n_keys), optional
        True where a query may look. The weights of one that may look nowhere are all 0.

    Returns
    -------
    tensor (..., n_queries, n_keys)
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        return scores.softmax(dim=-1)
    lowest = torch.finfo(scores.dtype).min  # not -inf: a row of these has no softmax
    return scores.masked_fill(~mask, lowest).softmax(dim=-1) * mask


def attention(q, k, v, mask=None):
    """For each query the mean of the values v (..., n_keys, d_v), by `attention_weights`.

    Vaswani et al., 2017. Returns a tensor (..., n_queries, d_v).
    """
    return attention_weights(q, k, mask) @ v


class Block(nn.Module):
    """Each place looks back, then thinks: (B, T, D) to the same shape.

    ``x + attention(norm(x))``, then ``x + mlp(norm(x))``: the norm comes first. With
    ``causal=False`` a place looks ahead as well.
    """

    def __init__(self, n_units, n_heads, *, rate=0.0, causal=True):
        super().__init__()
        self.n_heads, self.rate, self.causal = n_heads, rate, causal
        self.norm1, self.norm2 = nn.LayerNorm(n_units), nn.LayerNorm(n_units)
        self.queries_keys_values = nn.Linear(n_units, 3 * n_units, bias=False)
        self.merge = nn.Linear(n_units, n_units, bias=False)
        self.widen = nn.Linear(n_units, 4 * n_units)
        self.narrow = nn.Linear(4 * n_units, n_units)

    def heads(self, x):
        """Queries, keys and values of each head, each (B, n_heads, T, D / n_heads)."""
        parts = self.queries_keys_values(self.norm1(x)).unflatten(-1, (3, self.n_heads, -1))
        return parts.permute(2, 0, 3, 1, 4)

    def forward(self, x, past=None, *, generator=None):
        """Return what comes out and (keys, values), which is `past` for the places that follow."""

        def drop(h):
            return dropout(h, self.rate, training=self.training, generator=generator)

        q, k, v = self.heads(x)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        n_queries, n_keys = q.shape[2], k.shape[2]
        mask = torch.ones(n_queries, n_keys, dtype=torch.bool, device=x.device)
        if self.causal:
            mask = mask.tril(n_keys - n_queries)
        seen = attention(q, k, v, mask)  # (B, n_heads, T, D / n_heads)
        x = x + drop(self.merge(seen.transpose(1, 2).flatten(2)))
        return x + drop(self.narrow(functional.gelu(self.widen(self.norm2(x))))), (k, v)


class CausalTransformer(Autoregressive):
    """A transformer in which every place sees those before it (Vaswani et al., 2017).

    Parameters
    ----------
    event_shape, n_levels
        As for `Autoregressive`; the defaults are those of the digits.
    n_units, n_heads, n_layers : int
        Features of a place, parts into which attention splits them, blocks.
    max_length : int
        The longest sequence, where the event has any length.
    n_context : int
        Size of the vector that every place is told, 0 for none.
    rate : float
        Of dropout.
    """

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        n_units=64,
        n_heads=4,
        n_layers=2,
        max_length=128,
        n_context=0,
        rate=0.1,
    ):
        super().__init__(event_shape, n_levels)
        if n_units % n_heads:
            raise ValueError(f"n_units={n_units} must be a multiple of n_heads={n_heads}.")
        self.token = nn.Linear(n_levels, n_units, bias=False)
        # What comes before the first entry.
        self.start = nn.Parameter(torch.empty(n_units))
        # For each axis (of an image: channel, row, column) where on it an entry stands.
        self.positions = nn.ModuleList(
            nn.Embedding(size or max_length, n_units) for size in self.event_shape
        )
        self.context = nn.Linear(n_context, n_units, bias=False) if n_context else None
        self.blocks = nn.ModuleList(Block(n_units, n_heads, rate=rate) for _ in range(n_layers))
        self.norm = nn.LayerNorm(n_units)
        self.head = nn.Linear(n_units, n_levels)
        self.reset_parameters()

    def reset_parameters(self):
        """Small embeddings."""
        for table in (self.start, self.token.weight, *(p.weight for p in self.positions)):
            nn.init.normal_(table, std=0.1)

    def places(self, shape):
        """Sum of the embeddings of a place's coordinates, float (T, n_units)."""
        for table, size in zip(self.positions, shape, strict=True):
            if size > table.num_embeddings:
                raise ValueError(
                    f"max_length={table.num_embeddings} is less than the {size} entries: raise it."
                )
        tables = [table.weight[:size] for table, size in zip(self.positions, shape, strict=True)]
        return reduce(lambda outer, axis: outer[..., None, :] + axis, tables).flatten(0, -2)

    def advance(self, tokens, places, past, context=None, *, generator=None):
        """Logits (B, T, n_levels) of T places, from what stands before each, and the longer past.

        `past` has the keys and values of each block at earlier places, None where there are none.
        """
        x = tokens + places  # (B, T, n_units)
        if context is not None:
            x = x + self.context(context)[:, None]
        longer = []
        for block, before in zip(self.blocks, past, strict=True):
            x, now = block(x, before, generator=generator)
            longer.append(now)
        return self.head(self.norm(x)), longer

    def conditionals(self, inputs, context=None, *, generator=None):
        """Logits of all places in one pass, float (B, *event, n_levels) to the same shape."""
        tokens = self.token(inputs.flatten(1, -2))  # (B, T, n_units)
        # Shifted by one: a place is given the entry before it.
        tokens = torch.cat([self.start.expand(len(tokens), 1, -1), tokens[:, :-1]], dim=1)
        places, past = self.places(inputs.shape[1:-1]), [None] * len(self.blocks)
        logits, _ = self.advance(tokens, places, past, context, generator=generator)
        return logits.view_as(inputs)

    @torch.no_grad()
    def complete(self, x, known, context=None, *, temperature=1.0, generator=None):
        """As `Autoregressive.complete`, but each place is computed once: keys and values stay."""
        self.check(x)
        x = torch.where(known, x, 0).long()
        flat, past = x.view(len(x), -1), [None] * len(self.blocks)
        places = self.places(x.shape[1:])  # (T, n_units)
        token = self.start.expand(len(x), 1, -1)
        for place, given in enumerate(known.flatten()):
            logits, past = self.advance(token, places[place], past, context)
            if not given:
                logits = logits[:, 0]  # (B, n_levels)
                flat[:, place] = sample_categorical(logits, temperature, generator=generator)
            token = self.token(self.embed(flat[:, place : place + 1]))  # (B, 1, n_units)
        return x
