"""Nearest neighbours of points, or in a matrix of distances. Chapter: `hierarchical`."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from companion.clustering.distances import TREE_FEATURES, nearest_neighbors
from companion.validation import (
    check_choice,
    check_distance_matrix,
    check_integer,
    check_points,
)

METRICS = ("euclidean", "precomputed")
FAR = 10  # widths of the data from 0: until there two digits are lost
BLOCK = 64  # rows whose differences to their neighbours are in memory at a time


def check_points_or_distances(estimator, X, **options):
    """Return X as points (n, p) or, if the estimator's metric says so, as distances (n, n)."""
    check_choice("metric", estimator.metric, METRICS)
    X = check_points(estimator, X, **options)
    return check_distance_matrix("X", X) if estimator.metric == "precomputed" else X


def nearest_columns(D, n_neighbors):
    """Smallest entries (m, n_neighbors) of the rows of D (m, n), smallest first, and their columns.

    Of those that tie at the last place it is arbitrary which is named.
    """
    columns = np.argpartition(D, n_neighbors - 1, axis=1)[:, :n_neighbors]
    entries = np.take_along_axis(D, columns, axis=1)
    order = np.lexsort((columns, entries))
    return np.take_along_axis(entries, order, axis=1), np.take_along_axis(columns, order, axis=1)


def nearest_others(X, n_neighbors, metric="euclidean"):
    """Distances and indices (n, n_neighbors) of the other points nearest to each, nearest first.

    X holds points (n, p), or with ``metric="precomputed"`` the distances (n, n).
    """
    if metric == "euclidean":
        return nearest_neighbors(X, n_neighbors)
    remedy = "ask for fewer neighbours, or give more points"
    check_integer("n_neighbors", n_neighbors, 1, len(X) - 1, remedy)
    D = X.astype(np.float64)  # a copy
    np.fill_diagonal(D, np.inf)
    return nearest_columns(D, n_neighbors)


def nearest_among(points, X, n_neighbors):
    """Distances and indices (m, k) of the `n_neighbors` rows of `points` nearest to each row of X.

    A tree takes differences; all pairs expand squares, and are moved to the mean where it is far.
    """
    tree, origin = points.shape[1] <= TREE_FEATURES, points.mean(axis=0)
    if tree or np.abs(origin).max() <= FAR * np.ptp(points, axis=0).max():
        origin = 0.0
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="kd_tree" if tree else "brute")
    return search.fit(points - origin).kneighbors(X - origin)


def nearest_known(points, X, n_neighbors, metric="euclidean"):
    """Distances and indices (m, n_neighbors) of the known points (n, p) nearest to each row of X.

    X holds new points (m, p), or with ``metric="precomputed"`` their distances (m, n).
    """
    if metric == "euclidean":
        indices = nearest_among(points, X, n_neighbors)[1]
        distances = np.empty(indices.shape)
        for start in range(0, len(X), BLOCK):  # exactly: an equal point is at distance 0
            block = slice(start, start + BLOCK)
            distances[block] = np.linalg.norm(points[indices[block]] - X[block, None], axis=2)
        order = np.lexsort((indices, distances))
        return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)
    if X.min() < 0:
        raise ValueError(
            f"X has a negative entry, {X.min():g}, but must be distances (m, n) to the points of "
            "fit: a distance is at least 0."
        )
    return nearest_columns(X, n_neighbors)
