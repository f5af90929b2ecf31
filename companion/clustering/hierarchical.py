"""Hierarchical clustering, from the points up and from the whole set down.

Chapter: `hierarchical`.
"""

import warnings

import numpy as np
from scipy.cluster.hierarchy import ClusterWarning
from scipy.spatial.distance import pdist, squareform
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_array

from companion.clustering.distances import squared_distances
from companion.clustering.merging import (
    NOT_REDUCIBLE,
    SQUARED,
    merge_by_chain,
    merge_by_search,
)
from companion.clustering.trees import cut, expand, label_merges, minimum_spanning_tree
from companion.validation import (
    check_choice,
    check_distance_matrix,
    check_integer,
    check_points,
    check_real,
    check_squares,
    rounding_of,
)

METHODS = ("single", "complete", "average", "weighted", "ward", "centroid", "median")
METRICS = ("euclidean", "manhattan", "cosine", "precomputed")
ROUNDING = 1e-12  # of the largest height: by so little tied heights may fall


def linkage(X, method="single", metric="euclidean"):
    r"""Agglomerative clustering: merge the two nearest clusters, n - 1 times.

    Parameters
    ----------
    X : array (n, p)
        Points; or distances, as a matrix (n, n) with ``metric="precomputed"`` or, as in SciPy,
        condensed to one row of n(n - 1)/2.
    method : {"single", "complete", "average", "weighted", "ward", "centroid", "median"}
        Distance between clusters: smallest, largest or mean distance of their points, or the mean
        of the distances from the two parts of one to the other; or, of Euclidean distances only,
        :math:`\sqrt{2 |A||B| / (|A| + |B|)} \lVert \mu_A - \mu_B \rVert`,
        :math:`\lVert \mu_A - \mu_B \rVert`, or the same with the middle between the centres of the
        two parts as the centre of a union. Those that are given are taken to be Euclidean.
    metric : {"euclidean", "manhattan", "cosine", "precomputed"}

    Returns
    -------
    Z : array (n - 1, 4)
        As `scipy.cluster.hierarchy.linkage` returns it: two clusters, height, size. The heights
        rise, except those of "centroid" and "median", which may have inversions.

    Raises
    ------
    ValueError
        If X has NaN, fewer than two rows, or is no distance matrix where it should be one; if
        `method` is of Euclidean distances only and `metric` another.

    Warns
    -----
    UserWarning
        If X is to hold points, but is square, symmetric, non-negative and zero on its diagonal.

    Notes
    -----
    O(n^2) time and 8n^2 bytes, by chains of nearest neighbours (Murtagh and Contreras, 2012);
    single linkage by the minimum spanning tree (Gower and Ross, 1969), in the plane in O(n log n);
    "centroid" and "median" by search, O(n^3) at worst.
    """
    check_choice("method", method, METHODS)
    check_choice("metric", metric, METRICS)
    if method in SQUARED and metric in ("manhattan", "cosine"):
        raise ValueError(
            f"metric={metric!r} does not go with {method!r}, whose centres are Euclidean: choose "
            "metric='euclidean', or one of 'single', 'complete', 'average', 'weighted'."
        )
    if np.ndim(X) == 1:
        X, metric = expand("X", X), "precomputed"
    if metric != "precomputed":
        X = check_array(X, dtype=np.float64, ensure_min_samples=2, input_name="X")
        warn_of_distances(X)
    if metric in ("manhattan", "cosine"):
        X, metric = point_distances(X, metric), "precomputed"
    if method == "single":
        return label_merges(*minimum_spanning_tree(X, metric))
    if metric == "precomputed":
        D = check_distance_matrix("X", X)
        np.square(D, out=D) if method in SQUARED else None
    else:
        D = squared_distances(check_squares("X", X))
        np.sqrt(D, out=D) if method not in SQUARED else None
    search = method in NOT_REDUCIBLE
    edges, heights = (merge_by_search if search else merge_by_chain)(D, method)
    return label_merges(edges, np.sqrt(heights) if method in SQUARED else heights, not search)


def point_distances(X, metric):
    """Matrix (n, n) of the distances of points X (n, p); of cosines, 1 - x'y / |x||y|.

    That is half the squared distance on the unit sphere, which loses no digits in small angles.
    """
    check_squares("X", X)
    if metric == "manhattan":
        return squareform(pdist(X, "cityblock"))
    if metric == "euclidean":
        return np.sqrt(squared_distances(X))
    largest = np.abs(X).max(axis=1, keepdims=True)
    if not largest.all():
        raise ValueError(
            f"X has a row of zeros, {int(largest.argmin())}, which has no direction: remove it, or "
            "choose another metric than 'cosine'."
        )
    X = X / largest  # neither over- nor underflows
    return squared_distances(X / np.linalg.norm(X, axis=1, keepdims=True)) / 2


def warn_of_distances(X):
    """Warn if points X (n, p) look like a matrix of distances."""
    if X.shape[0] != X.shape[1] or X.min() < 0 or X.max() == 0:
        return
    rounding = rounding_of(X)
    if np.diag(X).max() <= rounding and np.abs(X - X.T).max() <= rounding:
        warnings.warn(
            f"X, of shape {X.shape}, looks like a matrix of distances, but its rows are taken as "
            "points: pass metric='precomputed' if it is one.",
            ClusterWarning,
            stacklevel=3,
        )


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
        check_choice("metric", self.metric, METRICS)
        X = check_points(self, X, ensure_min_samples=2)
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
            self._check_rising()
            self.n_clusters_ = 1 + int((self.distances_ >= self.distance_threshold).sum())
        self.labels_ = cut(Z, self.n_clusters_)
        return self

    def _check_rising(self):
        fall = np.diff(self.distances_) < -ROUNDING * self.distances_.max()
        if fall.any():
            raise ValueError(
                f"distance_threshold={self.distance_threshold!r} is refused for a tree whose "
                f"heights fall, as after merge {fall.argmax()}: give n_clusters, or choose another "
                "linkage than 'centroid' and 'median'."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class AgglomerativeClustering(_Hierarchy):
    """Merge the two nearest clusters again and again, and stop at a number or at a height.

    Parameters
    ----------
    n_clusters : int or None, default 2
    metric : {"euclidean", "manhattan", "cosine", "precomputed"}
        The last: X holds the distances.
    linkage : {"ward", "complete", "average", "single", "weighted", "centroid", "median"}
        See `linkage`. Ward, centroid and median are of Euclidean distances only.
    distance_threshold : float or None
        Clusters at least this far apart are not merged; then `n_clusters` must be None. Refused
        where heights fall from one merge to the next: a height between the two cuts no clusters.

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
    metric : {"euclidean", "manhattan", "cosine", "precomputed"}
        The last: X holds the distances.
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
        warn_of_distances(X)
        return divide(point_distances(X, self.metric))
