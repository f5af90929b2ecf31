"""DBSCAN: clusters as connected dense regions. Chapter: `density`.

The three steps of the algorithm work on a list of neighbouring pairs. Two searches find the pairs:
trees of points in few dimensions, matrix products in many. Both go through the data in blocks, and
pairs that can no longer matter are dropped on the way, so that memory grows with the number of
points and not with the number of pairs.
"""

import numpy as np
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator, ClusterMixin

from companion.clustering.neighbors import check_points_or_distances
from companion.clustering.optics import OPTICS, cluster_optics_dbscan
from companion.validation import check_integer, check_real

__all__ = ["DBSCAN", "OPTICS", "cluster_optics_dbscan", "dbscan"]

TREE_DIMENSIONS = 8  # beyond this many, a tree rules out too little
TREE_BLOCK = 2048  # points in a tree: at most 4 million pairs at a time
TILE = 1024  # rows and columns of one block of distances
MAX_PAIRS = 4_000_000  # pairs kept before those that no longer matter are dropped


def lowest_member(pairs, n_points):
    """Lowest index in each point's connected component: each component hooks on to a lower one.

    Two rounds leave at most half of the components that have a neighbour.
    """
    lowest = np.arange(n_points)
    while pairs.size:
        np.minimum.at(lowest, np.maximum(*pairs), np.minimum(*pairs))
        while (lowest != lowest[lowest]).any():
            lowest = lowest[lowest]
        pairs = lowest[pairs]
        pairs = np.compress(pairs[0] != pairs[1], pairs, axis=1)
    return lowest


def connect_core_points(pairs, is_core):
    """Number the connected components of the core points; every other point gets -1."""
    pairs = np.compress(is_core[pairs[0]] & is_core[pairs[1]], pairs, axis=1)
    component = lowest_member(pairs, len(is_core))
    labels = np.full(len(is_core), -1)
    labels[is_core] = np.unique(component[is_core], return_inverse=True)[1]
    return labels


def attach_border_points(labels, pairs, is_core):
    """Give a non-core point the lowest label among the core points near it; noise stays -1."""
    nothing = len(labels)  # above every label
    lowest = np.full(len(labels), nothing)
    for core, other in (pairs, pairs[::-1]):
        border = is_core[core] & ~is_core[other]
        np.minimum.at(lowest, other[border], labels[core[border]])
    return np.where(lowest < nothing, lowest, labels)


def dbscan(X, eps, min_samples, metric="euclidean"):
    """Cluster label of every row of `X`, -1 for noise, and which rows are core points."""
    search = neighbor_pairs if metric == "euclidean" else _matrix_pairs
    pairs = np.empty((2, 0), dtype=np.intp)
    n_neighbors = np.ones(len(X), dtype=np.intp)  # a point is in its own neighbourhood
    for batch in _batches(search(X, eps), MAX_PAIRS):
        pairs = _condense(pairs, n_neighbors >= min_samples)
        pairs = np.concatenate([pairs, batch], axis=1)
        n_neighbors += np.bincount(batch.ravel(), minlength=len(X))
    is_core = n_neighbors >= min_samples
    labels = connect_core_points(pairs, is_core)
    return attach_border_points(labels, pairs, is_core), is_core


def neighbor_pairs(X, eps):
    """Every pair of rows of `X` at most `eps` apart, once, in arrays (2, m) of limited length."""
    return (_tree_pairs if X.shape[1] <= TREE_DIMENSIONS else _tile_pairs)(X, eps)


def _matrix_pairs(D, eps):
    """Read the pairs from the matrix of all distances."""
    for row in range(0, len(D), TILE):
        first, second = np.nonzero(D[row : row + TILE] <= eps)
        once = first + row < second
        yield np.stack([first[once] + row, second[once]])


def _tree_pairs(X, eps):
    """Search with one tree for every block of points that lie close together."""
    order = cKDTree(X).indices  # what is near in space is near in this order
    blocks = [order[start : start + TREE_BLOCK] for start in range(0, len(X), TREE_BLOCK)]
    trees = [cKDTree(X[block]) for block in blocks]
    for i, tree in enumerate(trees):
        yield blocks[i][tree.query_pairs(eps, output_type="ndarray").T]
        for j in range(i):
            found = tree.sparse_distance_matrix(trees[j], eps, output_type="ndarray")
            yield np.stack([blocks[i][found["i"]], blocks[j][found["j"]]])


