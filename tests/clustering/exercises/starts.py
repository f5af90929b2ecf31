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


def moved(centers, counts, x, rate, nearest=np.argmin):
    centers, counts = np.array(centers, dtype=float), np.array(counts)
    k = nearest(((centers - x) ** 2).sum(axis=1))
    counts[k] += 1
    centers[k] += (x - centers[k]) * rate(counts[k])
    return centers, counts


def by_the_old_count(centers, counts, x):
    return moved(centers, counts, x, lambda n: 1 / (n - 1))


def all_the_way(centers, counts, x):
    return moved(centers, counts, x, lambda n: 1.0)


def to_the_farthest(centers, counts, x):
    return moved(centers, counts, x, lambda n: 1 / n, np.argmax)


WRONG = {
    "given": [by_the_old_count, all_the_way, to_the_farthest],
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
