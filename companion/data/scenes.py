"""Small pictures of coloured shapes, each with a caption, a segmentation and its attributes.

A fifth of the combinations of shape, colour and size never occurs in training. A model that draws
"a small green cross" without having seen one has learned the words, not the sentences.

Ground floor.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from companion.data.shapes import box, coverage, cross, ellipse, paint, pixel_grid, triangle
from companion.validation import check_choice, check_integer

BLOCK = 1000  # scenes drawn at a time, which bounds the memory

# Name: signed distance to the shape in the middle of a square of this half extent.
SHAPES = {
    "circle": lambda x, y, extent: ellipse(x, y, extent, extent),
    "square": lambda x, y, extent: box(x, y, 0.88 * extent, 0.88 * extent),
    "triangle": lambda x, y, extent: triangle(x, y - 0.3 * extent, 1.2 * extent),
    "cross": cross,
}
COLORS = {
    "red": (0.84, 0.16, 0.16),
    "green": (0.13, 0.60, 0.28),
    "blue": (0.13, 0.36, 0.80),
    "yellow": (0.96, 0.78, 0.10),
    "purple": (0.55, 0.24, 0.68),
    "black": (0.13, 0.13, 0.15),
}
SIZES = {"small": 0.26, "large": 0.42}  # half extent; the picture reaches from -1 to 1
RELATIONS = {"above": (0, -1), "below": (0, 1), "left of": (-1, 0), "right of": (1, 0)}
BACKGROUND = 0.93
GAP = 0.10  # between two objects

COMBINATIONS = np.array(list(product(*map(range, (len(SHAPES), len(COLORS), len(SIZES))))))
# 10 of 48. Every pair of two attributes stays in training, so that only their meeting is new.
IS_HELD_OUT = COMBINATIONS @ [1, 2, 1] % 5 == 2
HELD_OUT = [
    (list(SHAPES)[shape], list(COLORS)[color], list(SIZES)[size])
    for shape, color, size in COMBINATIONS[IS_HELD_OUT]
]


class Scenes(NamedTuple):
    """Pictures with all that is known about them.

    Attributes
    ----------
    images : uint8 array (n, 3, size, size)
    captions : list of n str
        ``"a small red circle above a blue square"``: large is the rule and goes unsaid.
    masks : uint8 array (n, size, size)
        0 is background, 1 to 4 the shapes in the order of ``data.SHAPES``.
    objects : int64 array (n, 2, 3)
        Position of shape, colour and size in ``data.SHAPES``, ``data.COLORS``, ``data.SIZES``, in
        the caption's order; -1 for a second object that is not there.
    relations : int64 array (n,)
        Position in ``data.RELATIONS``; -1 for one object.
    centers : float64 array (n, 2, 2)
        Column and row of the middle of each object, in pixels; NaN for one that is not there.
    """

    images: np.ndarray
    captions: list
    masks: np.ndarray
    objects: np.ndarray
    relations: np.ndarray
    centers: np.ndarray


def scenes(n, *, size=32, split="train", random_state=None):
    """Draw scenes of one or two coloured shapes, and say what is in them.

    Parameters
    ----------
    n : int
    size : int
        Side of an image in pixels, at least 12; the course uses 32 and 16.
    split : {"train", "held_out"}
        ``"train"`` never shows the combinations of ``data.HELD_OUT``; in ``"held_out"`` every
        object is one of them.
    random_state : int, RandomState or None
        The same state gives the same scenes at every size.

    Returns
    -------
    Scenes
        A named tuple (images, captions, masks, objects, relations, centers).

    Raises
    ------
    ValueError
        If `n` or `size` is out of range or the split is unknown.

    Examples
    --------
    >>> some = scenes(5, size=16, random_state=0)
    >>> some.images.shape, some.captions[0]
    ((5, 3, 16, 16), '...')
    """
    n = check_integer("n", n)
    size = check_integer("size", size, low=12)
    held_out = check_choice("split", split, ("train", "held_out")) == "held_out"
    rng = check_random_state(random_state)
    choices = COMBINATIONS[held_out == IS_HELD_OUT]
    first = rng.randint(len(choices), size=n)
    second = (first + rng.randint(1, len(choices), size=n)) % len(choices)  # another one
    objects = np.stack([choices[first], choices[second]], axis=1)
    relations = rng.randint(len(RELATIONS), size=n)
    extents = np.array(list(SIZES.values()))[objects[:, :, 2]]
    centers = _place_pair(extents, relations, rng)
    alone = rng.uniform(size=n) < 0.5
    centers[alone, 0] = _between(rng, extents[alone, :1] - 1, 1 - extents[alone, :1], 2)
    centers[alone, 1] = np.nan
    objects[alone, 1] = relations[alone] = -1

    images = np.empty((n, 3, size, size), dtype=np.uint8)
    masks = np.empty((n, size, size), dtype=np.uint8)
    for start in range(0, n, BLOCK):
        block = slice(start, start + BLOCK)
        images[block], masks[block] = _draw(objects[block], centers[block], size)
    captions = [_caption(*scene) for scene in zip(objects, relations, strict=True)]
    return Scenes(images, captions, masks, objects, relations, (centers + 1) * size / 2 - 0.5)


def _between(rng, low, high, n_columns=1):
    return low + (high - low) * rng.uniform(size=(len(low), n_columns))


def _place_pair(extents, relations, rng):
    """Centres (n, 2, 2) of two objects: the first lies in the named direction of the second."""
    n = len(extents)
    slack = 2 - 2 * extents.sum(axis=1) - GAP
    before, after = np.sort(slack[:, None] * rng.uniform(size=(n, 2)), axis=1).T
    direction = np.array(list(RELATIONS.values()))[relations]
    sign = direction.sum(axis=1)
    # Along the axis of the relation, the one with the smaller coordinate comes first ...
    low_extent = np.where(sign < 0, extents[:, 0], extents[:, 1])
    low = low_extent - 1 + before
    high = 1 - (extents.sum(axis=1) - low_extent) - (slack - after)
    along = np.where(sign[:, None] < 0, np.stack([low, high], 1), np.stack([high, low], 1))
    # ... and across it the two are less than half as far apart.
    reach = (high - low) / 2
    first = _between(rng, extents[:, :1] - 1, 1 - extents[:, :1])[:, 0]
    second = _between(
        rng,
        np.maximum(first - reach, extents[:, 1] - 1)[:, None],
        np.minimum(first + reach, 1 - extents[:, 1])[:, None],
    )[:, 0]
    across = np.stack([first, second], axis=1)
    is_horizontal = direction[:, :1] != 0
    return np.stack(
        [np.where(is_horizontal, along, across), np.where(is_horizontal, across, along)], axis=2
    )


def _draw(objects, centers, size):
    """Draw a block of scenes; see `Scenes` for the images and masks that are returned."""
    grid_x, grid_y = pixel_grid(size)
    canvas = np.full((3, len(objects), size, size), BACKGROUND, dtype=np.float32)
    masks = np.zeros((len(objects), size, size), dtype=np.uint8)
    extents = np.array(list(SIZES.values()), dtype=np.float32)
    palette = np.array(list(COLORS.values()), dtype=np.float32)
    for slot, (label, distance_to) in product((0, 1), enumerate(SHAPES.values())):
        member = np.flatnonzero(objects[:, slot, 0] == label)
        center_x, center_y = centers[member, slot].T.astype(np.float32)[..., None, None]
        _, color, scale = objects[member, slot].T
        distance = distance_to(grid_x - center_x, grid_y - center_y, extents[scale, None, None])
        part = canvas[:, member]
        paint(part, coverage(distance, 2 / size), palette[color].T[..., None, None])
        canvas[:, member] = part
        masks[member] = np.where(distance < 0, label + 1, masks[member])
    return np.round(255 * np.moveaxis(canvas, 0, 1)), masks


def _caption(objects, relation):
    """Say what is in a scene, from its row of `Scenes.objects` and `Scenes.relations`."""
    phrases = [
        f"a{' small' if size == 0 else ''} {list(COLORS)[color]} {list(SHAPES)[shape]}"
        for shape, color, size in objects
        if shape >= 0
    ]
    return phrases[0] if relation < 0 else f" {list(RELATIONS)[relation]} ".join(phrases)
