"""Wrong answers that the checkers of book/selfsupervised/time.md must refuse."""

import numpy as np


def columns(scores):
    best = scores == scores.max(axis=0, keepdims=True)
    return float((np.diag(best) / best.sum(axis=0)).mean())


def ties_win(scores):
    return float((np.diag(scores) == scores.max(axis=1)).mean())


def first_of_the_best(scores):
    return float((scores.argmax(axis=1) == np.arange(len(scores))).mean())


def number_of_rows(scores):
    return float((scores.argmax(axis=1) == np.arange(len(scores))).sum())


def last_strip_missing(image, height, stride):
    starts = range(0, len(image) - height, stride)
    return np.array([image[i : i + height].ravel() for i in starts]).reshape(
        len(starts), height * image.shape[1]
    )


def column_by_column(image, height, stride):
    starts = range(0, len(image) - height + 1, stride)
    return np.array([image[i : i + height].T.ravel() for i in starts])


def from_the_left(image, height, stride):
    starts = range(0, image.shape[1] - min(height, image.shape[1]) + 1, stride)
    return np.array([image[:, i : i + height].ravel() for i in starts])


def without_overlap(image, height, stride):
    starts = range(0, len(image) - height + 1, height)
    return np.array([image[i : i + height].ravel() for i in starts])


WRONG = {
    "right_share": [columns, ties_win, first_of_the_best, number_of_rows],
    "cut": [last_strip_missing, column_by_column, from_the_left, without_overlap],
}
