"""Wrong answers that the checkers of book/compression/neural_compression.md must refuse."""

import numpy as np


def bytes_of(logits, levels):
    p = np.exp(np.asarray(logits, dtype=float))
    p = p / p.sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(p, np.asarray(levels)[..., None], axis=-1)) / 8


def nats_for_bits(logits, levels):
    return bytes_of(logits, levels).sum()


def bits_for_bytes(logits, levels):
    return 8 * bytes_of(logits, levels).sum() / np.log(2)


def a_mean_for_a_sum(logits, levels):
    return bytes_of(logits, levels).mean() / np.log(2)


def logits_for_log_probabilities(logits, levels):
    levels = np.asarray(levels)[..., None]
    return -np.take_along_axis(np.asarray(logits), levels, axis=-1).sum() / np.log(2) / 8


def rounded_one_by_one(p, total):
    return np.maximum(np.rint(p * total), 1).astype(np.int64)


def without_a_floor(p, total):
    return np.diff(np.rint(np.cumsum(p) / p.sum() * total).astype(np.int64), prepend=0)


def the_last_takes_the_rest(p, total):
    f = np.maximum(np.floor(p * total), 1).astype(np.int64)
    f[-1] = total - f[:-1].sum()
    return f


def all_alike(p, total):
    f = np.full(len(p), total // len(p))
    f[: total - f.sum()] += 1
    return f


def fractions(p, total):
    return p / p.sum() * (total - len(p)) + 1


def the_first_takes_the_rest(p, total):
    f = np.ones(len(p), dtype=np.int64)
    f[0] = total - len(p) + 1
    return f


WRONG = {
    "promised_bytes": [
        nats_for_bits,
        bits_for_bytes,
        a_mean_for_a_sum,
        logits_for_log_probabilities,
    ],
    "to_integers": [
        rounded_one_by_one,
        without_a_floor,
        the_last_takes_the_rest,
        all_alike,
        fractions,
        the_first_takes_the_rest,
    ],
}
