"""Every data set of the course, real or drawn, and already on the machine.

Nothing is downloaded unless the reader calls one of the functions of `companion.downloads` by
name. The drawn pictures are in `companion.drawings` and `companion.scenes`. All of them are
re-exported here, so that chapters write ``from companion import data`` and nothing else.
"""

import lzma
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from companion.downloads import (
    CIFAR10_CLASSES,
    FASHION_CLASSES,
    DownloadError,
    LabelledImages,
    cifar10,
    fashion_mnist,
    mnist,
    olivetti_faces,
)
from companion.drawings import CHARACTERS, FACE_FACTORS, draw_faces, faces, glyphs
from companion.scenes import COLORS, HELD_OUT, RELATIONS, SHAPES, SIZES, Scenes, scenes
from companion.shapes import LUMA
from companion.validation import check_choice, check_integer, check_real

__all__ = [
    "CHARACTERS",
    "CIFAR10_CLASSES",
    "COLORS",
    "FACE_FACTORS",
    "FASHION_CLASSES",
    "HELD_OUT",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "TOYS",
    "Digits",
    "DownloadError",
    "LabelledImages",
    "Scenes",
    "cifar10",
    "digits",
    "draw_faces",
    "faces",
    "fashion_mnist",
    "glyphs",
    "mnist",
    "olivetti_faces",
    "patches",
    "photos",
    "scenes",
    "text",
    "toy",
]


