"""Two ways to sample: remember what was computed, or take several pixels as independent.

Chapter: `pixelcnn`.
"""

import copy

import torch
from torch.nn import functional

from companion.autoregressive.pixelcnn import GatedPixelCNN
from companion.distributions import sample_categorical
from companion.layers import gate
from companion.validation import check_integer


def tall(rows):
    """One row of each of n images, (n, C, 1, W), as one image of n rows: (1, C, n, W).

    The horizontal stack does not look up or down, so it may take them all in one stride.
    """
    return rows.transpose(0, 2)


def next_row(block, v, context=None):
    """Vertical half of a `GatedBlock` for one row: a message to the other half, and features.

    `v` (n, C, 2, 1 + W + 1) holds the row above and the row itself, between two zeros.
    """
    s = block.down(v)
    if context is not None:
        s = s + block.context(context)
    return block.link(s), v[:, :, 1:, 1:-1] + gate(s)


def next_pixel(block, h, message):
    """Horizontal half of a `GatedBlock` for one pixel of n rows, features (1, C, n, 1).

    `h` (1, C, n, 2) holds the pixel to the left and the pixel itself.
    """
    return h[..., 1:] + block.mix(gate(block.right(h) + message))


class CachedLogits:
    """Logits of one pixel after another from a `GatedPixelCNN`, each activation computed once.

    For each place in turn ask `logits`, if you need them, then tell by `set` what stands there:
    what was drawn, or what is known. Dropout is off. The same calls give the same bits.

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
        self.model, self.n_known, self.asked = model, 0, False
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
            message, v = next_row(block, window, self.context)
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
            h = next_pixel(block, hidden[..., column : column + 2], message[..., column, None])
        self.asked = True
        return model.readout(h)[0, 0, :, 0]

    @torch.no_grad()
    def set(self, place, values):
        """Say which levels (n,) stand at the place that comes next."""
        row, column = self._turn(place)
        if not self.asked:  # what is on the right looks at the features of this place
            self.logits(place)
        margin, self.asked = self.model.REACH, False
        self.x[:, 0, row, column] = values
        level = self.model.embed(self.x[..., row, column, None, None])  # (n, 1, 1, 1, n_features)
        self.embedded[:, :, row + margin, column + margin] = level[:, 0, 0, 0]
        self.n_known += 1
        if self.n_known % self.x.shape[-1] == 0 and self.n_known < self.x[0].numel():
            self._begin_row(row + 1)

    def take(self, images):
        """The same walk for others, whose image i is ``images[i]`` of these; indices (m,)."""
        other = copy.copy(self)
        other.x, other.embedded = self.x[images], self.embedded[images]
        other.context = None if self.context is None else self.context[images]
        other.row_above = [row[images] for row in self.row_above]
        other.messages = [message[:, :, images] for message in self.messages]
        other.h = [h[:, :, images] for h in self.h]
        return other

    def _turn(self, place):
        if place != self.n_known:
            raise ValueError(f"place={place!r} is out of turn: the next place is {self.n_known}.")
        return divmod(place, self.x.shape[-1])


def first_pixels(cache, start):
    """Levels (n, m) of the first m pixels as m tensors (n,), checked against n blank images."""
    if start is None:
        return []
    n, n_places = cache.x.flatten(1).shape
    if start.ndim != 2 or len(start) != n or start.shape[1] > n_places:
        raise ValueError(
            f"start has shape {tuple(start.shape)} but must be ({n}, m), m at most {n_places}: the "
            "first m pixels of each image, as images.flatten(1)[:, :m] gives them."
        )
    whole = functional.pad(start, (0, n_places - start.shape[1])).view_as(cache.x)
    return cache.model.check(whole).flatten(1).unbind(dim=1)[: start.shape[1]]


def sample_cached(model, n, context=None, *, start=None, temperature=1.0, generator=None):
    """Draw n images from a `GatedPixelCNN`: the samples of ``model.sample``, much sooner.

    The same generator gives the same draws in the same order, int64 (n, 1, H, W). With `start`, int
    (n, m), the first m pixels as we read are these: draws from ``p(the rest | start)``.
    """
    cache = CachedLogits(model, n, context)
    known = first_pixels(cache, start)
    for place in range(cache.x[0].numel()):
        if place < len(known):
            cache.set(place, known[place])
        else:
            logits = cache.logits(place)
            cache.set(place, sample_categorical(logits, temperature, generator=generator))
    return cache.x


class PlainLogits:
    """What `CachedLogits` offers, for any autoregressive model: a full pass for each entry."""

    def __init__(self, model, n, context=None):
        self.model, self.context, self.x = model, context, model.blank(n)

    @torch.no_grad()
    def logits(self, place):
        """Logits (n, n_levels) of the entry at `place`, given those that were set.

        Of a list of g places (n, g, n_levels).
        """
        return self.model.logits(self.x, self.context).flatten(1, -2)[:, place]

    def set(self, place, values):
        """Say which levels (n,) stand at `place`."""
        self.x.view(len(self.x), -1)[:, place] = values

    def take(self, images):
        """The same walk for others, whose image i is ``images[i]`` of these; indices (m,)."""
        context = None if self.context is None else self.context[images]
        other = PlainLogits(self.model, 0, context)
        other.x = self.x[images]
        return other


def walk(model, n, context=None):
    """The cheapest walk over the entries of n samples that a model allows."""
    cached = getattr(type(model), "features", None) is GatedPixelCNN.features
    return (CachedLogits if cached else PlainLogits)(model, n, context)


def consecutive_groups(model, groups):
    """Groups of places as lists, checked: together they are the model's order."""
    order = torch.arange(model.blank(1).numel()) if model.order is None else model.order.cpu()
    if not isinstance(groups, list):
        groups = order.split(check_integer("groups", groups))
    groups = [torch.as_tensor(group).tolist() for group in groups]
    if [place for group in groups for place in group] != order.tolist():
        raise ValueError(
            f"groups={groups!r} must hold each of the {len(order)} places once, in the model's "
            "order: pass a number, or order.split(...)."
        )
    return groups


