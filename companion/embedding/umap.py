"""UMAP: a fuzzy graph of neighbours, drawn by stochastic gradient descent. Chapter: `neighbors`."""

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from companion.clustering.distances import nearest_neighbors, neighbor_graph
from companion.clustering.spectral import spectral_embedding
from companion.embedding.starts import starting_picture
from companion.validation import check_choice, check_integer, check_real

HALVINGS = 64  # of the interval that holds a width
SMALLEST_WIDTH = 1e-3  # of the mean distance: no width collapses onto tied neighbours
LARGEST_STEP = 4.0  # of one pull or push, before the learning rate
STARTS = ("spectral", "pca", "random")


def smooth_knn_distances(distances, n_neighbors):
    """Return rho and the width sigma of every point.

    Rho is the distance of the nearest that is not at the same place. The width solves
    ``sum_j exp(-max(0, d_ij - rho_i) / sigma_i) = log2(n_neighbors)``.

    Parameters
    ----------
    distances : array (n, n_neighbors - 1)
        To the nearest others: a point counts as its own first neighbour.
    n_neighbors : int

    Returns
    -------
    rho, sigma : arrays (n,), in units of the distances
    """
    positive = np.where(distances > 0, distances, np.inf).min(axis=1)
    rho = np.where(np.isfinite(positive), positive, 0.0)
    beyond = np.maximum(distances - rho[:, None], 0)
    low, high = np.zeros(len(rho)), np.full(len(rho), np.inf)
    sigma, target = np.ones(len(rho)), np.log2(n_neighbors)
    for _ in range(HALVINGS):
        total = np.exp(-beyond / sigma[:, None]).sum(axis=1)
        too_wide = total > target
        low, high = np.where(too_wide, low, sigma), np.where(too_wide, sigma, high)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + np.minimum(high, 1e300)) / 2)
    shares = n_neighbors / (n_neighbors - 1)  # the mean is over the point itself too
    own, everybody = distances.mean(axis=1) / shares, distances.mean() / shares
    return rho, np.maximum(sigma, SMALLEST_WIDTH * np.where(rho > 0, own, everybody))


def fuzzy_graph(X, n_neighbors):
    """Return how surely two points are neighbours, a symmetric csr_array (n, n) in [0, 1].

    Each point says ``a_ij = exp(-max(0, d_ij - rho_i) / sigma_i)`` of its neighbours. The edge is
    there if at least one of the two is right: ``a_ij + a_ji - a_ij a_ji``.
    """
    distances, indices = nearest_neighbors(X, n_neighbors - 1)
    rho, sigma = smooth_knn_distances(distances, n_neighbors)
    beyond = np.maximum(distances - rho[:, None], 0)
    one_way = neighbor_graph(indices, np.exp(-beyond / sigma[:, None]))
    graph = csr_array(one_way + one_way.T - one_way * one_way.T)
    graph.sort_indices()
    return graph


def find_ab(min_dist=0.1, spread=1.0):
    """Fit 1 / (1 + a d^(2b)) to a curve that is 1 up to `min_dist` and then falls off as exp.

    Returns
    -------
    a, b : float
    """
    d = np.linspace(0, 3 * spread, 300)
    wanted = np.exp(-np.maximum(d - min_dist, 0) / spread)
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, wanted)
    return float(a), float(b)


def pull(squares, a, b):
    """Return f in ``grad -log phi = f (y_i - y_j)``, phi = 1 / (1 + a d^2b); `squares` is d^2."""
    power = np.exp(b * np.log(squares))
    return 2 * a * b * power / (squares * (1 + a * power))


def push(squares, a, b, softening=1e-3):
    """Return f in ``grad -log(1 - phi) = -f (y_i - y_j)``; `softening` keeps it finite at d = 0."""
    power = np.exp(b * np.log(squares))
    return 2 * b / ((softening + squares) * (1 + a * power))


def clipped(factor, differences):
    """Forces factor times differences (q, m), each coordinate at most `LARGEST_STEP`."""
    return np.clip(factor * differences, -LARGEST_STEP, LARGEST_STEP)


def sgd_epoch(Y, heads, tails, a, b, rate, n_negative, random_state):
    """Move the columns of Y (q, n), in place: edges pull their ends, strangers push the heads.

    All edges that are due in an epoch pull at once. Then each pushes its head away from
    `n_negative` points drawn at random: the negative samples.
    """
    n = Y.shape[1]
    tiny = np.float32(1e-12)
    differences = np.stack([y[heads] - y[tails] for y in Y])
    pulls = clipped(pull((differences**2).sum(axis=0) + tiny, a, b), differences)
    for y, force in zip(Y, pulls, strict=True):
        y -= rate * (np.bincount(heads, force, n) - np.bincount(tails, force, n))
    strangers = random_state.integers(n, size=(n_negative, len(heads)), dtype=np.int32)
    differences = np.stack([y[heads] - y[strangers] for y in Y])
    pushes = clipped(push((differences**2).sum(axis=0) + tiny, a, b), differences)
    for y, force in zip(Y, pushes.sum(axis=1), strict=True):
        y += rate * np.bincount(heads, force, n)


