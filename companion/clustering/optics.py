"""OPTICS: an order of the points that shows clusters of every density. Chapter: `optics`."""

import warnings

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClusterMixin

from companion.clustering.neighbors import check_points_or_distances, nearest_among, nearest_columns
from companion.validation import check_integer, check_real

DECIMALS = np.finfo(np.float64).precision  # of the data's width: distances so close are tied


def width(X, metric="euclidean"):
    """Diagonal of the box that holds the points X (n, p), or the largest of distances X (n, n)."""
    return X.max() if metric == "precomputed" else np.linalg.norm(np.ptp(X, axis=0))


def tied(distances, width):
    """Return the distances, those that differ by rounding alone made equal.

    They are rounded to 15 decimals in units of a power of 10, about a tenth of the width of the
    data, so that their unit does not matter. (scikit-learn rounds to 15 decimals, always.)
    """
    unit = 10.0 ** (np.round(np.log10(width or 10.0)) - 1)
    return np.around(distances / unit, DECIMALS) * unit


def core_distances(X, min_samples, max_eps=np.inf, metric="euclidean"):
    """Radius at which each point becomes a core point; infinite where it exceeds `max_eps`.

    It is the distance to the `min_samples`-th nearest point, the point itself counted.
    """
    if metric == "euclidean":
        distances, _ = nearest_among(X, X, min_samples)
    else:
        distances, _ = nearest_columns(X, min_samples)
    radius = distances[:, -1]
    return np.where(radius > max_eps, np.inf, tied(radius, width(X, metric)))


def optics_order(X, core, max_eps=np.inf, metric="euclidean"):
    """Visit the points, each time the one that is easiest to reach from those visited.

    Returns the order, and for each point its reachability and from where it was reached.
    """
    ordering = np.empty(len(X), dtype=np.intp)
    reachability = np.full(len(X), np.inf)
    predecessor = np.full(len(X), -1)
    waiting, size = np.ones(len(X), dtype=bool), width(X, metric)
    for step in range(len(X)):
        point = np.where(waiting, reachability, np.inf).argmin()
        if not waiting[point]:  # nothing can be reached: start afresh
            point = waiting.argmax()
        ordering[step], waiting[point] = point, False
        if np.isfinite(core[point]):
            known = metric == "precomputed"
            distance = X[point] if known else cdist(X[[point]], X)[0]
            reach = tied(np.maximum(distance, core[point]), size)
            closer = waiting & (reach < reachability) & (distance <= max_eps)
            reachability[closer], predecessor[closer] = reach[closer], point
    return ordering, reachability, predecessor


def cluster_optics_dbscan(*, reachability, core_distances, ordering, eps):
    """Cut the reachability plot at height `eps`: every valley below is a cluster, -1 is noise.

    Arguments are named as in ``sklearn.cluster.cluster_optics_dbscan``.
    """
    far, dense = reachability[ordering] > eps, core_distances[ordering] <= eps
    labels = np.empty(len(ordering), dtype=np.intp)
    labels[ordering] = np.where(far & ~dense, -1, np.cumsum(far & dense) - 1)
    return labels


class OPTICS(ClusterMixin, BaseEstimator):
    """Ordering points to identify the clustering structure.

    The reachability of a point is the smallest max(core distance of p, distance to p) over the
    points p visited before it. Drawn in the order of the visit, clusters are valleys. `labels_`
    are the valleys below `eps`: the clusters of DBSCAN, but for some border points. Everything is
    as in ``sklearn.cluster.OPTICS(cluster_method="dbscan")``.

    Every step looks at all points: time grows with the square of `n_samples`, memory linearly.

    Parameters
    ----------
    min_samples : int
        Points within the core distance, the point itself included; at least 2.
    max_eps : float
        Longest distance at which a point can reach another.
    eps : float
        Height of the cut that gives `labels_`; at most `max_eps`.
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances (n_samples, n_samples).

    Attributes
    ----------
    ordering_ : int array (n_samples,)
        The points in the order of the visit.
    reachability_, core_distances_ : array (n_samples,)
        One value per point, in the order of the rows of `X`, in the units of the data.
    predecessor_ : int array (n_samples,)
        From where a point was reached; -1 where the walk started afresh.
    labels_ : int array (n_samples,)

    References
    ----------
    Ankerst, Breunig, Kriegel, Sander (1999). OPTICS: ordering points to identify the clustering
    structure. SIGMOD. doi:10.1145/304182.304187

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [7.0], [8.0], [20.0]]
    >>> OPTICS(min_samples=2, eps=1.5).fit(X).reachability_
    array([inf,  1.,  1.,  5.,  1., 12.])
    """

    def __init__(self, *, min_samples=5, max_eps=np.inf, eps=0.5, metric="euclidean"):
        self.min_samples = min_samples
        self.max_eps = max_eps
        self.eps = eps
        self.metric = metric

    def fit(self, X, y=None):
        """Order the rows of `X` (n_samples, n_features), or distances, and cut at `eps`."""
        X = check_points_or_distances(self, X, ensure_min_samples=2)
        remedy = f"X has {len(X)} rows, and a point counts itself."
        min_samples = check_integer("min_samples", self.min_samples, 2, len(X), remedy)
        max_eps = check_real("max_eps", self.max_eps, low=0, remedy="pass a distance.")
        remedy = "cut between 0 and max_eps, where the reachability is known."
        eps = check_real("eps", self.eps, low=0, high=max_eps, remedy=remedy)
        self.core_distances_ = core_distances(X, min_samples, max_eps, self.metric)
        order = optics_order(X, self.core_distances_, max_eps, self.metric)
        self.ordering_, self.reachability_, self.predecessor_ = order
        if np.isinf(self.reachability_).all():
            warnings.warn(
                f"max_eps={max_eps:g} lets no point reach another, all are noise: raise it.",
                UserWarning,
                stacklevel=2,
            )
        self.labels_ = cluster_optics_dbscan(
            reachability=self.reachability_,
            core_distances=self.core_distances_,
            ordering=self.ordering_,
            eps=eps,
        )
        return self

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
