"""Trees that span points, and trees of clusters: dendrograms. Chapter: `trees`."""

import numpy as np
from scipy.spatial import Delaunay, QhullError
from scipy.spatial.distance import squareform
from sklearn.utils import check_array

from companion.clustering.distances import squared_distances
from companion.validation import (
    check_choice,
    check_distance_matrix,
    check_integer,
    check_real,
    check_squares,
)


def kruskal(n_points, edges, lengths):
    """Take the edges from the shortest on, and keep each one that joins two separate components.

    Parameters
    ----------
    n_points : int
    edges : int array (m, 2)
    lengths : array (m,)

    Returns
    -------
    kept : int array, indices of the kept edges (n_points - 1 of a connected graph), shortest first
    """
    root, kept = list(range(n_points)), []
    order = np.argsort(lengths, kind="stable")
    for index, (a, b) in zip(order.tolist(), edges[order].tolist(), strict=True):
        a, b = find(root, a), find(root, b)
        if a != b:
            root[a] = b
            kept.append(index)
            if len(kept) == n_points - 1:
                break
    return np.array(kept, dtype=int)


def find(root, point):
    """Follow the pointers to the root of a point's component, and shorten the way for the next."""
    while root[point] != point:
        root[point] = point = root[root[point]]
    return point


def prim(D):
    """Grow a tree from point 0, always by the shortest edge that leaves it.

    Returns the edges, int array (n - 1, 2).
    """
    length, parent = D[0].copy(), np.zeros(len(D), dtype=int)
    outside = np.ones(len(D), dtype=bool)
    closer, reach = outside.copy(), D[0].copy()
    edges, new = np.empty((len(D) - 1, 2), dtype=int), 0
    for edge in edges:
        outside[new], reach[new] = False, np.inf
        np.less(D[new], length, out=closer)
        closer &= outside
        np.copyto(reach, D[new], where=closer)
        np.copyto(length, D[new], where=closer)
        np.copyto(parent, new, where=closer)
        new = reach.argmin()
        edge[:] = parent[new], new
    return edges


def delaunay_edges(X):
    """Sides of the triangles of Delaunay: in the plane they contain the minimum spanning tree.

    Returns an int array (m, 2), m < 3n, or None where there is no triangulation (all points on a
    line, or closer together than rounding can tell).
    """
    unique, first, copy_of = np.unique(
        X - X.mean(axis=0), axis=0, return_index=True, return_inverse=True
    )
    try:
        triangulation = Delaunay(unique)
    except (QhullError, ValueError):
        return None
    if len(triangulation.coplanar):
        return None
    a, b, c = triangulation.simplices.T
    sides = np.sort(np.concatenate([np.c_[a, b], np.c_[b, c], np.c_[c, a]]), axis=1)
    to_copies = np.c_[first[copy_of], np.arange(len(X))]
    return np.concatenate([first[np.unique(sides, axis=0)], to_copies])


def minimum_spanning_tree(X, metric="euclidean"):
    """Tree of smallest total length that connects all points.

    Points of the plane: Kruskal's algorithm on the edges of Delaunay, O(n log n). Otherwise Prim's
    on the matrix of all distances, O(n^2) time and memory.

    Parameters
    ----------
    X : array (n, p), or array (n, n) of distances with ``metric="precomputed"``
    metric : {"euclidean", "precomputed"}

    Returns
    -------
    edges : int array (n - 1, 2)
    lengths : array (n - 1,)

    Raises
    ------
    ValueError
        If X has NaN, fewer than two rows, or is no distance matrix where it should be one.

    References
    ----------
    Kruskal (1956); Prim (1957).
    """
    if check_choice("metric", metric, ("euclidean", "precomputed")) == "precomputed":
        D = check_distance_matrix("X", X)
        edges = prim(D)
        return edges, D[tuple(edges.T)]
    X = check_array(X, dtype=np.float64, ensure_min_samples=2, input_name="X")
    check_squares("X", X)
    edges = delaunay_edges(X) if X.shape[1] == 2 and len(X) > 3 else None
    if edges is None:
        edges = prim(squared_distances(X))
        return edges, np.linalg.norm(X[edges[:, 0]] - X[edges[:, 1]], axis=1)
    lengths = np.linalg.norm(X[edges[:, 0]] - X[edges[:, 1]], axis=1)
    kept = kruskal(len(X), edges, lengths)
    return edges[kept], lengths[kept]


def label_merges(edges, heights, sort=True):
    """Sort merges by height and number the clusters they make: SciPy's format.

    Row i says that clusters Z[i, 0] and Z[i, 1] meet at height Z[i, 2] and form cluster n + i of
    Z[i, 3] points. With ``sort=False`` the merges stay in their order, whatever their heights.
    """
    n_points = len(edges) + 1
    root = list(range(2 * n_points - 1))
    Z = np.empty((len(edges), 4))
    size = np.ones(2 * n_points - 1)
    order = np.argsort(heights, kind="stable") if sort else np.arange(len(heights))
    for new, (a, b) in enumerate(edges[order].tolist(), start=n_points):
        a, b = find(root, a), find(root, b)
        root[a] = root[b] = new
        size[new] = size[a] + size[b]
        Z[new - n_points] = min(a, b), max(a, b), 0, size[new]
    Z[:, 2] = heights[order]
    return Z