class UMAP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Uniform manifold approximation and projection: draw the fuzzy graph of neighbours.

    Minimises the cross-entropy ``-sum w log phi - sum (1 - w) log(1 - phi)`` over pairs, with w
    from `fuzzy_graph` and ``phi = 1 / (1 + a d^2b)`` in the picture, by sampling: edges as often as
    their weight says, strangers at random. Arguments are those of the package umap-learn.

    Parameters
    ----------
    n_neighbors : int
        A point counts as its own first neighbour.
    n_components : int
    min_dist, spread : float
        Points closer than `min_dist` are drawn as neighbours; `spread` is the unit of length.
    n_epochs : int, optional
        By default 500 for up to 10,000 points and 200 for more.
    learning_rate : float
        At first; it falls to zero in a straight line.
    negative_sample_rate : int
        Strangers for each edge that is drawn.
    init : {"spectral", "pca", "random"} or array (n, n_components)
    random_state : int, RandomState or None

    Attributes
    ----------
    embedding_ : float32 array (n, n_components)
    graph_ : csr_array (n, n)
        The fuzzy graph.
    n_epochs_ : int

    References
    ----------
    McInnes, Healy and Melville, arXiv:1802.03426 (2018). Chapter: neighbors.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> UMAP(random_state=0, n_epochs=20).fit_transform(X).shape
    (50, 2)
    """

    def __init__(
        self,
        n_neighbors=15,
        n_components=2,
        *,
        min_dist=0.1,
        spread=1.0,
        n_epochs=None,
        learning_rate=1.0,
        negative_sample_rate=5,
        init="spectral",
        random_state=None,
    ):
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.min_dist = min_dist
        self.spread = spread
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.negative_sample_rate = negative_sample_rate
        self.init = init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the rows of X (n, d)."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=4)
        n_epochs = self._check_arguments(len(X))
        random_state = check_random_state(self.random_state)
        self.graph_ = fuzzy_graph(X, self.n_neighbors)
        Y = self._start(X, random_state)
        draws = np.random.default_rng(random_state.randint(2**31))  # quicker than a RandomState
        heads = np.repeat(np.arange(len(X), dtype=np.int32), np.diff(self.graph_.indptr))
        tails, weights = self.graph_.indices, self.graph_.data
        often = weights >= weights.max() / n_epochs  # the others would not be drawn once
        heads, tails, period = heads[often], tails[often], weights.max() / weights[often]
        a, b = map(np.float32, find_ab(self.min_dist, self.spread))
        due, Y = period.copy(), np.ascontiguousarray(Y.T)
        n_negative = self.negative_sample_rate
        for epoch in range(n_epochs):
            drawn = np.flatnonzero(due <= epoch + 1)
            due[drawn] += period[drawn]
            rate = np.float32(self.learning_rate * (1 - epoch / n_epochs))
            sgd_epoch(Y, heads[drawn], tails[drawn], a, b, rate, n_negative, draws)
        self.embedding_, self.n_epochs_ = np.ascontiguousarray(Y.T), n_epochs
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`. New points have no place in the picture."""
        return self.fit(X).embedding_

    def _check_arguments(self, n):
        check_integer("n_neighbors", self.n_neighbors, 2, n, "a point counts as its own first")
        check_integer("n_components", self.n_components, 1, n - 2)
        check_real("spread", self.spread, 0, inclusive=False)
        check_real("min_dist", self.min_dist, 0, self.spread)
        check_real("learning_rate", self.learning_rate, 0, inclusive=False)
        check_integer("negative_sample_rate", self.negative_sample_rate, 0)
        default = 500 if n <= 10_000 else 200
        return default if self.n_epochs is None else check_integer("n_epochs", self.n_epochs)

    def _start(self, X, random_state):
        """The first picture, with coordinates up to 10 and a little noise against ties."""
        init = self.init
        if isinstance(init, str) and check_choice("init", init, STARTS) == "spectral":
            if connected_components(self.graph_, directed=False)[0] > 1:
                init = "pca"  # the eigenvectors would draw each piece as one point
            else:
                _, vectors = spectral_embedding(
                    self.graph_, self.n_components + 1, random_state=random_state
                )
                init = vectors[:, 1:]
        Y = starting_picture(X, self.n_components, init, random_state)
        if isinstance(self.init, str):
            Y *= 10 / max(float(np.abs(Y).max()), 1e-30)
            Y += random_state.normal(scale=1e-4, size=Y.shape).astype(np.float32)
        return Y