def draw_from_marginals(known, places, draw):
    """Levels of the next g places of n images, each from its law given the past.

    ``p(x_j | past)`` is a sum over the entries between. It need not be computed:
    of g serial draws of the group the j-th gives entry j, and no other.

    Parameters
    ----------
    known : CachedLogits or PlainLogits
        A walk that has come to the first of the places; it stays there.
    places : list of int, length g
    draw : callable
        Takes logits (m, n_levels) and returns levels (m,).

    Returns
    -------
    list of g int64 tensors (n,)
    """
    n, levels = len(known.x), []
    rows = torch.arange(n, device=known.x.device)
    copies = known.take(rows.repeat(len(places)))  # g serial draws of each image
    for place in places:
        drawn = draw(copies.logits(place))
        levels.append(drawn[:n])  # the first of the copies has done its work
        copies.set(place, drawn)
        copies = copies.take(torch.arange(n, len(drawn), device=drawn.device))
    return levels


@torch.no_grad()
def sample_parallel(model, n, groups=None, context=None, *, temperature=1.0, generator=None):
    """Draw groups of entries, those of a group independent of each other given all before it.

    ``q(x) = prod_groups prod_{j in group} p(x_j | entries before the group)``

    A model made with such groups (Reed et al., 2017) has ``q = p``: one pass of the network draws a
    group. For any other model q is not p, and no pass is saved: the conditionals that the network
    gives look at the others of the group, and to forget these takes ``(g + 1) / 2`` serial draws
    of a group of g (`draw_from_marginals`).

    Parameters
    ----------
    model : Autoregressive
    n : int
    groups : int, or list of int tensors, optional
        Entries of each group, so many at a time in the model's order; or their places. By default
        ``model.groups()``, those that the model was made with.
    context : tensor (n, n_context), optional
    temperature : float
    generator : torch.Generator, optional

    Returns
    -------
    int64 tensor (n, *event)
    """
    made_so = groups is None
    if made_so and not hasattr(model, "groups"):
        raise ValueError(
            f"groups={groups}, but {type(model).__name__} was not made with groups: say how many "
            "entries to draw at once."
        )

    def draw(logits):
        return sample_categorical(logits, temperature, generator=generator)

    groups = consecutive_groups(model, model.groups() if made_so else groups)
    known = PlainLogits(model, n, context) if made_so else walk(model, n, context)
    for places in groups:
        if made_so:
            levels = [draw(logits) for logits in known.logits(places).unbind(dim=1)]
        else:
            levels = draw_from_marginals(known, places, draw)
        for place, drawn in zip(places, levels, strict=True):
            known.set(place, drawn)
    return known.x
