"""Wrong answers that the checkers of book/clustering/spectral.md must refuse."""

import numpy as np
from scipy.linalg import eigh


def keeps_the_loops(adjacency):
    """A weight on the diagonal adds to the degree."""
    degrees = adjacency.sum(axis=1)
    return (np.diag(degrees) - adjacency) / np.where(degrees > 0, degrees, 1)[:, None]


def divides_by_zero(adjacency):
    weights = adjacency - np.diag(np.diag(adjacency))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.eye(len(weights)) - weights / weights.sum(axis=1)[:, None]


def divides_columns(adjacency):
    weights = adjacency - np.diag(np.diag(adjacency))
    degrees = weights.sum(axis=1)
    return (np.diag(degrees) - weights) / np.where(degrees > 0, degrees, 1)


def symmetric_instead(adjacency):
    weights = adjacency - np.diag(np.diag(adjacency))
    degrees = weights.sum(axis=1)
    scale = np.where(degrees > 0, degrees, 1) ** -0.5
    return scale[:, None] * (np.diag(degrees) - weights) * scale


def keeps_ones_for_lonely_nodes(adjacency):
    """I - D^(-1) A has a one where a node has no edge."""
    weights = adjacency - np.diag(np.diag(adjacency))
    degrees = weights.sum(axis=1)
    return np.eye(len(weights)) - weights / np.where(degrees > 0, degrees, 1)[:, None]


def changes_the_argument(adjacency):
    np.fill_diagonal(adjacency, 0)
    degrees = adjacency.sum(axis=1)
    return (np.diag(degrees) - adjacency) / np.where(degrees > 0, degrees, 1)[:, None]


def degree_matrix(adjacency):
    return np.diag(adjacency.sum(axis=1))


def smallest_eigenvector(adjacency):
    D = degree_matrix(adjacency)
    return eigh(D - adjacency, D)[1][:, 0] > 0


def of_the_weights(adjacency):
    return np.linalg.eigh(adjacency)[1][:, -1] > 0


def above_the_first_node(adjacency):
    D = degree_matrix(adjacency)
    y = eigh(D - adjacency, D)[1][:, 1]
    return y > y[0]


def largest_eigenvector(adjacency):
    D = degree_matrix(adjacency)
    return eigh(D - adjacency, D)[1][:, -1] > 0


WRONG = {
    "cut_in_two": [
        smallest_eigenvector,
        of_the_weights,
        above_the_first_node,
        largest_eigenvector,
    ],
    "random_walk_laplacian": [
        keeps_the_loops,
        divides_by_zero,
        divides_columns,
        symmetric_instead,
        keeps_ones_for_lonely_nodes,
        changes_the_argument,
    ],
}
