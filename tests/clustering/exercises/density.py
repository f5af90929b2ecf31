"""Wrong answers that the checkers of book/clustering/density.md must refuse."""

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist


def not_counting_itself(X, eps, min_samples):
    return (cdist(X, X) <= eps).sum(axis=1) - 1 >= min_samples


def more_than(X, eps, min_samples):
    return (cdist(X, X) <= eps).sum(axis=1) > min_samples


def strictly_within(X, eps, min_samples):
    return (cdist(X, X) < eps).sum(axis=1) >= min_samples


def indices_for_mask(X, eps, min_samples):
    return np.flatnonzero((cdist(X, X) <= eps).sum(axis=1) >= min_samples)


def over_border_points(X, eps, is_core):
    labels = connected_components(cdist(X, X) <= eps)[1]
    return np.where(is_core, labels, -1)


def all_in_one(X, eps, is_core):
    return np.where(is_core, 0, -1)


def one_step_only(X, eps, is_core):
    near = (cdist(X, X) <= eps) & is_core
    return np.where(is_core, near.argmax(axis=1), -1)


def without_the_radius(X, eps, is_core):
    return np.where(is_core, np.arange(len(X)), -1)


WRONG = {
    "crowds_of": [over_border_points, all_in_one, one_step_only, without_the_radius],
    "core_points": [not_counting_itself, more_than, strictly_within, indices_for_mask],
}
