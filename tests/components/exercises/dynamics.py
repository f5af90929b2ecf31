"""Wrong answers that the checkers of book/components/dynamics.md must refuse."""

import numpy as np


def follow(x, q, r, mean, variance, *, first=False, skip=True, swapped=False, grow=True):
    means, variances = [], []
    for t, row in enumerate(x):
        if (t or first) and (grow or not np.isnan(row)):
            variance = variance + q
        if not (skip and np.isnan(row)):
            gain = (r if swapped else variance) / (variance + r)
            mean, variance = mean + gain * (row - mean), (1 - gain) * variance
        means.append(mean)
        variances.append(variance)
    return np.array(means), np.array(variances)


def predicts_before_the_first_row(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, first=True)


def believes_nan(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, skip=False)


def always_corrects_the_first_row(x, q, r, mean, variance):
    seen = np.array(x)
    seen[0] = np.nan_to_num(seen[0])
    return follow(seen, q, r, mean, variance)


def swaps_the_weights(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, swapped=True)


def stands_still_in_the_fog(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, grow=False)


def keeps_the_predicted_mean(x, q, r, mean, variance):
    means, variances = follow(x, q, r, mean, variance)
    return np.append(mean, means[:-1]), variances


def as_columns(x, q, r, mean, variance):
    return tuple(part[:, None] for part in follow(x, q, r, mean, variance))


def decomposes_the_loadings_only(C, Z):
    U, singular, Vt = np.linalg.svd(C, full_matrices=False)
    return U, Z @ (singular[:, None] * Vt).T


def smallest_first(C, Z):
    U, singular, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    k = C.shape[1]
    return Vt[:k][::-1].T, (U[:, :k] * singular[:k])[:, ::-1]


def forgets_the_size(C, Z):
    U, _, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    return Vt[: C.shape[1]].T, U[:, : C.shape[1]]


def keeps_all(C, Z):
    U, singular, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    return Vt.T, U * singular


def only_normalises(C, Z):
    sizes = np.linalg.norm(C, axis=0)
    return C / sizes, Z * sizes


WRONG = {
    "follow_walk": [
        predicts_before_the_first_row,
        believes_nan,
        always_corrects_the_first_row,
        swaps_the_weights,
        stands_still_in_the_fog,
        keeps_the_predicted_mean,
        as_columns,
    ],
    "orthonormalize": [
        decomposes_the_loadings_only,
        smallest_first,
        forgets_the_size,
        keeps_all,
        only_normalises,
    ],
}
