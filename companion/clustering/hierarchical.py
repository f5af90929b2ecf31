"""Hierarchical clustering, from the points up and from the whole set down.

Chapter: book/clustering/hierarchical.md
"""

import numpy as np
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from companion.clustering.distances import squared_distances
from companion.clustering.trees import cut, label_merges, minimum_spanning_tree
from companion.validation import check_choice, check_distance_matrix, check_integer, check_real

METHODS = ("single", "complete", "average", "ward")


def lance_williams(method, d_ac, d_bc, d_ab, n_a, n_b, n_c):
    """Distance between the union of clusters a and b and any other cluster c; squared for Ward."""
    if method == "single":
        return np.minimum(d_ac, d_bc)
    if method == "complete":
        return np.maximum(d_ac, d_bc)
    if method == "average":
        return (n_a * d_ac + n_b * d_bc) / (n_a + n_b)
    return ((n_a + n_c) * d_ac + (n_b + n_c) * d_bc - n_c * d_ab) / (n_a + n_b + n_c)


def merge_by_chain(D, method):
    """Walk from a cluster to its nearest, on and on; merge two that are nearest to each other.

    Overwrites D. Returns for each merge one point of either side, and the height, not sorted.
    """
    point, size = np.arange(len(D)), np.ones(len(D))
    dead, row = np.zeros(len(D)), np.empty(len(D))  # dead: 0, or infinity for what was merged
    edges, heights, chain, n_live = [], [], [], len(D)
    np.fill_diagonal(D, np.inf)
    while n_live > 1:
        chain = chain or [int(dead.argmin())]
        a = chain[-1]
        b = int(np.add(D[a], dead, out=row).argmin())
        if len(chain) == 1 or D[a, chain[-2]] > row[b]:  # on a tie go back, lest we run in circles
            chain.append(b)
            continue
        a, b = chain.pop(), chain.pop()
        edges.append((point[a], point[b]))
        heights.append(D[a, b])
        D[b] = D[:, b] = lance_williams(method, D[a], D[b], D[a, b], size[a], size[b], size)
        D[b, b] = dead[a] = np.inf
        size[b] += size[a]
        n_live -= 1
        if n_live < 0.7 * len(D):
            live = np.flatnonzero(dead == 0)
            D, chain = shrink(D, live), []
            point, size, dead, row = point[live], size[live], dead[live], row[live]
    return np.array(edges), np.array(heights)


def shrink(D, live):
    """Move the rows and columns that live to the front of the same memory: new memory is slow."""
    n_live, flat = len(live), D.reshape(-1)
    for i, old in enumerate(live):
        D[old].take(live, out=flat[i * n_live : (i + 1) * n_live], mode="clip")
    return flat[: n_live**2].reshape(n_live, n_live)


def linkage(X, method="single", metric="euclidean"):
    r"""Agglomerative clustering: merge the two nearest clusters, n - 1 times.

    Parameters
    ----------
    X : array (n, p)
        Points; or distances, as a matrix (n, n) with ``metric="precomputed"`` or, as in SciPy,
        condensed to one row of n(n - 1)/2.
    method : {"single", "complete", "average", "ward"}
        Distance between clusters: smallest, largest or mean distance of their points, or
        :math:`\sqrt{2 |A||B| / (|A| + |B|)} \lVert \mu_A - \mu_B \rVert`.
    metric : {"euclidean", "precomputed"}

    Returns
    -------
    Z : array (n - 1, 4)
        As `scipy.cluster.hierarchy.linkage` returns it: two clusters, height, size.

    Raises
    ------
    ValueError
        If X has NaN, fewer than two rows, or is no distance matrix where it should be one.

    Notes
    -----
    O(n^2) time and 8n^2 bytes, by chains of nearest neighbours (Murtagh and Contreras, 2012);
    single linkage by the minimum spanning tree (Gower and Ross, 1969), in the plane in O(n log n).
    """
    check_choice("method", method, METHODS)
    check_choice("metric", metric, ("euclidean", "precomputed"))
    if np.ndim(X) == 1:
        X, metric = _expand(X), "precomputed"
    if method == "single":
        return label_merges(*minimum_spanning_tree(X, metric))
    if metric == "precomputed":
        D = check_distance_matrix("X", X)
        D = D**2 if method == "ward" else D.copy()
    else:
        D = squared_distances(check_array(X, dtype=np.float64, ensure_min_samples=2))
        np.sqrt(D, out=D) if method != "ward" else None
    edges, heights = merge_by_chain(D, method)
    return label_merges(edges, np.sqrt(heights) if method == "ward" else heights)


def _expand(condensed):
    """Return the matrix of condensed distances, or raise a `ValueError`."""
    condensed = check_array(condensed, ensure_2d=False, dtype=np.float64)
    n_points = round((2 * len(condensed)) ** 0.5) + (len(condensed) > 0)
    if n_points * (n_points - 1) != 2 * len(condensed) or n_points < 2:
        raise ValueError(
            f"X has {len(condensed)} entries, not n(n - 1)/2: pass a matrix of points, "
            "or the distances of all pairs."
        )
    return squareform(condensed)


