"""Handwritten digits: the data of every density model and of the scoreboard. Ground floor."""

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


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
