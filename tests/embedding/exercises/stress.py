"""Wrong answers that the checkers of book/embedding/stress.md must refuse."""

import numpy as np


def wishes(i, Z, D, partners):
    arrows = Z[i] - Z[partners]
    ratio = D[i, partners] / np.linalg.norm(arrows, axis=1)
    return Z[partners] + ratio[:, None] * arrows


def gaps_are_used(i, Z, D, known):
    return wishes(i, Z, D, np.arange(len(Z)) != i).mean(axis=0)


def gaps_are_zero(i, Z, D, known):
    return wishes(i, Z, np.nan_to_num(D), np.arange(len(Z)) != i).mean(axis=0)


def with_its_own_wish(i, Z, D, known):
    some = wishes(i, Z, D, known[i])
    return (some.sum(axis=0) + Z[i]) / (len(some) + 1)


def sum_of_wishes(i, Z, D, known):
    return wishes(i, Z, D, known[i]).sum(axis=0)


def the_other_side(i, Z, D, known):
    return (2 * Z[known[i]] - wishes(i, Z, D, known[i])).mean(axis=0)


def in_place(i, Z, D, known):
    Z[i] = wishes(i, Z, D, known[i]).mean(axis=0)
    return Z[i]


def whole_map(i, Z, D, known):
    Z = Z.copy()
    return in_place(i, Z, D, known) + np.zeros_like(Z)


def highest_so_far(values):
    return np.maximum.accumulate(values)


def in_order(values):
    return np.sort(values)


def one_round(values):
    values = values.copy()
    for i in range(len(values) - 1):
        if values[i] > values[i + 1]:
            values[i : i + 2] = values[i : i + 2].mean()
    return values


def the_mean(values):
    return np.full(len(values), np.mean(values))


def pools_by_the_median(values):
    blocks = []
    for value in values:
        block = [value]
        while blocks and np.median(blocks[-1]) > np.median(block):
            block = blocks.pop() + block
        blocks.append(block)
    return np.concatenate([np.full(len(block), np.median(block)) for block in blocks])


def means_of_blocks(values):
    return np.unique(np.maximum.accumulate(values))


WRONG = {
    "move": [
        gaps_are_used,
        gaps_are_zero,
        with_its_own_wish,
        sum_of_wishes,
        the_other_side,
        in_place,
        whole_map,
    ],
    "never_falling": [
        highest_so_far,
        in_order,
        one_round,
        the_mean,
        pools_by_the_median,
        means_of_blocks,
    ],
}
