"""Wrong answers that the checkers of book/clustering/density.md must refuse."""

import numpy as np
from scipy.spatial.distance import cdist


def not_counting_itself(X, eps, min_samples):
    return (cdist(X, X) <= eps).sum(axis=1) - 1 >= min_samples


def more_than(X, eps, min_samples):
    return (cdist(X, X) <= eps).sum(axis=1) > min_samples


def strictly_within(X, eps, min_samples):
    return (cdist(X, X) < eps).sum(axis=1) >= min_samples


def indices_for_mask(X, eps, min_samples):
    return np.flatnonzero((cdist(X, X) <= eps).sum(axis=1) >= min_samples)


def plain_distance(X, core, p):
    return np.linalg.norm(X - X[p], axis=1)


def core_of_the_other(X, core, p):
    return np.maximum(core, np.linalg.norm(X - X[p], axis=1))


def smaller_of_both(X, core, p):
    return np.minimum(core[p], np.linalg.norm(X - X[p], axis=1))


WRONG = {
    "core_points": [not_counting_itself, more_than, strictly_within, indices_for_mask],
    "reachability": [plain_distance, core_of_the_other, smaller_of_both],
}