def leaf_blocks(Z):
    """Where each cluster stands in the row of leaves of a dendrogram.

    Parameters
    ----------
    Z : array (n - 1, 4)
        SciPy's format.

    Returns
    -------
    start, size : int arrays (2n - 1,)
        Cluster c takes the places start[c], ..., start[c] + size[c] - 1; points come first.
    """
    n_points = len(Z) + 1
    children = Z[:, :2].astype(int)
    size = np.r_[np.ones(n_points, dtype=int), Z[:, 3].astype(int)]
    start = np.zeros(2 * n_points - 1, dtype=int)
    for cluster in range(2 * n_points - 2, n_points - 1, -1):
        left, right = children[cluster - n_points]
        start[left], start[right] = start[cluster], start[cluster] + size[left]
    return start, size


def cut(Z, n_clusters):
    """Undo the last merges of a dendrogram, whether or not they are the highest ones.

    Returns
    -------
    labels : int array (n,), from 0 to n_clusters - 1, numbered along the row of leaves
    """
    Z = check_linkage(Z)
    n_points = len(Z) + 1
    check_integer("n_clusters", n_clusters, high=n_points, remedy="at most one for each point.")
    start, size = leaf_blocks(Z)
    undone = Z[n_points - n_clusters :, :2].astype(int).ravel()
    tops = [c for c in undone if c < len(start) - n_clusters + 1] or [len(start) - 1]
    tops.sort(key=start.__getitem__)
    return np.repeat(np.arange(n_clusters), size[tops])[start[:n_points]]


def cophenet(Z, Y=None):
    """Cophenetic distances: the height at which two points first meet in a dendrogram.

    Parameters
    ----------
    Z : array (n - 1, 4)
        SciPy's format.
    Y : array (n(n - 1)/2,) or (n, n), optional
        The distances from which Z was made.

    Returns
    -------
    correlation : float, only if Y is given
        Pearson's, of Y and the cophenetic distances; NaN where either are all equal.
    distances : array (n(n - 1)/2,), condensed
        ``scipy.spatial.distance.squareform`` makes the matrix.
    """
    Z = check_linkage(Z)
    start, size = leaf_blocks(Z)
    n_points = len(Z) + 1
    heights = np.zeros((n_points, n_points))
    for left, right, height in zip(*Z[:, :2].astype(int).T, Z[:, 2], strict=True):
        rows = slice(start[left], start[left] + size[left])
        columns = slice(start[right], start[right] + size[right])
        heights[rows, columns] = height
        heights[columns, rows] = height.T
    place = start[:n_points]
    distances = squareform(heights[np.ix_(place, place)], checks=False)
    return distances if Y is None else (_correlation(_original(Y, n_points), distances), distances)


def _original(Y, n_points):
    """Return the condensed distances of n points, or raise a `ValueError`."""
    D = check_distance_matrix("Y", expand("Y", Y) if np.ndim(Y) == 1 else Y)
    if len(D) != n_points:
        raise ValueError(
            f"Y has the distances of {len(D)} points, and Z has {n_points}: pass those from which "
            "Z was made."
        )
    return squareform(D, checks=False)


def _correlation(x, y):
    """Pearson's correlation of two vectors, NaN if one is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    x, y = ((v - v.mean()) / np.ptp(v) for v in (x, y))
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def expand(name, condensed):
    """Return the matrix (n, n) of condensed distances (n(n - 1)/2,), or raise a `ValueError`."""
    condensed = check_array(condensed, ensure_2d=False, dtype=np.float64, input_name=name)
    n_points = round((2 * len(condensed)) ** 0.5) + (len(condensed) > 0)
    if n_points * (n_points - 1) != 2 * len(condensed) or n_points < 2:
        raise ValueError(
            f"{name} has {len(condensed)} entries, not n(n - 1)/2: pass a matrix, or the distances "
            "of all pairs."
        )
    return squareform(condensed)


def is_ultrametric(D, tol=1e-9):
    """Check d(x, y) <= max(d(x, z), d(z, y)) on every triple of points, O(n^3).

    Parameters
    ----------
    D : array (n, n), or condensed (n(n - 1)/2,)
        Distances.
    tol : float
        Allowed excess, relative to the largest distance.

    Returns
    -------
    bool
    """
    check_real("tol", tol, low=0)
    D = check_distance_matrix("D", expand("D", D) if np.ndim(D) == 1 else D)
    shorter = D - tol * D.max()
    return all((np.maximum(via[:, None], via) >= shorter).all() for via in D)


def check_linkage(Z):
    """Return Z as a float array, or raise a `ValueError` if it is no linkage matrix."""
    Z = np.asarray(Z, dtype=np.float64)
    if Z.ndim != 2 or Z.shape[1] != 4 or len(Z) == 0:
        raise ValueError(
            f"Z has shape {Z.shape} but must be (n - 1, 4): pass what linkage returns."
        )
    if not np.isfinite(Z).all() or (Z < 0).any():
        raise ValueError("Z has NaN, infinity or a negative entry: pass what linkage returns.")
    n_points = len(Z) + 1
    if (Z[:, :2] >= np.arange(n_points, 2 * n_points - 1)[:, None]).any():
        raise ValueError("Z merges a cluster before it exists: pass what linkage returns.")
    parts = Z[:, :2].astype(int)
    if len(np.unique(parts)) < parts.size:
        raise ValueError("Z merges a cluster twice: pass what linkage returns.")
    sizes = [1] * n_points
    for left, right in parts.tolist():
        sizes.append(sizes[left] + sizes[right])
    if wrong := np.flatnonzero(Z[:, 3] != sizes[n_points:]).tolist():
        row = wrong[0]
        raise ValueError(
            f"Z[{row}, 3]={Z[row, 3]:g} points, but its parts have {sizes[n_points + row]}: "
            "pass what linkage returns."
        )
    return Z
