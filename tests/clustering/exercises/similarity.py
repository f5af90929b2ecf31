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


def by_nodes(adjacency, labels):
    parts = [labels == k for k in np.unique(labels)]
    return sum(adjacency[p][:, ~p].sum() / p.sum() for p in parts)


def within_only(adjacency, labels):
    parts = [labels == k for k in np.unique(labels)]
    return sum(adjacency[p][:, ~p].sum() / max(adjacency[p][:, p].sum(), 1e-9) for p in parts)


def plain_cut(adjacency, labels):
    return sum(adjacency[labels == k][:, labels != k].sum() for k in np.unique(labels)) / 2


def index_of_the_step(eigenvalues):
    """One too few."""
    return int(np.diff(eigenvalues).argmax())


def largest_quotient(eigenvalues):
    return int((eigenvalues[1:] / np.maximum(eigenvalues[:-1], 1e-12)).argmax()) + 1


def skips_the_first_step(eigenvalues):
    """One cluster is never found."""
    return int(np.diff(eigenvalues)[1:].argmax()) + 2


def counts_zeros(eigenvalues):
    return int((np.asarray(eigenvalues) < 1e-10).sum())


WRONG = {
    "count_clusters": [index_of_the_step, largest_quotient, skips_the_first_step, counts_zeros],
    "ncut": [by_nodes, within_only, plain_cut],
    "with_threads": [with_loops, not_divided, only_where_nothing_is, in_place],
}
