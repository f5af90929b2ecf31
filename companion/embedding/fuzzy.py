"""How surely are two points neighbours? The fuzzy graph of UMAP. Chapter: `umap`."""

import numpy as np
from scipy.sparse import csr_array

from companion.clustering.distances import neighbor_graph
from companion.clustering.neighbors import nearest_known, nearest_others

HALVINGS = 64  # of the interval that holds a width
SMALLEST_WIDTH = 1e-3  # of the mean distance: no width collapses onto tied neighbours


def smooth_knn_distances(distances, n_neighbors, certain=True):
    """Return rho and the width sigma of every point.

    Rho is the distance of the nearest that is not at the same place, who thus is a neighbour for
    certain, or 0 with ``certain=False``. The width solves
    ``sum_j exp(-max(0, d_ij - rho_i) / sigma_i) = log2(n_neighbors)``.

    Parameters
    ----------
    distances : array (n, n_neighbors - 1)
        To the nearest others: a point counts as its own first neighbour.
    n_neighbors : int
    certain : bool

    Returns
    -------
    rho, sigma : arrays (n,), in units of the distances
    """
    positive = np.where(distances > 0, distances, np.inf).min(axis=1)
    rho = np.where(np.isfinite(positive) & certain, positive, 0.0)
    beyond = np.maximum(distances - rho[:, None], 0)
    low, high = np.zeros(len(rho)), np.full(len(rho), np.inf)
    sigma, target = np.full(len(rho), distances.mean() or 1.0), np.log2(n_neighbors)
    for _ in range(HALVINGS):
        total = np.exp(-beyond / sigma[:, None]).sum(axis=1)
        too_wide = total > target
        low, high = np.where(too_wide, low, sigma), np.where(too_wide, sigma, high)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + np.minimum(high, 1e300)) / 2)
    shares = n_neighbors / (n_neighbors - 1)  # the mean is over the point itself too
    own, everybody = distances.mean(axis=1) / shares, distances.mean() / shares
    return rho, np.maximum(sigma, SMALLEST_WIDTH * np.where(rho > 0, own, everybody))


def fuzzy_graph(X, n_neighbors, metric="euclidean"):
    """Return how surely two points are neighbours, a symmetric csr_array (n, n) in [0, 1].

    Each point says ``a_ij = exp(-max(0, d_ij - rho_i) / sigma_i)`` of its neighbours. The edge is
    there if at least one of the two is right: ``a_ij + a_ji - a_ij a_ji``.
    """
    distances, indices = nearest_others(X, n_neighbors - 1, metric)
    rho, sigma = smooth_knn_distances(distances, n_neighbors)
    beyond = np.maximum(distances - rho[:, None], 0)
    one_way = neighbor_graph(indices, np.exp(-beyond / sigma[:, None]))
    graph = csr_array(one_way + one_way.T - one_way * one_way.T)
    graph.sort_indices()
    return graph


def fuzzy_arrows(points, X, n_neighbors, metric="euclidean"):
    """Return how surely each new point is a neighbour of the old ones, a csr_array (m, n).

    Only the new points X (m, d) speak, and none of the old `points` (n, d) is sure to be a
    neighbour, unless it is at the same place: ``exp(-d_ij / sigma_i)``. The width is that which
    the distances beyond the nearest ask for, as in umap-learn.
    """
    distances, indices = nearest_known(points, X, n_neighbors, metric)
    _, sigma = smooth_knn_distances(distances[:, 1:], n_neighbors, certain=False)
    weights = np.exp(-distances / sigma[:, None])
    starts = np.arange(0, indices.size + 1, n_neighbors, dtype=np.int32)
    columns = indices.ravel().astype(np.int32)
    return csr_array((weights.ravel(), columns, starts), shape=(len(X), len(points)))