def splinter(D):
    """Split one cluster in two (Kaufman and Rousseeuw, 1990); returns True for those who leave.

    First leaves the point that is on average farthest from the others. Then, one at a time, the
    one whose mean distance to those who stay exceeds that to those who left by most.
    """
    left = np.zeros(len(D), dtype=bool)
    to_rest, to_left, new = D.sum(axis=1), np.zeros(len(D)), None
    gain = to_rest
    for n_left in range(1, len(D)):
        new = gain.argmax()
        if n_left > 1 and gain[new] <= 0:
            break
        left[new] = True
        to_rest, to_left = to_rest - D[new], to_left + D[new]
        gain = to_rest / max(len(D) - n_left - 1, 1) - to_left / n_left
        gain[left] = -np.inf
    return left


def divide(D):
    """Split clusters until single points are left: the dendrogram of DIANA, in SciPy's format.

    A cluster of two or more is split at the height of its diameter.
    """
    edges, heights, waiting = [], [], [np.arange(len(D))]
    while waiting:
        members = waiting.pop()
        if len(members) > 1:
            inside = D[np.ix_(members, members)]
            left = splinter(inside)
            edges.append((members[~left][0], members[left][0]))
            heights.append(inside.max())
            waiting += [members[~left], members[left]]
    return label_merges(np.array(edges[::-1]), np.array(heights[::-1]))


class _Hierarchy(ClusterMixin, BaseEstimator):
    """What the two estimators share: a dendrogram that is cut."""

    def fit(self, X, y=None):
        """Build the dendrogram and cut it.

        Parameters
        ----------
        X : array (n, p), or array (n, n) of distances with ``metric="precomputed"``
        y : ignored

        Returns
        -------
        self
        """
        if (self.n_clusters is None) == (self.distance_threshold is None):
            raise ValueError(
                f"n_clusters={self.n_clusters!r} and distance_threshold="
                f"{self.distance_threshold!r}: give one of them and set the other to None."
            )
        check_choice("metric", self.metric, ("euclidean", "precomputed"))
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.n_clusters is not None:
            remedy = "at most one cluster for each point."
            check_integer("n_clusters", self.n_clusters, high=len(X), remedy=remedy)
        else:
            check_real("distance_threshold", self.distance_threshold, low=0)
        Z = self._build(X)
        self.linkage_matrix_ = Z
        self.children_, self.distances_ = Z[:, :2].astype(int), Z[:, 2]
        self.n_leaves_ = len(X)
        self.n_clusters_ = self.n_clusters
        if self.n_clusters is None:
            self.n_clusters_ = 1 + int((self.distances_ >= self.distance_threshold).sum())
        self.labels_ = cut(Z, self.n_clusters_)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class AgglomerativeClustering(_Hierarchy):
    """Merge the two nearest clusters again and again, and stop at a number or at a height.

    Parameters
    ----------
    n_clusters : int or None, default 2
    metric : {"euclidean", "precomputed"}
        What X holds: points, or the distances between them.
    linkage : {"ward", "complete", "average", "single"}
    distance_threshold : float or None
        Clusters at least this far apart are not merged; then `n_clusters` must be None.

    Attributes
    ----------
    labels_ : int array (n,)
    n_clusters_, n_leaves_ : int
    children_ : int array (n - 1, 2), the clusters that merge; number n + i is made by row i
    distances_ : array (n - 1,), the heights
    linkage_matrix_ : array (n - 1, 4), all of it in SciPy's format
    """

    def __init__(
        self, n_clusters=2, *, metric="euclidean", linkage="ward", distance_threshold=None
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.linkage = linkage
        self.distance_threshold = distance_threshold

    def _build(self, X):
        return linkage(X, check_choice("linkage", self.linkage, METHODS), self.metric)


class DivisiveClustering(_Hierarchy):
    """Split the widest cluster again and again: DIANA (Kaufman and Rousseeuw, 1990).

    Parameters
    ----------
    n_clusters : int or None, default 2
    metric : {"euclidean", "precomputed"}
        What X holds: points, or the distances between them.
    distance_threshold : float or None
        Clusters with a smaller diameter are not split; then `n_clusters` must be None.

    Attributes
    ----------
    labels_, n_clusters_, n_leaves_, children_, distances_, linkage_matrix_
        As in `AgglomerativeClustering`; the height of a split is the diameter of what is split.

    Notes
    -----
    8n^2 bytes and, if splits are even, O(n^2) time; O(n^3) if they are not.
    """

    def __init__(self, n_clusters=2, *, metric="euclidean", distance_threshold=None):
        self.n_clusters = n_clusters
        self.metric = metric
        self.distance_threshold = distance_threshold

    def _build(self, X):
        if self.metric == "precomputed":
            return divide(check_distance_matrix("X", X))
        return divide(np.sqrt(squared_distances(X)))
