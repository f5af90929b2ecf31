"""K-means: Lloyd's algorithm, k-means++ seeding, and mini-batches. Chapter: `kmeans`."""

import warnings

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.clustering.lloyd import (
    blocks,
    cluster_totals,
    lloyd,
    means,
    nearest_center,
    squared_norms,
    with_ones,
)
from companion.clustering.minibatch import Patience, mini_batch_step, revive
from companion.clustering.partitions import best_partition
from companion.clustering.seeding import check_n_clusters, kmeans_plusplus
from companion.validation import check_choice, check_dense_points, check_integer, check_real

__all__ = ["KMeans", "MiniBatchKMeans", "best_partition", "distortion", "kmeans_plusplus"]
__all__ += ["lloyd_step", "mini_batch_step", "nearest_center"]


def distortion(X, centers, labels):
    """Sum of squared distances J = sum_n |x_n - mu_{z_n}|^2 of points to their centres."""
    parts = blocks(len(X), len(centers))
    return float(sum(squared_norms(X[rows] - centers[labels[rows]]).sum() for rows in parts))


def lloyd_step(X, centers):
    """Give every point its nearest centre, then move every centre to the mean of its points.

    Takes X (n, d) and centers (k, d); returns the new centres (k, d) and the labels (n,).
    """
    labels = nearest_center(X, centers)
    totals = cluster_totals(with_ones(X), labels, len(centers))  # sums, and counts in a last column
    return means(totals, X, labels, centers), labels


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """K-means clustering: minimise J = sum_n |x_n - mu_{z_n}|^2 by Lloyd's algorithm.

    Parameters
    ----------
    n_clusters : int
    init : 'k-means++', 'random', array (k, d) or callable(X, n_clusters, random_state=...)
    n_init : int or 'auto'
        Starts, of which the best is kept; 'auto' is 10 for 'random' and a callable, else 1. An
        array is one start.
    max_iter : int
    tol : float
        Stop when the squared movements of all centres add up to `tol` times the mean variance of
        the features.
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : array (k, d)
    labels_ : int array (n,)
    inertia_ : float
        The distortion J, in squared units of X.
    n_iter_ : int

    References
    ----------
    Lloyd (1982), Hamerly (2010). Chapter: kmeans.

    Examples
    --------
    >>> KMeans(2, random_state=0).fit([[0.0], [1.0], [10.0], [11.0]]).inertia_
    1.0
    """

    def __init__(
        self,
        n_clusters=8,
        *,
        init="k-means++",
        n_init="auto",
        max_iter=300,
        tol=1e-4,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the centres of X (n, d), made dense if it is sparse; warns at `max_iter`."""
        X = check_dense_points(self, X, order="C")
        check_n_clusters(self.n_clusters, len(X))
        max_iter = check_integer("max_iter", self.max_iter)
        tol = check_real("tol", self.tol, low=0)
        n_init, rng = self._starts(default=10), check_random_state(self.random_state)
        mean = X.mean(axis=0)
        centred = X - mean
        tol *= squared_norms(centred).mean() / X.shape[1]

        self.inertia_ = np.inf
        for _ in range(n_init):
            start = self._initial_centers(X, rng) - mean
            centers, labels, n_iter, converged = lloyd(centred, start, max_iter, tol)
            inertia = distortion(centred, centers, labels)
            if inertia < self.inertia_:
                self.inertia_, self.labels_, self.n_iter_ = inertia, labels, n_iter
                self.cluster_centers_, done = centers + mean, converged
        if not done:
            self._warn(f"did not converge in max_iter={max_iter} steps: raise max_iter or tol.")
        if (n_found := len(np.unique(self.labels_))) < self.n_clusters:
            self._warn(
                f"found {n_found} distinct clusters, not n_clusters={self.n_clusters}: "
                "X has too many equal points, ask for fewer clusters."
            )
        return self

    def predict(self, X):
        """Index (n,) of the centre nearest to every row of X (n, d)."""
        return nearest_center(self._check_new(X), self.cluster_centers_)

    def transform(self, X):
        """Distances (n, k) of the rows of X (n, d) to the centres."""
        X, origin = self._check_new(X), self.cluster_centers_.mean(axis=0)
        return pairwise_distances(X - origin, self.cluster_centers_ - origin)

    def score(self, X, y=None):
        """Minus the distortion of X (n, d): higher is better."""
        X = self._check_new(X)
        return -distortion(X, self.cluster_centers_, nearest_center(X, self.cluster_centers_))

    @property
    def _n_features_out(self):
        return len(self.cluster_centers_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_new(self, X):
        check_is_fitted(self)
        return check_dense_points(self, X, order="C", reset=False)

    def _starts(self, default):
        """Number of starts to try."""
        if isinstance(self.init, str):
            check_choice("init", self.init, ["k-means++", "random"])
        elif not callable(self.init):
            return 1
        if self.n_init == "auto":
            return 1 if isinstance(self.init, str) and self.init == "k-means++" else default
        return check_integer("n_init", self.n_init, remedy="or 'auto'.")

    def _initial_centers(self, X, rng):
        """Centres (k, d) to start from."""
        if isinstance(self.init, str) and self.init == "k-means++":
            return kmeans_plusplus(X, self.n_clusters, random_state=rng)[0]
        if isinstance(self.init, str):
            return X[rng.choice(len(X), self.n_clusters, replace=False)]
        init = self.init(X, self.n_clusters, random_state=rng) if callable(self.init) else self.init
        init = check_array(init, dtype=np.float64, input_name="init")
        if init.shape != (self.n_clusters, X.shape[1]):
            raise ValueError(
                f"init has shape {init.shape}: give one row for each of n_clusters="
                f"{self.n_clusters} centres and one column for each of {X.shape[1]} features."
            )
        return init

    def _warn(self, message):
        warnings.warn(f"{type(self).__name__} {message}", ConvergenceWarning, stacklevel=3)


class MiniBatchKMeans(KMeans):
    """K-means from small random batches, for data that are many or do not fit in memory.

    Parameters
    ----------
    n_clusters, init, n_init, random_state
        As in `KMeans`, but 'auto' is 3 starts where it is 10 there; seeds come from a sample.
    max_iter : int
        Most passes over the data.
    batch_size : int
    max_no_improvement : int or None
        Stop after so many batches without a new lowest smoothed distortion.
    init_size : int, optional
        Points to choose the seeds from; default three batches.
    reassignment_ratio : float
        A centre with less than this part of the largest count is moved to a random point.

    Attributes
    ----------
    cluster_centers_, labels_, inertia_, n_iter_
        As in `KMeans`; after `partial_fit`, `labels_` are those of the batch.
    counts_ : array (k,)
        Points that each centre has been given.
    n_steps_ : int
        Batches seen.

    References
    ----------
    MacQueen (1967), Sculley (2010). Chapter: starts.
    """

    def __init__(
        self,
        n_clusters=8,
        *,
        init="k-means++",
        n_init="auto",
        max_iter=100,
        batch_size=1024,
        max_no_improvement=10,
        init_size=None,
        reassignment_ratio=0.01,
        random_state=None,
    ):
        super().__init__(
            n_clusters, init=init, n_init=n_init, max_iter=max_iter, random_state=random_state
        )
        self.batch_size = batch_size
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.reassignment_ratio = reassignment_ratio

    def fit(self, X, y=None):
        """Find the centres of X (n, d); warns if `max_iter` passes were not enough."""
        X = check_dense_points(self, X, order="C")
        batch_size = min(check_integer("batch_size", self.batch_size), len(X))
        patience = self.max_no_improvement
        patience = np.inf if patience is None else check_integer("max_no_improvement", patience)
        n_steps = check_integer("max_iter", self.max_iter) * len(X) // batch_size
        self._start(X, batch_size)
        stop = Patience(patience, rate=min(1.0, 2.0 * batch_size / (len(X) + 1)))
        for step in range(n_steps):
            batch = X.take(self._rng.randint(0, len(X), batch_size), axis=0)
            inertia = self._update(batch) / batch_size
            if step > 0 and stop.is_exhausted(inertia):  # the first is that of the seeds
                break
        else:
            if patience < np.inf:
                self._warn(f"still improves after max_iter={self.max_iter} passes: raise it.")
        self.n_iter_ = -(-self.n_steps_ * batch_size // len(X))
        self.labels_ = nearest_center(X, self.cluster_centers_)
        self.inertia_ = distortion(X, self.cluster_centers_, self.labels_)
        return self

    def partial_fit(self, X, y=None):
        """Learn from one batch (m, d); the first must have at least n_clusters rows."""
        first = not hasattr(self, "counts_")
        X = check_dense_points(self, X, order="C", reset=first)
        if first:
            self._start(X, len(X))
        self.inertia_ = self._update(X)
        self.n_iter_ = self.n_steps_
        self.labels_ = nearest_center(X, self.cluster_centers_)
        return self

    def _start(self, X, batch_size):
        """Choose the seeds, the best of `n_init`, and set the counts to zero."""
        check_n_clusters(self.n_clusters, len(X))
        check_real("reassignment_ratio", self.reassignment_ratio, low=0, high=1)
        size = (
            3 * batch_size if self.init_size is None else check_integer("init_size", self.init_size)
        )
        size = min(max(size, self.n_clusters), len(X))
        self._rng, lowest = check_random_state(self.random_state), np.inf
        held_out = X[self._rng.randint(0, len(X), size)]
        for _ in range(self._starts(default=3)):
            sample = X if size == len(X) else X[self._rng.randint(0, len(X), size)]
            centers = self._initial_centers(sample, self._rng)
            inertia = distortion(held_out, centers, nearest_center(held_out, centers))
            if inertia < lowest:
                lowest, self.cluster_centers_ = inertia, centers
        self.counts_, self.n_steps_, self._n_unchecked = np.zeros(self.n_clusters), 0, 0

    def _update(self, batch):
        """Take one step; returns the distortion of the batch before it."""
        self._n_unchecked += len(batch)
        check = (self.counts_ == 0).any() or self._n_unchecked >= 10 * self.n_clusters
        centers, counts, inertia = mini_batch_step(batch, self.cluster_centers_, self.counts_)
        if check:
            self._n_unchecked = 0
            revive(batch, centers, counts, self.reassignment_ratio, self._rng)
        self.cluster_centers_, self.counts_ = centers, counts
        self.n_steps_ += 1
        return inertia
