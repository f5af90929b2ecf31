"""Wrong answers that the checkers of homework/sample.md must refuse."""

from itertools import combinations

import numpy as np


def squared_distances(X, means):
    return ((X[:, None] - means[None]) ** 2).sum(axis=-1)


def normalised(joint):
    return joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)


def without_the_weights(X, weights, means, variances):
    joint = -0.5 * squared_distances(X, means) / variances
    return normalised(joint - 0.5 * X.shape[1] * np.log(variances))


def constant_for_one_dimension(X, weights, means, variances):
    joint = np.log(weights) - 0.5 * squared_distances(X, means) / variances
    return normalised(joint - 0.5 * np.log(variances))


def by_exponentials(X, weights, means, variances):
    exponent = squared_distances(X, means) / variances + X.shape[1] * np.log(variances)
    density = weights * np.exp(-0.5 * exponent)
    with np.errstate(all="ignore"):
        return np.log(density / density.sum(axis=1, keepdims=True))


def not_normalised(X, weights, means, variances):
    return np.log(weights) - 0.5 * squared_distances(X, means) / variances


def components_normalised(X, weights, means, variances):
    joint = not_normalised(X, weights, means, variances)
    return joint - np.logaddexp.reduce(joint, axis=0, keepdims=True)


def accuracy(a, b):
    return np.mean(a == b)


def together_only(a, b):
    both = [(a[i] == a[j]) and (b[i] == b[j]) for i, j in combinations(range(len(a)), 2)]
    return np.mean(both)


def ordered_pairs_with_themselves(a, b):
    return np.mean((a[:, None] == a) == (b[:, None] == b))


def two_groups_only(a, b):
    same = np.mean(np.minimum(a, 1) == np.minimum(b, 1))
    n = len(a)
    return 1 - 2 * n * same * (1 - same) / (n - 1)


def all_weights_free(k, d, covariance_type):
    shape = {"full": d * (d + 1) // 2, "diag": d, "spherical": 1}[covariance_type]
    return k + k * (d + shape)


def whole_matrix(k, d, covariance_type):
    shape = {"full": d * d, "diag": d, "spherical": 1}[covariance_type]
    return k - 1 + k * (d + shape)


def one_covariance_for_all(k, d, covariance_type):
    shape = {"full": d * (d + 1) // 2, "diag": d, "spherical": 1}[covariance_type]
    return k - 1 + k * d + shape


WRONG = {
    "log_responsibilities": [
        without_the_weights,
        constant_for_one_dimension,
        by_exponentials,
        not_normalised,
        components_normalised,
    ],
    "rand_index": [accuracy, together_only, ordered_pairs_with_themselves, two_groups_only],
    "n_parameters": [all_weights_free, whole_matrix, one_covariance_for_all],
}
