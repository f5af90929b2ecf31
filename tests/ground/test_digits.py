"""The digits and their promised split."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from companion import data


def test_digits_are_the_split_of_the_design():
    x_train, y_train, x_test, y_test = data.digits()
    bunch = load_digits()
    expected = train_test_split(
        bunch.data, bunch.target, test_size=360, random_state=0, stratify=bunch.target
    )
    for mine, theirs in zip((x_train, x_test, y_train, y_test), expected, strict=True):
        assert np.array_equal(mine.reshape(theirs.shape), theirs)
    assert x_train.shape == (1437, 1, 8, 8)
    assert x_test.shape == (360, 1, 8, 8)
    assert x_train.dtype == x_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.array_equal(np.unique(x_train), np.arange(17))
