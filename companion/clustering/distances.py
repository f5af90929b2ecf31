"""Distances between objects: vectors, binary codes, words. Chapter: `distances`."""

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from sklearn.utils import check_array

from companion.validation import check_integer, check_real, check_squares

BLOCK = 64  # rows of the table of all distances that are in memory at a time
GROUP = 16  # columns of it, of which the smallest is looked at first
TREE_FEATURES = 10  # in more dimensions a k-d tree is slower than all pairs
TOO_NEAR = 1e-6  # squared, as a share of the whole: fewer than ten digits are left


def minkowski(x, y, r=2):
    r"""Minkowski distance :math:`(\sum_i |x_i - y_i|^r)^{1/r}`, along the last axis.

    Parameters
    ----------
    x, y : array (..., p)
        They broadcast, so ``minkowski(X[:, None], X)`` is the matrix of all pairs.
    r : float > 0, or ``np.inf``
        1 is Manhattan, 2 Euclid, ``np.inf`` the largest difference. Below 1 it is no metric.

    Returns
    -------
    float or array (...)
    """
    if r != np.inf:
        check_real("r", r, low=0, inclusive=False, remedy="np.inf is allowed too.")
    x, y = _vectors(x, y)
    difference = np.abs(x - y)
    largest = difference.max(axis=-1, keepdims=True)
    if r == np.inf:
        return largest[..., 0]
    scaled = difference / np.where(largest > 0, largest, 1)  # neither over- nor underflows
    return largest[..., 0] * (scaled**r).sum(axis=-1) ** (1 / r)


def hamming(x, y):
    """Count the positions in which two sequences of equal length differ.

    SciPy's function of this name divides the count by the length.

    Parameters
    ----------
    x, y : str, sequence (p,) or array (..., p)
        Arrays broadcast.

    Returns
    -------
    int or int array (...)
    """
    x, y = (np.asarray(list(item) if isinstance(item, str) else item) for item in (x, y))
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"x and y have shapes {x.shape} and {y.shape}: "
            "give sequences of equal length, or use edit_distance."
        )
    return (x != y).sum(axis=-1)


def correlation_distance(x, y):
    r"""Correlation distance :math:`1 - \rho(x, y)` along the last axis, from 0 to 2.

    It does not feel the units: ``a * x + b`` with ``a > 0`` is at distance 0 from ``x``.
    Neither that nor the triangle inequality makes it a metric.

    Parameters
    ----------
    x, y : array (..., p)
        At least two different values along the last axis.

    Returns
    -------
    float or array (...)
    """
    x, y = _vectors(x, y)
    return np.clip(1 - (_standardize("x", x) * _standardize("y", y)).sum(axis=-1), 0, 2)


def edit_distance(a, b):
    """Fewest insertions, deletions and substitutions that turn one sequence into another.

    Row by row through the table of all prefixes (Wagner and Fischer, 1974).

    >>> edit_distance("kitten", "sitting")
    3
    """
    above = list(range(len(b) + 1))  # distances of the empty prefix of a
    for i, left in enumerate(a, start=1):
        row = [i]
        for j, right in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right)))
        above = row
    return above[-1]


def distance_matrix(items, distance):
    """Matrix of the distances between all pairs.

    Parameters
    ----------
    items : sequence of n objects
        Rows of an array, words, anything that `distance` accepts.
    distance : callable (object, object) -> float
        Symmetric, zero for equal objects: it is asked once for each pair.

    Returns
    -------
    array (n, n)
    """
    if len(items) < 2:
        raise ValueError(f"items has {len(items)} objects: give at least 2.")
    matrix = np.zeros((len(items), len(items)))
    for i, one in enumerate(items):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = distance(one, items[j])
    return matrix


def nearest_neighbors(X, n_neighbors):
    """Return the `n_neighbors` nearest other points of every point, nearest first.

    In few dimensions a k-d tree answers. In many it would visit every leaf: there the squared
    distances |x|^2 - 2 x'y + |y|^2 of a block of points to all others are one matrix product.

    Parameters
    ----------
    X : array (n, p)
    n_neighbors : int
        At most n - 1: a point is not its own neighbour.

    Returns
    -------
    distances : array (n, n_neighbors)
        Euclidean.
    indices : int array (n, n_neighbors)
        Where distances tie at the last place, which of the points is named is arbitrary.
    """
    X = check_squares("X", check_array(X, dtype=np.float64, ensure_min_samples=2, input_name="X"))
    n_points, n_features = X.shape
    check_integer(
        "n_neighbors", n_neighbors, 1, n_points - 1, "ask for fewer neighbours, or give more points"
    )
    if n_features <= TREE_FEATURES:
        indices = KDTree(X).query(X, n_neighbors + 1)[1]
        indices = _without_self(indices)
    else:
        indices = _nearest_by_blocks(X, n_neighbors)
    distances = np.empty(indices.shape)
    for start in range(0, n_points, BLOCK):
        block = slice(start, start + BLOCK)
        distances[block] = np.linalg.norm(X[indices[block]] - X[block, None], axis=2)
    order = np.lexsort((indices, distances))
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def neighbor_graph(indices, weights=None):
    """Return a sparse matrix with an edge from every point to each of its neighbours.

    Parameters
    ----------
    indices : int array (n, k)
        From `nearest_neighbors`.
    weights : array (n, k), optional
        Weight of each edge, for instance its length; 1 by default.

    Returns
    -------
    scipy.sparse.csr_array (n, n)
        Not symmetric: j may be among the nearest of i and i not among those of j.
    """
    indices = np.asarray(indices)
    weights = np.ones(indices.shape) if weights is None else np.asarray(weights, dtype=float)
    if indices.ndim != 2 or weights.shape != indices.shape:
        raise ValueError(
            f"indices and weights have shapes {indices.shape} and {weights.shape}: "
            "give both as (n, k), one row a point."
        )
    n_points, n_neighbors = indices.shape
    starts = np.arange(0, indices.size + 1, n_neighbors, dtype=np.int32)  # as the graph routines
    columns = indices.ravel().astype(np.int32)  # of SciPy and scikit-learn want them
    graph = csr_array((weights.ravel(), columns, starts), shape=(n_points, n_points))
    graph.sort_indices()
    return graph


