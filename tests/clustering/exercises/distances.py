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


def substitution_costs_two(a, b):
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + 2 * (letter != other)))
        above = row
    return above[-1]


def place_by_place(a, b):
    return sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))


def letters_that_differ(a, b):
    return len(set(a) ^ set(b))


WRONG = {
    "worst_detour": [by_way_of_the_first, yes_or_no, other_way_round],
    "edits": [substitution_costs_two, place_by_place, letters_that_differ],
}
