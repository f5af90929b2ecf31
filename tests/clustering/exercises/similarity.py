"""Wrong answers that the checkers of book/clustering/similarity.md must refuse."""

import numpy as np


def with_loops(adjacency, tau):
    return adjacency + tau / len(adjacency)


def not_divided(adjacency, tau):
    A = np.array(adjacency, dtype=float) + tau
    np.fill_diagonal(A, 0)
    return A


def only_where_nothing_is(adjacency, tau):
    A = np.where(np.asarray(adjacency) > 0, adjacency, tau / len(adjacency))
    np.fill_diagonal(A, 0)
    return A


def in_place(adjacency, tau):
    adjacency += int(tau)
    return np.array(adjacency, dtype=float)


WRONG = {"with_threads": [with_loops, not_divided, only_where_nothing_is, in_place]}
