"""Wrong answers that the checkers of book/clustering/starts.md must refuse."""

import numpy as np


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


def squared_manhattan(X, seeds):
    closest = (np.abs(X[:, None] - seeds[None]).sum(axis=-1) ** 2).min(axis=1)
    return closest / closest.sum()


def smallest_of_each_coordinate(X, seeds):
    closest = ((X[:, None] - seeds[None]) ** 2).min(axis=1).sum(axis=-1)
    return closest / closest.sum()


WRONG = {
    "seed_probabilities": [
        distance_not_squared,
        farthest_seed,
        not_normalised,
        uniform,
        last_seed_only,
        squared_manhattan,
        smallest_of_each_coordinate,
    ],
}