def _nearest_by_blocks(X, n_neighbors):
    """Indices of the nearest others, in no order; differences decide where expansion cannot."""
    X = X - X.mean(axis=0)  # the differences of large squares would lose digits
    n_points, n_features = X.shape
    group_size = max(1, min(GROUP, n_points // (4 * n_neighbors)))
    n_groups = -(-n_points // group_size)
    left = np.hstack([-2 * X, np.ones((n_points, 1))])  # left @ right is |y|^2 - 2 x'y
    right = np.zeros((n_features + 1, n_groups * group_size))
    right[-1] = np.inf  # what fills the last group is far from everything
    norms = np.einsum("ij,ij->i", X, X)
    right[:, :n_points] = np.vstack([X.T, norms])
    table = np.empty((min(BLOCK, n_points), n_groups * group_size))
    indices = np.empty((n_points, n_neighbors), dtype=np.intp)
    for start in range(0, n_points, BLOCK):
        rows = np.arange(min(BLOCK, n_points - start))
        distances = np.matmul(left[start : start + BLOCK], right, out=table[: len(rows)])
        distances[rows, start + rows] = np.inf
        indices[start : start + BLOCK] = _smallest(distances, n_neighbors, group_size)
        gaps = distances[rows, indices[start + rows, -1]] + norms[start + rows]
        for row in start + np.flatnonzero(gaps < TOO_NEAR * norms.max()):
            exact = cdist(X[row : row + 1], X, "sqeuclidean")[0]
            exact[row] = np.inf
            indices[row] = np.argpartition(exact, n_neighbors - 1)[:n_neighbors]
    return indices


def _smallest(table, n_smallest, group_size):
    """Columns of the `n_smallest` entries of each row, smallest first.

    If that many groups of columns have an entry below a bound, so has the row: of the entries
    within that bound, few to a row, the best are taken.
    """
    width = table.shape[1]
    best_of_group = table.reshape(len(table), group_size, -1).min(axis=1)
    best_of_group.partition(n_smallest - 1, axis=1)
    within = np.flatnonzero(table <= best_of_group[:, n_smallest - 1 : n_smallest])
    rows = within // width
    order = np.lexsort((table.ravel()[within], rows))
    first = np.searchsorted(rows, np.arange(len(table)))
    return within[order[first[:, None] + np.arange(n_smallest)]] % width


def _without_self(indices):
    """Strike each row's own index, or the last one where it is missing among equal points."""
    is_self = indices == np.arange(len(indices))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return indices[~is_self].reshape(len(indices), -1)


def squared_distances(X):
    """Matrix of squared Euclidean distances by |x|^2 + |y|^2 - 2 x'y, one product of matrices.

    Where the subtraction would lose digits, that is for points much closer to each other than to
    the mean, the difference is taken first instead.
    """
    centered = X - X.mean(axis=0)
    norms = np.einsum("ij,ij->i", centered, centered)
    D = centered @ centered.T
    for start in range(0, len(X), 128):  # blocks that stay in the cache
        block = D[start : start + 128]
        block *= -2
        block += norms
        block += norms[start : start + 128, None]
        np.fill_diagonal(block[:, start:], np.inf)
        if block.min() < 2e-3 * norms.max():
            i, j = np.nonzero(block < 1e-3 * (norms[start : start + 128, None] + norms))
            for part in range(0, len(i), 2**16):
                rows, columns = i[part : part + 2**16], j[part : part + 2**16]
                block[rows, columns] = np.square(X[start + rows] - X[columns]).sum(axis=1)
    np.fill_diagonal(D, 0)
    return D


def _vectors(x, y):
    """Return both as finite float vectors of the same length, or raise a `ValueError`."""
    pair = []
    for name, values in (("x", x), ("y", y)):
        vectors = np.asarray(values, dtype=np.float64)
        if vectors.ndim == 0 or vectors.shape[-1] == 0:
            raise ValueError(f"{name} has shape {vectors.shape}: give vectors of numbers.")
        if not np.isfinite(vectors).all():
            raise ValueError(f"{name} contains NaN or infinity: remove or impute those entries.")
        pair.append(vectors)
    if pair[0].shape[-1] != pair[1].shape[-1]:
        raise ValueError(
            f"x has shape {pair[0].shape} and y {pair[1].shape}: give vectors of equal length."
        )
    return pair


def _standardize(name, vectors):
    """Centre vectors and scale them to length 1."""
    if (np.ptp(vectors, axis=-1) == 0).any():
        raise ValueError(
            f"{name} has a constant vector, whose correlation is undefined: remove it."
        )
    centered = vectors - vectors.mean(axis=-1, keepdims=True)
    return centered / np.linalg.norm(centered, axis=-1, keepdims=True)
