"""Wrong answers that the checkers of book/clustering/distances.md must refuse."""

import numpy as np


def by_way_of_the_first(D):
    D = np.asarray(D)
    return (D - D[:, :1] - D[:1]).max()


def yes_or_no(D):
    D = np.asarray(D)
    return bool((D[:, None, :] > D[:, :, None] + D[None]).any())


def other_way_round(D):
    D = np.asarray(D)
    return (D[:, :, None] + D[None] - D[:, None, :]).max()


def table(a, b, change):
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + change(letter, other)))
        above = row
    return above[-1]


def substitution_costs_two(a, b, price=1):
    return table(a, b, lambda one, other: 2 * (one != other))


def price_ignored(a, b, price=1):
    return table(a, b, lambda one, other: one != other)


def equal_letters_cost_too(a, b, price=1):
    return table(a, b, lambda one, other: price)


def place_by_place(a, b, price=1):
    differ = sum(x != y for x, y in zip(a, b, strict=False))
    return price * differ + abs(len(a) - len(b))


def letters_that_differ(a, b, price=1):
    return len(set(a) ^ set(b))


WRONG = {
    "worst_detour": [by_way_of_the_first, yes_or_no, other_way_round],
    "edits": [
        substitution_costs_two,
        price_ignored,
        equal_letters_cost_too,
        place_by_place,
        letters_that_differ,
    ],
}
