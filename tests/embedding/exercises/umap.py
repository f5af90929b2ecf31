"""Wrong answers that the checkers of book/embedding/umap.md must refuse."""

import numpy as np


def their_sum(claims):
    return claims + claims.T


def their_mean(claims):
    return (claims + claims.T) / 2


def both_are_right(claims):
    return claims * claims.T


def the_larger(claims):
    return np.maximum(claims, claims.T)


def upper_half_only(claims):
    return np.triu(claims + claims.T - claims * claims.T)


def in_place(claims):
    both = claims * claims.T
    claims += claims.T.copy() - both
    return claims


def without_the_sum(weights, old):
    return (weights[:, :, None] * old).sum(axis=1)


def plain_mean(weights, old):
    return old.mean(axis=1)


def nearest_only(weights, old):
    return old[np.arange(len(old)), weights.argmax(axis=1)]


def one_sum_for_all(weights, old):
    return (weights[:, :, None] * old).sum(axis=1) / weights.sum()


def divided_by_k(weights, old):
    return (weights[:, :, None] * old).mean(axis=1)


WRONG = {
    "fuzzy_union": [
        their_sum,
        their_mean,
        both_are_right,
        the_larger,
        upper_half_only,
        in_place,
    ],
    "place": [without_the_sum, plain_mean, nearest_only, one_sum_for_all, divided_by_k],
}
