"""What all autoregressive models share: the chain rule, read as a likelihood and as a sampler.

Chapter: `sequences`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import sample_categorical, sum_event
from companion.validation import check_event, check_levels


class Autoregressive(nn.Module):
    """A distribution over grids of whole numbers, one conditional at a time.

    ``log p(x) = sum_i log p(x_i | x_1, ..., x_{i-1})``

    A subclass writes `conditionals`, and `embed` where it wants its levels in another form than one
    of `n_levels` switches. The conditional of an entry must depend only on entries that come before
    it in `order`; no method here can see whether it does: `dependence` can.

    Parameters
    ----------
    event_shape : tuple of int
        (1, 8, 8) for a digit. A length of None, as in (None,), stands for any length.
    n_levels : int
        Entries are 0 ... n_levels - 1: 17 grey levels of a digit, the letters of an alphabet.
    order : int tensor (n_entries,), optional
        Entry (its place in the flattened event) that comes first, second, ...; by default as we
        read.
    """

    def __init__(self, event_shape, n_levels, *, order=None):
        super().__init__()
        self.event_shape, self.n_levels = tuple(event_shape), n_levels
        self.register_buffer("order", order)

    def embed(self, x):
        """Levels as the network gets them: int64 (B, *event) to float (B, *event, n_features)."""
        dtype = next((p.dtype for p in self.parameters()), torch.get_default_dtype())
        return functional.one_hot(x, self.n_levels).to(dtype)

    def conditionals(self, inputs, context=None, *, generator=None):
        """Logits of all levels of each entry given the entries before it.

        Parameters
        ----------
        inputs : float tensor (B, *event, n_features)
            From `embed`.
        context : tensor (B, n_context), optional
            Where there is none the model behaves as for a context of zeros.
        generator : torch.Generator, optional
            For dropout, while training.

        Returns
        -------
        tensor (B, *event, n_levels)
        """
        raise NotImplementedError

    def logits(self, x, context=None, *, generator=None):
        """Unnormalised log-probabilities of all levels, int64 (B, *event) to (..., n_levels)."""
        return self.conditionals(self.embed(x), context, generator=generator)

    def check(self, x):
        """Return levels as int64, or raise a `ValueError` if they are none of this model's."""
        check_event("x", x, self.event_shape)
        return check_levels("x", x, self.n_levels).long()

    def log_prob(self, x, context=None, *, generator=None):
        """Exact log-probability in nats, (B, *event) to (B,)."""
        x = self.check(x)
        logs = functional.log_softmax(self.logits(x, context, generator=generator), dim=-1)
        return sum_event(logs.gather(-1, x[..., None])[..., 0])

    def loss(self, x, context=None, *, generator=None):
        """Mean of ``-log p(x)`` in nats a data point."""
        return -self.log_prob(x, context, generator=generator).mean()

    def sample(self, n, context=None, *, length=None, temperature=1.0, generator=None):
        """Draw n events entry by entry, int64 (n, *event).

        `length` is needed where the event has any length; `temperature` divides the logits: below 1
        it favours what is likely.
        """
        x = self.blank(n, length)
        known = torch.zeros_like(x[0], dtype=torch.bool)
        return self.complete(x, known, context, temperature=temperature, generator=generator)

    def blank(self, n, length=None):
        """n events of zeros, int64 (n, *event), where the model is."""
        shape = [length if size is None else size for size in self.event_shape]
        if None in shape:
            raise ValueError(f"length={length!r}: say how long the samples should be.")
        device = next(self.buffers(), next(self.parameters(), torch.empty(0))).device
        return torch.zeros(n, *shape, dtype=torch.int64, device=device)

    @torch.no_grad()
    def complete(self, x, known, context=None, *, temperature=1.0, generator=None):
        """Keep the entries of `x` (n, *event) where `known` (*event) is True and draw the others.

        Draws are from ``p(unknown | known)`` if the known entries come first in the order. A known
        entry that comes later is put in its place, but what was drawn before had not seen it.
        """
        self.check(x)
        x = torch.where(known, x, 0).long()
        flat, places = x.view(len(x), -1), known.flatten()
        order = range(flat.shape[1]) if self.order is None else self.order.tolist()
        for place in order:
            if not places[place]:
                logits = self.logits(x, context).flatten(1, -2)[:, place]  # (n, n_levels)
                flat[:, place] = sample_categorical(logits, temperature, generator=generator)
        return x


def embed_grey(x, n_levels):
    """Three numbers for a grey level: from -1 to 1, and whether it is paper or full ink.

    Fewer weights to overfit than `n_levels` switches; int64 (...) to float (..., 3).
    """
    top = n_levels - 1
    return torch.stack([2 * x / top - 1, x == 0, x == top], dim=-1)


def dependence(model, x):
    """How much each conditional reacts to each entry, by autograd.

    Row i holds ``|d (weighted logits of entry i) / d (embedding of entry j)|`` for every j. In an
    autoregressive model it is exactly zero unless j comes before i in the order: "no model peeks",
    as a matrix.

    Parameters
    ----------
    model : Autoregressive
    x : tensor (1, *event)
        The point at which the derivatives are taken.

    Returns
    -------
    tensor (n_entries, n_entries)
    """
    inputs = model.embed(model.check(x)).detach().requires_grad_()
    logits = model.conditionals(inputs).flatten(1, -2)[0]  # (n_entries, n_levels)
    # Unequal weights: the sum over levels may be constant.
    weights = torch.linspace(1, 2, model.n_levels).to(logits) ** 2
    rows = [torch.autograd.grad(entry @ weights, inputs, retain_graph=True)[0] for entry in logits]
    return torch.stack(rows).flatten(2, -2).abs().sum(dim=-1)[:, 0]  # features summed
