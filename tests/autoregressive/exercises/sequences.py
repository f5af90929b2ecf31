"""Wrong answers that the checkers of book/autoregressive/sequences.md must refuse."""

import math

import numpy as np
import torch


def by_level(text, context, alphabet, alpha, count, total):
    p = np.full(len(alphabet), 1 / len(alphabet))
    for k in range(len(context) + 1):
        C = context[len(context) - k :]
        times = np.array([count(text, C + a) for a in alphabet])
        p = (times + alpha * p) / (total(text, C, times) + alpha)
    return p


def overlapping(text, piece):
    return sum(text.startswith(piece, i) for i in range(len(text)))


def without_overlaps(text, context, alphabet, alpha):
    return by_level(text, context, alphabet, alpha, str.count, lambda text, C, times: times.sum())


def the_last_one_too(text, context, alphabet, alpha):
    def total(text, C, times):
        return overlapping(text, C)

    return by_level(text, context, alphabet, alpha, overlapping, total)


def shorter_from_the_right(text, context, alphabet, alpha):
    p = np.full(len(alphabet), 1 / len(alphabet))
    for k in range(len(context) + 1):
        times = np.array([overlapping(text, context[:k] + a) for a in alphabet])
        p = (times + alpha * p) / (times.sum() + alpha)
    return p


def smoothed_by_uniform(text, context, alphabet, alpha):
    times = np.array([overlapping(text, context + a) for a in alphabet])
    return (times + alpha / len(alphabet)) / (times.sum() + alpha)


def not_smoothed(text, context, alphabet, alpha):
    times = np.array([overlapping(text, context + a) for a in alphabet])
    return times / max(times.sum(), 1)


def one_for_each_level(text, context, alphabet, alpha):
    times = np.array([overlapping(text, context + a) for a in alphabet])
    return (times + alpha) / (times.sum() + alpha * len(alphabet))


def mean_of_the_logs(log_p, log_q, weight):
    return weight * log_p + (1 - weight) * log_q


def weights_swapped(log_p, log_q, weight):
    return torch.logaddexp(log_p + math.log(1 - weight), log_q + math.log(weight))


def not_weighted(log_p, log_q, weight):
    return torch.logaddexp(log_p, log_q)


def through_probabilities(log_p, log_q, weight):
    return (weight * log_p.exp() + (1 - weight) * log_q.exp()).log()


WRONG = {
    "follows": [
        without_overlaps,
        the_last_one_too,
        shorter_from_the_right,
        smoothed_by_uniform,
        not_smoothed,
        one_for_each_level,
    ],
    "mix": [mean_of_the_logs, weights_swapped, not_weighted, through_probabilities],
}