class Digits(NamedTuple):
    """Handwritten digits, split the same way everywhere in the course.

    Attributes
    ----------
    x_train : uint8 array (1437, 1, 8, 8)
        17 grey levels: 0 is paper, 16 is ink.
    y_train : int64 array (1437,)
        The digit, 0 to 9.
    x_test : uint8 array (360, 1, 8, 8)
    y_test : int64 array (360,)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits():
    """Load scikit-learn's 1,797 real handwritten digits, 1,437 to learn from and 360 to test on.

    Returns
    -------
    Digits
        The named tuple (x_train, y_train, x_test, y_test). Classes are equally frequent on both
        sides of the split.

    References
    ----------
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.

    Examples
    --------
    >>> digits().x_train.shape, digits().x_test.shape
    ((1437, 1, 8, 8), (360, 1, 8, 8))
    """
    bunch = load_digits()
    images = bunch.images[:, None].astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=360, random_state=0, stratify=labels
    )
    return Digits(x_train, y_train, x_test, y_test)


def photos():
    """Load scikit-learn's two sample photographs, a Chinese temple and a flower.

    Returns
    -------
    dict of str to uint8 array (427, 640, 3)
        ``"china"`` and ``"flower"``; red, green and blue from 0 to 255.

    Examples
    --------
    >>> {name: photo.shape for name, photo in photos().items()}
    {'china': (427, 640, 3), 'flower': (427, 640, 3)}
    """
    return {name: np.array(load_sample_image(f"{name}.jpg")) for name in ("china", "flower")}


def patches(n, size, *, color=False, photo=None, random_state=None):
    """Cut square patches from random places of the photographs.

    Parameters
    ----------
    n : int
        Number of patches.
    size : int
        Side of a patch in pixels, 1 to 427.
    color : bool
        Keep the three colours. Otherwise grey, ``0.299 red + 0.587 green + 0.114 blue``.
    photo : {"china", "flower"}, optional
        Cut from this one; by default each patch comes from either with equal chance.
    random_state : int, RandomState or None

    Returns
    -------
    float64 array (n, size, size), or (n, size, size, 3) with ``color=True``
        Values in [0, 1]: black is 0, white is 1. Nothing is subtracted or scaled further.

    Raises
    ------
    ValueError
        If `n` or `size` is out of range, or the photo is unknown.

    Examples
    --------
    >>> patches(100, 12, random_state=0).shape
    (100, 12, 12)
    """
    n = check_integer("n", n)
    size = check_integer("size", size, high=427, remedy="the photos are 427 pixels high.")
    images = photos()
    if photo is not None:
        images = {photo: images[check_choice("photo", photo, images)]}
    stack = np.stack(list(images.values())) / 255.0
    if not color:
        stack = stack @ LUMA
    rng = check_random_state(random_state)
    which = rng.randint(len(stack), size=n)
    row, column = (rng.randint(side - size + 1, size=n) for side in stack.shape[1:3])
    windows = sliding_window_view(stack, (size, size), axis=(1, 2))[which, row, column]
    return np.moveaxis(windows, 1, -1).copy() if color else windows


@cache
def text():
    """Read the English help topics of CPython 3.11.7, the text behind ``help("assert")``.

    Returns
    -------
    str
        465,048 characters. Its 79 topics are in the order of their names and separated by a form
        feed: ``text().split("\\f")`` gives them one by one.

    Notes
    -----
    Copyright (c) 2001-2023 Python Software Foundation; all rights reserved. Used under the PSF
    License Agreement, version 2, which is companion/help_topics.LICENSE. The file is made by
    tools/make_text.py and shipped, since every release of Python words its topics differently.

    Examples
    --------
    >>> print(text()[:22])
    The "assert" statement
    """
    packed = resources.files("companion").joinpath("help_topics.xz").read_bytes()
    return lzma.decompress(packed).decode()


def toy(name, n, *, noise=None, random_state=None):
    """Draw points in the plane from a well-known shape.

    ===================== ====== ========================================================= =====
    name                  labels shape                                                     noise
    ===================== ====== ========================================================= =====
    ``"moons"``           2      two interleaved half circles of radius 1                  0.08
    ``"rings"``           2      circles of radius 0.5 and 1 around the origin             0.05
    ``"spiral"``          2      two arms, one and a half turns, out to radius 2           0.05
    ``"checkerboard"``    8      every other unit square of a 4 x 4 board about the origin 0
    ``"blobs"``           3      Gaussians around three fixed centres                      0.5
    ``"eight_gaussians"`` 8      Gaussians around eight points of a circle of radius 2     0.15
    ===================== ====== ========================================================= =====

    Parameters
    ----------
    name : str
    n : int
        Number of points; the groups have the same size, within one point.
    noise : float, optional
        Standard deviation of the Gaussian noise on both coordinates; default as in the table.
    random_state : int, RandomState or None

    Returns
    -------
    X : float64 array (n, 2)
    y : int64 array (n,)
        The group that each point was drawn from: 0, 1, ...

    Raises
    ------
    ValueError
        If the name is unknown, ``n < 1`` or the noise is negative.

    Examples
    --------
    >>> X, y = toy("moons", 200, random_state=0)
    >>> X.shape, np.bincount(y)
    ((200, 2), array([100, 100]))
    """
    n_groups, usual_noise, place = TOYS[check_choice("name", name, TOYS)]
    n = check_integer("n", n)
    noise = usual_noise if noise is None else check_real("noise", noise, low=0.0)
    rng = check_random_state(random_state)
    y = rng.permutation(np.arange(n, dtype=np.int64) % n_groups)
    return place(y, rng) + noise * rng.standard_normal((n, 2)), y


def _polar(radius, angle):
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _moons(y, rng):
    upper = _polar(1.0, rng.uniform(0.0, np.pi, len(y)))
    return np.where(y[:, None] == 0, upper, [1.0, 0.5] - upper)


def _rings(y, rng):
    return _polar(0.5 + 0.5 * y, rng.uniform(0.0, 2 * np.pi, len(y)))


def _spiral(y, rng):
    turns = 1.5 * np.sqrt(rng.uniform(0.02, 1.0, len(y)))  # the root: equally dense along the arm
    return _polar(2.0 * turns / 1.5, 2 * np.pi * turns + np.pi * y)


def _checkerboard(y, rng):
    row, pair = np.divmod(y, 2)
    corner = np.stack([2 * pair + row % 2, row], axis=1) - 2.0
    return corner + rng.uniform(size=(len(y), 2))


def _blobs(y, rng):
    return np.array([[-2.0, -1.0], [2.0, -1.0], [0.0, 2.0]])[y]


def _eight_gaussians(y, rng):
    return _polar(2.0, 2 * np.pi * y / 8)


# Name: number of groups, usual noise, and where the points of group y lie without it.
TOYS = {
    "moons": (2, 0.08, _moons),
    "rings": (2, 0.05, _rings),
    "spiral": (2, 0.05, _spiral),
    "checkerboard": (8, 0.0, _checkerboard),
    "blobs": (3, 0.5, _blobs),
    "eight_gaussians": (8, 0.15, _eight_gaussians),
}
