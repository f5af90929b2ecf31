"""UMAP: a fuzzy graph of neighbours, drawn by stochastic gradient descent. Chapter: `umap`."""

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.clustering.neighbors import check_points_or_distances
from companion.clustering.spectral import spectral_embedding
from companion.embedding.fuzzy import fuzzy_arrows, fuzzy_graph
from companion.embedding.starts import starting_picture
from companion.validation import check_choice, check_integer, check_points, check_real

MANY = 10_000  # points: beyond, fewer epochs are enough
LARGEST_STEP = 4.0  # of one pull or push, before the learning rate
STARTS = ("spectral", "pca", "random")


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


def sgd_epoch(Y, heads, tails, a, b, rate, n_negative, random_state, fixed=None):
    """Move the columns of Y (q, n), in place: edges pull their ends, strangers push the heads.

    All edges that are due in an epoch pull at once. Then each pushes its head away from
    `n_negative` points drawn at random: the negative samples. Tails and strangers are among the
    heads, or where they are `fixed` (q, m), among those, which do not move.
    """
    n, others = Y.shape[1], Y if fixed is None else fixed
    tiny = np.float32(1e-12)
    axes = list(zip(Y, others, strict=True))
    differences = np.stack([y[heads] - z[tails] for y, z in axes])
    pulls = clipped(pull((differences**2).sum(axis=0) + tiny, a, b), differences)
    for y, force in zip(Y, pulls, strict=True):
        back = np.bincount(tails, force, n) if fixed is None else 0
        y -= rate * (np.bincount(heads, force, n) - back)
    size = n_negative, len(heads)
    strangers = random_state.integers(others.shape[1], size=size, dtype=np.int32)
    differences = np.stack([y[heads] - z[strangers] for y, z in axes])
    pushes = clipped(push((differences**2).sum(axis=0) + tiny, a, b), differences)
    for y, force in zip(Y, pushes.sum(axis=1), strict=True):
        y += rate * np.bincount(heads, force, n)


def draw(Y, graph, curve, n_epochs, learning_rate, n_negative, random_state, fixed=None):
    """Move the points Y (n, q) for `n_epochs`, at a rate that falls to zero in a straight line.

    The weight of an edge of the csr_array `graph`, (n, n) or to `fixed` points (m, q), says how
    often it is drawn; the largest, in every epoch. `curve` is (a, b) of `find_ab`.
    """
    heads = np.repeat(np.arange(len(Y), dtype=np.int32), np.diff(graph.indptr))
    tails, weights = graph.indices, graph.data
    often = weights >= weights.max() / n_epochs  # the others would not be drawn once
    heads, tails, period = heads[often], tails[often], weights.max() / weights[often]
    a, b = map(np.float32, curve)
    due, Y = period.copy(), np.ascontiguousarray(Y.T)
    fixed = None if fixed is None else np.ascontiguousarray(fixed.T)
    for epoch in range(n_epochs):
        drawn = np.flatnonzero(due <= epoch + 1)
        due[drawn] += period[drawn]
        rate = np.float32(learning_rate * (1 - epoch / n_epochs))
        sgd_epoch(Y, heads[drawn], tails[drawn], a, b, rate, n_negative, random_state, fixed)
    return np.ascontiguousarray(Y.T)


def starting_places(arrows, places):
    """Mean (m, q) of the old places (n, q) with the weights of `fuzzy_arrows`, float32.

    Where a new point equals an old one, only the equal ones count.
    """
    m = arrows.shape[0]
    weights, indices = arrows.data.reshape(m, -1), arrows.indices.reshape(m, -1)
    equals = (weights == 1).any(axis=1, keepdims=True)
    weights = np.where(equals & (weights < 1), 0, weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkq->mq", weights, places[indices]).astype(np.float32)


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
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances, (n, n) in `fit` and (m, n) in `transform`.
    init : {"spectral", "pca", "random"} or array (n, n_components)
        A graph in pieces has no spectral start; it gets "pca", or "random" if X holds distances.
    random_state : int, RandomState or None

    Attributes
    ----------
    embedding_ : float32 array (n, n_components)
    graph_ : csr_array (n, n)
        The fuzzy graph.
    n_epochs_ : int

    References
    ----------
    McInnes, Healy and Melville, arXiv:1802.03426 (2018). Chapter: umap.

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
        metric="euclidean",
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
        self.metric = metric
        self.init = init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the rows of X (n, d), or points with distances X (n, n)."""
        X = check_points_or_distances(self, X, ensure_min_samples=4)
        n_epochs = self._check_arguments(len(X))
        random_state = check_random_state(self.random_state)
        self.graph_ = fuzzy_graph(X, self.n_neighbors, self.metric)
        Y = self._start(X, random_state)
        self.embedding_ = self._draw(Y, self.graph_, n_epochs, self.learning_rate, random_state)
        self.n_epochs_, self._X_fit = n_epochs, X
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`."""
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new points X (m, d) in the picture, whose points stay: float32 array (m, k).

        A point starts at the mean of its `n_neighbors` nearest old points, weighted by
        `fuzzy_arrows`, or at the place of one that it equals. Then it is drawn as in `fit`, with a
        quarter of the rate and a third of `n_epochs`, by default 100 for up to 10,000 points and
        30 for more. An int as `random_state` gives the same places every time.
        """
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        arrows = fuzzy_arrows(self._X_fit, X, self.n_neighbors, self.metric)
        Y = starting_places(arrows, self.embedding_)
        n_epochs = max(self.n_epochs // 3, 1) if self.n_epochs else 100 if len(X) <= MANY else 30
        random_state = check_random_state(self.random_state)
        rate = self.learning_rate / 4
        return self._draw(Y, arrows, n_epochs, rate, random_state, self.embedding_)

    def _draw(self, Y, graph, n_epochs, rate, random_state, fixed=None):
        draws = np.random.default_rng(random_state.randint(2**31))  # quicker than a RandomState
        curve = find_ab(self.min_dist, self.spread)
        return draw(Y, graph, curve, n_epochs, rate, self.negative_sample_rate, draws, fixed)

    def _check_arguments(self, n):
        check_integer("n_neighbors", self.n_neighbors, 2, n, "a point counts as its own first")
        check_integer("n_components", self.n_components, 1, n - 2)
        check_real("spread", self.spread, 0, inclusive=False)
        check_real("min_dist", self.min_dist, 0, self.spread)
        check_real("learning_rate", self.learning_rate, 0, inclusive=False)
        check_integer("negative_sample_rate", self.negative_sample_rate, 0)
        default = 500 if n <= MANY else 200
        return default if self.n_epochs is None else check_integer("n_epochs", self.n_epochs)

    def _start(self, X, random_state):
        """The first picture, with coordinates up to 10 and a little noise against ties."""
        init = self.init
        if isinstance(init, str) and check_choice("init", init, STARTS) == "spectral":
            if connected_components(self.graph_, directed=False)[0] > 1:
                # the eigenvectors would draw each piece as one point
                init = "random" if self.metric == "precomputed" else "pca"
            else:
                _, vectors = spectral_embedding(
                    self.graph_, self.n_components + 1, random_state=random_state
                )
                init = vectors[:, 1:]
        Y = starting_picture(X, self.n_components, init, random_state, metric=self.metric)
        if isinstance(self.init, str):
            Y *= 10 / max(float(np.abs(Y).max()), 1e-30)
            Y += random_state.normal(scale=1e-4, size=Y.shape).astype(np.float32)
        return Y

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise, and that a picture is float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