def _tile_pairs(X, eps):
    """Sieve tiles of the distance matrix in single precision, then check what is close to `eps`.

    In units of eps, ||a - b||^2 = -2 a'b + ||a||^2 + ||b||^2 is one product of the rows
    (-2a, ||a||^2, 1) and (b, 1, ||b||^2). Its rounding error is below slack (||a||^2 + ||b||^2).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is checked exactly
        Z = (X - X.mean(axis=0)) / eps
        sizes = np.einsum("ij,ij->i", Z, Z)
        slack = 2 * (X.shape[1] + 3) * np.finfo(np.float32).eps
        lower, one = (1 - slack) * sizes, np.ones(len(X))
        left = np.column_stack([-2 * Z, lower, one]).astype(np.float32)
        right = np.column_stack([Z, one, lower]).astype(np.float32).T.copy()
    for row in range(0, len(X), TILE):
        for column in range(row, len(X), TILE):
            bound, first, second = _sieve(left, right, row, column)
            upper = bound + 2 * slack * (sizes[first] + sizes[second])
            near = first < second
            unsure = np.flatnonzero(near & ~(upper <= 1))
            near[unsure] = _are_near(X, first[unsure], second[unsure], eps)
            yield np.stack([first[near], second[near]])


def _sieve(left, right, row, column):
    """Lower bounds of the squared distances in one tile, and their rows, where not above 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        bound = left[row : row + TILE] @ right[:, column : column + TILE]
    hits = np.flatnonzero(~(bound > 1))
    first, second = np.divmod(hits, bound.shape[1])
    return bound.ravel()[hits], first + row, second + column


def _are_near(X, first, second, eps):
    """Whether each pair is at most `eps` apart, by its differences."""
    near = np.empty(len(first), dtype=bool)
    for start in range(0, len(first), TILE):
        part = slice(start, start + TILE)
        gap = X[first[part]] - X[second[part]]
        near[part] = np.einsum("ij,ij->i", gap, gap) <= eps * eps
    return near


def _batches(arrays, size):
    """Join arrays (2, m) into longer ones, of `size` columns or a little more."""
    held, count = [], 0
    for array in arrays:
        held.append(array)
        count += array.shape[1]
        if count >= size:
            yield np.concatenate(held, axis=1)
            held, count = [], 0
    if held:
        yield np.concatenate(held, axis=1)


def _condense(pairs, is_core):
    """Replace the pairs between points known as core by one star a component.

    A point that is not yet known as core has few neighbours so far: its pairs stay.
    """
    between = is_core[pairs[0]] & is_core[pairs[1]]
    hub = lowest_member(np.compress(between, pairs, axis=1), len(is_core))
    member = np.flatnonzero(hub != np.arange(len(hub)))
    return np.concatenate([np.compress(~between, pairs, axis=1), [hub[member], member]], axis=1)


class DBSCAN(ClusterMixin, BaseEstimator):
    """Density-based clustering of applications with noise.

    A core point has at least `min_samples` points within `eps`, itself included. Clusters are the
    connected components of the core points, with the other points within `eps` of them; a border
    point between two clusters goes to the lower label. The rest is noise, labelled -1. Labels are
    those of ``sklearn.cluster.DBSCAN``.

    Time grows with the number of neighbouring pairs, at worst with the square of `n_samples`;
    memory with ``n_samples * min_samples``.

    Parameters
    ----------
    eps : float
        Radius of a neighbourhood, in the units of the data.
    min_samples : int
        Points within `eps` that make a point a core point, itself included.
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances (n_samples, n_samples).

    Attributes
    ----------
    labels_ : int array (n_samples,)
    core_sample_indices_ : int array (n_core,)
    components_ : array (n_core, n_features)
        The core points, or the distances from them.

    References
    ----------
    Ester, Kriegel, Sander, Xu (1996). A density-based algorithm for discovering clusters. KDD.

    Examples
    --------
    >>> DBSCAN(eps=1.5, min_samples=2).fit_predict([[0.0], [1.0], [2.0], [7.0], [8.0], [20.0]])
    array([ 0,  0,  0,  1,  1, -1])
    """

    def __init__(self, eps=0.5, *, min_samples=5, metric="euclidean"):
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric

    def fit(self, X, y=None):
        """Find the clusters of the rows of `X` (n_samples, n_features), or of distances `X`."""
        X = check_points_or_distances(self, X)
        remedy = "pass a positive radius, for example read off a k-distance plot."
        eps = check_real("eps", self.eps, low=0, inclusive=False, remedy=remedy)
        min_samples = check_integer("min_samples", self.min_samples)
        self.labels_, is_core = dbscan(X, eps, min_samples, self.metric)
        self.core_sample_indices_ = np.flatnonzero(is_core)
        self.components_ = X[is_core]
        return self

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
