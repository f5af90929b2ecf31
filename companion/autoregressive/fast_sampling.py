"""Two ways to sample faster: remember what was computed, or draw several pixels at once."""

import torch
from torch.nn import functional

from companion.autoregressive.pixelcnn import GatedPixelCNN
from companion.distributions import sample_categorical
from companion.validation import check_integer


def tall(rows):
    """One row of each of n images, (n, C, 1, W), as one image of n rows: (1, C, n, W).

    The horizontal stack does not look up or down, so it may take them all in one stride.
    """
    return rows.transpose(0, 2)


class CachedLogits:
    """Logits of one pixel after another from a `GatedPixelCNN`, each activation computed once.

    For each place in turn ask `logits`, then tell by `set` what stands there: what was drawn, or
    what a decoder has read. Dropout is off. The same calls give the same bits.

    Parameters
    ----------
    model : GatedPixelCNN
    n : int
        Images side by side.
    context : tensor (n, n_context), optional

    Attributes
    ----------
    x : int64 tensor (n, 1, H, W)
        What was told so far.
    """

    @torch.no_grad()
    def __init__(self, model, n, context=None):
        if getattr(type(model), "features", None) is not GatedPixelCNN.features:
            raise ValueError(
                f"model={type(model).__name__} has no two stacks to remember: pass a "
                "GatedPixelCNN, or use model.sample."
            )
        self.model, self.n_known = model, 0
        self.context = None if context is None else context[:, :, None, None]
        _, height, width = model.event_shape
        self.x = torch.zeros(n, 1, height, width, dtype=torch.int64, device=model.position.device)
        embedded = torch.zeros_like(model.embed(self.x)[:, 0].movedim(-1, 1))
        margin = model.REACH
        self.embedded = functional.pad(embedded, (margin, margin, margin, 0))
        empty = model.position.new_zeros(n, len(model.position), 1, width + 2)
        self.row_above = [empty for _ in model.blocks]
        self._begin_row(0)

    def _begin_row(self, row):
        """Run the vertical stack over one row; each layer remembers the row above."""
        model, margin = self.model, self.model.REACH
        v = model.above(self.embedded[:, :, row : row + margin]) + model.position[:, row, None]
        self.messages, self.h = [], []
        for i, block in enumerate(model.blocks):
            padded = functional.pad(v, (1, 1))
            window = torch.cat([self.row_above[i], padded], dim=2)
            message, v = block.go_down(window, self.context)
            self.row_above[i] = padded
            self.messages.append(tall(message))
            self.h.append(torch.zeros_like(tall(padded)[..., 1:]))  # a zero, then the row's pixels

    @torch.no_grad()
    def logits(self, place):
        """Logits (n, n_levels) of the pixel that comes next, at `place` as we read."""
        row, column = self._turn(place)
        model, margin = self.model, self.model.REACH
        h = model.left(tall(self.embedded[:, :, row + margin, None, column : column + margin]))
        for block, message, hidden in zip(model.blocks, self.messages, self.h, strict=True):
            hidden[..., column + 1, None] = h
            h = block.go_right(hidden[..., column : column + 2], message[..., column, None])
        return model.readout(h)[0, 0, :, 0]

    @torch.no_grad()
    def set(self, place, values):
        """Say which levels (n,) stand at the place whose logits were asked for."""
        row, column = self._turn(place)
        margin = self.model.REACH
        self.x[:, 0, row, column] = values
        level = self.model.embed(self.x[..., row, column, None, None])  # (n, 1, 1, 1, n_features)
        self.embedded[:, :, row + margin, column + margin] = level[:, 0, 0, 0]
        self.n_known += 1
        if self.n_known % self.x.shape[-1] == 0 and self.n_known < self.x[0].numel():
            self._begin_row(row + 1)

    def _turn(self, place):
        if place != self.n_known:
            raise ValueError(f"place={place!r} is out of turn: the next place is {self.n_known}.")
        return divmod(place, self.x.shape[-1])


def sample_cached(model, n, context=None, *, temperature=1.0, generator=None):
    """Draw n images from a `GatedPixelCNN`: the samples of ``model.sample``, much sooner.

    The same generator gives the same draws in the same order, int64 (n, 1, H, W).
    """
    cache = CachedLogits(model, n, context)
    for place in range(cache.x[0].numel()):
        logits = cache.logits(place) / temperature
        cache.set(place, sample_categorical(logits, generator=generator))
    return cache.x


@torch.no_grad()
def sample_parallel(model, n, groups, context=None, *, temperature=1.0, generator=None):
    """Draw whole groups of entries at once, as if they were independent given the groups before.

    One pass of the network a group. It is exact only where they are independent: in a model made so
    (Reed et al., 2017), or in groups of one.

    Parameters
    ----------
    model : Autoregressive
    n : int
    groups : int, or list of int tensors
        Entries of each group, so many at a time in the model's order; or their places.
    context : tensor (n, n_context), optional
    temperature : float
    generator : torch.Generator, optional

    Returns
    -------
    int64 tensor (n, *event)
    """
    x = model.blank(n).flatten(1)  # (n, n_entries)
    n_entries = x.shape[1]
    if not isinstance(groups, list):
        order = torch.arange(n_entries) if model.order is None else model.order
        groups = order.split(check_integer("groups", groups))
    if torch.cat(list(groups)).sort().values.tolist() != list(range(n_entries)):
        raise ValueError(f"groups={groups!r} must hold each of the {n_entries} places once.")
    for group in groups:
        logits = model.logits(x.view(n, *model.event_shape), context).flatten(1, -2) / temperature
        for place in group.tolist():
            x[:, place] = sample_categorical(logits[:, place], generator=generator)
    return x.view(n, *model.event_shape)
