"""Wrong answers that the checkers of book/clustering/trees.md must refuse."""

import numpy as np


def only_direct_merges(Z, i, j):
    """Sees two points only if they are merged as points."""
    for left, right, height, _ in Z:
        if {left, right} == {i, j}:
            return height
    return Z[-1, 2]


def number_of_the_row(Z, i, j):
    """Returns when they meet, not how high."""
    members = [{point} for point in range(len(Z) + 1)]
    for row, (left, right, _, _) in enumerate(Z):
        members.append(members[int(left)] | members[int(right)])
        if {i, j} <= members[-1]:
            return row


def last_merge_of_either(Z, i, j):
    """Takes the first row in which either of the points takes part."""
    for left, right, height, _ in Z:
        if {left, right} & {i, j}:
            return height


def triangle_inequality(U):
    U = np.asarray(U, dtype=float)
    return (U[:, None, :] - U[:, :, None] - U[None]).max()


def shorter_side(U):
    U = np.asarray(U, dtype=float)
    return (U[:, None, :] - np.minimum(U[:, :, None], U[None])).max()


def by_way_of_the_last(U):
    U = np.asarray(U, dtype=float)
    return (U - np.maximum(U[:, -1:], U[-1:])).max()


WRONG = {
    "worst_excess": [triangle_inequality, shorter_side, by_way_of_the_last],
    "meeting_height": [only_direct_merges, number_of_the_row, last_merge_of_either],
}
