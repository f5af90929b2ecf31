"""Wrong answers that the checkers of book/compression/lossy_compression.md must refuse."""

import numpy as np


def all_are_coded(variances, level):
    v = np.asarray(variances, dtype=float)
    return 0.5 * np.log2(np.maximum(v, 1e-9) / level).sum(), level * len(v)


def without_the_half(variances, level):
    v = np.asarray(variances, dtype=float)
    return np.log2(v[v > level] / level).sum(), np.minimum(v, level).sum()


def error_of_the_coded_only(variances, level):
    v = np.asarray(variances, dtype=float)
    return 0.5 * np.log2(v[v > level] / level).sum(), level * (v > level).sum()


def in_nats(variances, level):
    v = np.asarray(variances, dtype=float)
    return 0.5 * np.log(v[v > level] / level).sum(), np.minimum(v, level).sum()


def density(m, mean, scale):
    t = (np.asarray(m, dtype=float) - mean) / scale
    return -np.log2(np.exp(-abs(t)) / (1 + np.exp(-abs(t))) ** 2 / scale)


def one_sided(m, mean, scale):
    m = np.asarray(m, dtype=float) - mean
    area = 1 / (1 + np.exp(-(m + 0.5) / scale)) - 1 / (1 + np.exp(-(m - 0.5) / scale))
    return -np.log2(np.maximum(area, 1e-300))


def with_a_floor(m, mean, scale):
    left = -np.abs(np.asarray(m, dtype=float) - mean)
    area = 1 / (1 + np.exp(-(left + 0.5) / scale)) - 1 / (1 + np.exp(-(left - 0.5) / scale))
    return -np.log2(area + 1e-9)


WRONG = {
    "fill": [all_are_coded, without_the_half, error_of_the_coded_only, in_nats],
    "price": [density, one_sided, with_a_floor],
}
