"""PaCMAP: near, mid-near and further pairs, weighed in three phases. Chapter: `umap`."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from companion.clustering.distances import nearest_neighbors
from companion.components.pca import PCA
from companion.embedding.starts import starting_picture
from companion.validation import check_integer, check_points, check_real

CANDIDATES = 50  # nearest others, beyond those asked for, among which near pairs are chosen
DRAWS = 6  # of which the second nearest makes a mid-near pair
MOST_FEATURES = 100  # beyond them the principal components are taken first
SCALES = {"near": 10.0, "mid": 1e4, "further": 1.0}
DECAY, DECAY_SQUARES, SMALL = 0.9, 0.999, 1e-7  # of Adam


def near_pairs(X, n_neighbors):
    """Return the partners of every point, int array (n, n_neighbors), by scaled distance.

    ``d_ij^2 / (s_i s_j)``, with s the mean distance of the fourth to sixth neighbour: a unit of
    length for each point, so that crowded and empty regions count alike.
    """
    distances, indices = nearest_neighbors(X, min(n_neighbors + CANDIDATES, len(X) - 1))
    first = min(3, distances.shape[1] - 1)  # of very few points, the farthest
    width = np.maximum(distances[:, first:6].mean(axis=1), 1e-10)
    scaled = distances**2 / (width[:, None] * width[indices])
    order = np.argsort(scaled, axis=1, kind="stable")[:, :n_neighbors]
    return np.take_along_axis(indices, order, axis=1)


def draw_others(n_points, size, random_state):
    """Draw points other than i for each i, int array (n, size), with replacement."""
    drawn = random_state.randint(n_points - 1, size=(n_points, size))
    return drawn + (drawn >= np.arange(n_points)[:, None])


def mid_near_pairs(X, n_pairs, random_state):
    """Return partners (n, n_pairs), each the second nearest of six points drawn at random."""
    partners = np.empty((len(X), n_pairs), dtype=np.int64)
    for pair in range(n_pairs):
        drawn = draw_others(len(X), DRAWS, random_state)
        squares = np.stack([((X - X[column]) ** 2).sum(axis=1) for column in drawn.T], axis=1)
        second = np.argsort(squares, axis=1, kind="stable")[:, 1]
        partners[:, pair] = drawn[np.arange(len(X)), second]
    return partners


def further_pairs(near, n_pairs, random_state):
    """Return partners (n, n_pairs) drawn from all points that are not in a row of `near`."""
    n_points = len(near)
    partners = draw_others(n_points, n_pairs, random_state)
    for _ in range(1000):
        taken = (partners[:, :, None] == near[:, None, :]).any(axis=2)
        if not taken.any():
            return partners
        partners[taken] = draw_others(n_points, n_pairs, random_state)[taken]
    raise ValueError(
        f"n_neighbors={near.shape[1]} leaves almost none of {n_points} points to be further away: "
        "lower n_neighbors."
    )


def phase_weights(step, num_iters=(100, 100, 250)):
    """Return the weights of near, mid-near and further pairs at a step, from 0.

    Mid-near pairs weigh 1000 at first and 3 at the end of the first phase, and nothing in the last.
    """
    first, second, _ = num_iters
    if step < first:
        return 2.0, 1000 + (3 - 1000) * step / first, 1.0
    return (3.0, 3.0, 1.0) if step < first + second else (1.0, 0.0, 1.0)


def pair_loss(Y, partners, kind):
    """Return the loss of one kind of pair and its gradient (n, q), with ``e = 1 + d^2``.

    ``e / (10 + e)`` for near pairs, ``e / (10000 + e)`` for mid-near ones, and ``1 / (1 + e)`` for
    further ones: all level off, so that no pair can pull or push for ever.
    """
    scale = SCALES[kind]
    n, k = partners.shape
    flat = partners.ravel()
    differences = np.stack([np.repeat(y, k) - y[flat] for y in Y.T])
    e = 1 + (differences**2).sum(axis=0)
    sign = -1 if kind == "further" else 1
    loss = float((1 / (1 + e) if kind == "further" else e / (scale + e)).sum())
    forces = sign * 2 * scale / (scale + e) ** 2 * differences
    gradient = [f.reshape(n, k).sum(axis=1) - np.bincount(flat, f, n) for f in forces]
    return loss, np.stack(gradient, axis=1)


class PaCMAP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Pairwise controlled manifold approximation: a picture that keeps local and global order.

    Minimises ``w_near sum e / (10 + e) + w_mid sum e / (10000 + e) + w_further sum 1 / (1 + e)``
    over three kinds of pairs, ``e = 1 + |y_i - y_j|^2``, with Adam. Arguments are those of the
    package pacmap.

    Parameters
    ----------
    n_components : int
    n_neighbors : int
        Near pairs of a point.
    MN_ratio, FP_ratio : float
        Mid-near and further pairs of a point, as multiples of `n_neighbors`.
    lr : float
        Learning rate of Adam.
    num_iters : (int, int, int)
        Steps of the three phases: global order, then neighbourhoods, then only these.
    init : {"pca", "random"} or array (n, n_components)
    random_state : int, RandomState or None

    Attributes
    ----------
    embedding_ : float32 array (n, n_components)
    pair_neighbors_, pair_MN_, pair_FP_ : int arrays (n, number of partners)
    loss_ : float
        Of the last step.
    n_iter_ : int

    References
    ----------
    Wang, Huang, Rudin and Shaposhnik, Understanding how dimension reduction tools work, JMLR 22
    (2021). Chapter: umap.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> PaCMAP(random_state=0).fit_transform(X).shape
    (50, 2)
    """

    def __init__(
        self,
        n_components=2,
        n_neighbors=10,
        MN_ratio=0.5,
        FP_ratio=2.0,
        *,
        lr=1.0,
        num_iters=(100, 100, 250),
        init="pca",
        random_state=None,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.MN_ratio = MN_ratio
        self.FP_ratio = FP_ratio
        self.lr = lr
        self.num_iters = num_iters
        self.init = init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the rows of X (n, d)."""
        X = check_points(self, X, ensure_min_samples=2)
        n = len(X)
        k = check_integer("n_neighbors", self.n_neighbors, 1, n - 2, "leave some points further")
        n_mid = round(k * check_real("MN_ratio", self.MN_ratio, 0))
        n_further = round(k * check_real("FP_ratio", self.FP_ratio, 0))
        check_integer("n_components", self.n_components)
        check_real("lr", self.lr, 0, inclusive=False)
        if np.shape(self.num_iters) != (3,):
            raise ValueError(f"num_iters={self.num_iters!r} must be three numbers, one a phase.")
        steps = [check_integer("num_iters", steps, 0) for steps in self.num_iters]
        if not any(steps):
            raise ValueError(f"num_iters={self.num_iters!r} has no step: give at least one.")
        random_state = check_random_state(self.random_state)
        X = prepare(X)
        Y = starting_picture(X, self.n_components, self.init, random_state, size=0.01)
        self.pair_neighbors_ = near_pairs(X, k)
        self.pair_MN_ = mid_near_pairs(X, n_mid, random_state)
        self.pair_FP_ = further_pairs(self.pair_neighbors_, n_further, random_state)
        mean, square = np.zeros_like(Y), np.zeros_like(Y)
        for step in range(sum(steps)):
            self.loss_, gradient = self._loss(Y, phase_weights(step, steps))
            mean += (1 - DECAY) * (gradient - mean)
            square += (1 - DECAY_SQUARES) * (gradient**2 - square)
            unbiased = np.sqrt(1 - DECAY_SQUARES ** (step + 1)) / (1 - DECAY ** (step + 1))
            Y -= np.float32(self.lr * unbiased) * mean / (np.sqrt(square) + SMALL)
        self.embedding_, self.n_iter_ = Y, sum(steps)
        self._n_features_out = self.n_components
        return self

    def _loss(self, Y, weights):
        """Weighted loss and gradient; pairs of weight 0 are left out."""
        partners = self.pair_neighbors_, self.pair_MN_, self.pair_FP_
        loss, gradient = 0.0, np.zeros_like(Y)
        for weight, pairs, kind in zip(weights, partners, SCALES, strict=True):
            if weight and pairs.size:
                part, slope = pair_loss(Y, pairs, kind)
                loss += weight * part
                gradient += np.float32(weight) * slope.astype(np.float32)
        return loss, gradient

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`. New points have no place in the picture."""
        return self.fit(X).embedding_


def prepare(X):
    """Return X scaled to [0, 1] and centred, or its first principal components."""
    low, high = X.min(), X.max()
    X = (X - low) / max(high - low, np.finfo(float).tiny)
    if X.shape[1] > MOST_FEATURES:
        X = np.asarray(PCA(min(MOST_FEATURES, *X.shape)).fit_transform(X))
    return X - X.mean(axis=0)
