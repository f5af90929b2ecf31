"""Principal components sample by sample: Oja's and Sanger's rules. Chapter: `kernel_pca`."""

import numpy as np
from sklearn.utils import check_random_state

from companion.components.projection import Projection
from companion.validation import check_integer, check_points, check_real


def oja_step(w, x, rate):
    """w + rate z (x - z w), z = w'x: w (d,) moves to x (d,), its length to 1."""
    z = w @ x
    return w + rate * z * (x - z * w)


def sanger_step(W, x, rate):
    """Oja's rule for rows of W (k, d): each sees what those before leave of x (d,).

    W + rate (z x' - lower(z z') W), z = W x; `lower` keeps what is not above the
    diagonal.
    """
    z = W @ x
    return W + rate * (np.outer(z, x) - np.tril(np.outer(z, z)) @ W)


class AdaptivePCA(Projection):
    """Principal components learned from one sample after another, by Sanger's rule.

    No covariance is formed: memory and time a sample are O(k d). Component j learns from what the
    components before it have left of a sample. It settles the sooner, the more its eigenvalue
    differs from the others.

    Parameters
    ----------
    n_components : int
    learning_rate : float
        Of the first sample, in units of one over the mean square of a sample. A sample far out
        gets a smaller one, at most one over its own square.
    decay : float
        The rate of sample t is learning_rate / (1 + t / decay): its sum diverges, that of its
        squares does not, which is what convergence needs.
    n_epochs : int
        Passes of `fit` over the data, in a new order each.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, d)
        Rows of length close to 1, close to orthogonal.
    mean_ : array (d,)
        Running mean of the samples.
    scale_ : float
        Running mean of their squared distance to it.
    n_samples_seen_ : int

    References
    ----------
    Oja (1982), Sanger (1989). Chapter: kernel_pca.
    """

    def __init__(
        self, n_components=1, *, learning_rate=0.5, decay=200, n_epochs=20, random_state=None
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.decay = decay
        self.n_epochs = n_epochs
        self.random_state = random_state

    def fit(self, X, y=None):
        """Start anew and pass over the rows of X (n, d) `n_epochs` times, centred by their mean."""
        X = check_points(self, X, ensure_min_samples=2)
        n_epochs, rng = check_integer("n_epochs", self.n_epochs), self._start(X)
        self.mean_ = X.mean(axis=0)
        self.scale_ = float(np.square(X - self.mean_).sum(axis=1).mean())
        for _ in range(n_epochs):
            for row in rng.permutation(len(X)):
                self._learn(X[row])
        return self

    def partial_fit(self, X, y=None):
        """Learn from the rows of X (n, d) once, in their order; mean and scale follow them."""
        first = not hasattr(self, "components_")
        X = check_points(self, X, reset=first)
        if first:
            self._start(X)
            self.mean_, self.scale_ = np.zeros(X.shape[1]), 0.0
        for x in X:
            step = 1 / (self.n_samples_seen_ + 1)
            before = x - self.mean_
            self.mean_ = self.mean_ + step * before
            self.scale_ += step * (before @ (x - self.mean_) - self.scale_)
            self._learn(x)
        return self

    def _start(self, X):
        """Draw the first components; return the generator."""
        check_real("learning_rate", self.learning_rate, 0, inclusive=False)
        check_real("decay", self.decay, 0, inclusive=False)
        d = X.shape[1]
        k = check_integer("n_components", self.n_components, 1, d, "one a column is the most")
        rng = check_random_state(self.random_state)
        self.components_ = np.linalg.qr(rng.normal(size=(d, k)))[0].T
        self.n_samples_seen_ = 0
        return rng

    def _learn(self, x):
        rate = self.learning_rate / (1 + self.n_samples_seen_ / self.decay)
        x = x - self.mean_
        if self.scale_ > 0:
            # a sample far out would overshoot: rate |x|^2 stays at most 1
            rate = rate / max(self.scale_, rate * (x @ x))
            self.components_ = sanger_step(self.components_, x, rate)
        self.n_samples_seen_ += 1
