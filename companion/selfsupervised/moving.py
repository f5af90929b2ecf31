"""Short films of textured shapes in whose grey pictures the colours cannot be read.

Chapter: `pretext`.
"""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import check_random_state

from companion.data.shapes import box, coverage, cross, ellipse, pixel_grid, triangle
from companion.selfsupervised.colors import join_colors
from companion.validation import check_integer, check_real

# Chroma of the colours, (red - grey, blue - grey): six hues around grey.
ANGLES = np.arange(6) * np.pi / 3
LIGHT = 0.2  # of the patterns around middle grey
FILM_COLORS = np.stack([0.22 * np.cos(ANGLES), 0.22 * np.sin(ANGLES)], axis=1).astype(np.float32)


class Film(NamedTuple):
    """Clips and what is where in them.

    Attributes
    ----------
    clips : uint8 tensor (n, T, 3, size, size)
    labels : int64 tensor (n, T, size, size)
        0 is the background, i the object i; objects with a larger number lie above.
    """

    clips: torch.Tensor
    labels: torch.Tensor


def stripes(x, y, rng, n):
    """A pattern of two waves for each of n pictures, float (n, *place) from -1 to 1."""
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 2, n, 1, 1))
    pace = rng.uniform(3, 9, (2, n, 1, 1))
    waves = np.sin(pace * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return waves.mean(axis=0)


def moving_shapes(n, *, n_frames=6, size=24, n_objects=2, speed=2.0, random_state=None):
    """Draw films in which shapes move over a ground that does not, each with a pattern of its own.

    Colours are drawn independently of all else, of six, so that two objects may share one; light
    and chroma are independent, so that no grey frame tells a colour.

    Parameters
    ----------
    n, n_frames, size, n_objects : int
    speed : float
        Pixels a frame, in a random direction; at the edges shapes turn back.
    random_state : int, RandomState or None

    Returns
    -------
    Film
        A named tuple (clips, labels).

    Examples
    --------
    >>> moving_shapes(3, random_state=0).clips.shape
    torch.Size([3, 6, 3, 24, 24])
    """
    n, n_frames = check_integer("n", n), check_integer("n_frames", n_frames)
    size = check_integer("size", size, low=8)
    speed = 2 / size * check_real("speed", speed, 0)
    rng = check_random_state(random_state)
    x, y = pixel_grid(size)
    color = rng.randint(len(FILM_COLORS), size=(n_objects + 1, n))
    light = np.repeat(LIGHT * stripes(x, y, rng, n)[:, None], n_frames, axis=1)  # (n, T, H, W)
    chroma = np.tile(FILM_COLORS[color[0]][:, None, :, None, None], (n_frames, 1, size, size))
    labels = np.zeros((n, n_frames, size, size), dtype=np.int64)
    for i in range(1, check_integer("n_objects", n_objects) + 1):
        angle, kind = rng.uniform(0, 2 * np.pi, n), rng.randint(4, size=n)
        place, step = rng.uniform(-0.6, 0.6, (n, 2)), np.stack([np.cos(angle), np.sin(angle)], 1)
        radius, seed = rng.uniform(0.32, 0.46, (n, 1, 1)), rng.randint(2**31)
        for t in range(n_frames):
            u, v = x - place[:, :1, None], y - place[:, 1:, None]
            shapes = (
                ellipse(u, v, radius, 0.7 * radius),
                box(u, v, 0.8 * radius, 0.8 * radius),
                triangle(u, v, 1.2 * radius),
                cross(u, v, radius),
            )
            covered = coverage(np.choose(kind[:, None, None], shapes), 2 / size)
            pattern = LIGHT * stripes(u, v, np.random.RandomState(seed), n)
            light[:, t] += covered * (pattern - light[:, t])
            told = FILM_COLORS[color[i]][:, :, None, None]
            chroma[:, t] += covered[:, None] * (told - chroma[:, t])
            labels[:, t][covered > 0.5] = i
            step = np.where(np.abs(place + speed * step) > 0.75, -step, step)
            place = place + speed * step
    grey = torch.from_numpy(0.5 + light).float().flatten(0, 1)[:, None]
    images = join_colors(grey, torch.from_numpy(chroma).float().flatten(0, 1))
    clips = (255 * images).round().to(torch.uint8).unflatten(0, (n, n_frames))
    return Film(clips, torch.from_numpy(labels))
