"""Wrong answers that the checkers of book/clustering/kmeans.md must refuse."""

import numpy as np


def farthest(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmax(axis=1)


def nearest_point_of_each_centre(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=0)


def only_the_first_coordinate(X, centers):
    return ((X[:, None] - centers[None]) ** 2)[..., 0].argmin(axis=1)


def one_hot(X, centers):
    squared = ((X[:, None] - centers[None]) ** 2).sum(axis=-1)
    return (squared == squared.min(axis=1, keepdims=True)).astype(int)


def signed_sum(X, centers):
    return (X[:, None] - centers[None]).sum(axis=-1).argmin(axis=1)


def distance_not_squared(X, seeds):
    closest = np.sqrt(((X[:, None] - seeds[None]) ** 2).sum(axis=-1)).min(axis=1)
    return closest / closest.sum()


def farthest_seed(X, seeds):
    closest = ((X[:, None] - seeds[None]) ** 2).sum(axis=-1).max(axis=1)
    return closest / closest.sum()


def not_normalised(X, seeds):
    return ((X[:, None] - seeds[None]) ** 2).sum(axis=-1).min(axis=1)


def uniform(X, seeds):
    return np.full(len(X), 1 / len(X))


def last_seed_only(X, seeds):
    closest = ((X - seeds[-1]) ** 2).sum(axis=-1)
    return closest / closest.sum()


WRONG = {
    "assign": [
        farthest,
        nearest_point_of_each_centre,
        only_the_first_coordinate,
        one_hot,
        signed_sum,
    ],
    "seed_probabilities": [
        distance_not_squared,
        farthest_seed,
        not_normalised,
        uniform,
        last_seed_only,
    ],
}
