"""Two photographs, and patches cut from them. Ground floor."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_sample_image
from sklearn.utils import check_random_state

from companion.data.shapes import LUMA
from companion.validation import check_choice, check_integer


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
