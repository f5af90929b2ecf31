"""Infomax: independent components as the output of most entropy, or of most likelihood.

Chapter: `contrasts`.
"""

import warnings

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.projection import Projection
from companion.components.whitening import starting_matrix, whiten
from companion.validation import check_codes, check_integer, check_points, check_real


def log_logistic(U):
    """Log density of the logistic distribution, log sigma(u) (1 - sigma(u)), in nats."""
    return -np.abs(U) - 2 * np.log1p(np.exp(-np.abs(U)))


def log_likelihood(W, X):
    """log |det W| + mean of sum_i log sigma'(w_i x) over the rows of X (n, d), in nats.

    It is the mean log |det J| of y = sigma(W x), so the entropy of y is this plus that of x; and
    the mean log density of x = A s with logistic sources and A the inverse of W (d, d).
    """
    return float(np.linalg.slogdet(W)[1] + log_logistic(X @ W.T).sum(axis=1).mean())


def relative_gradient(W, X):
    """I + E[(1 - 2 y) u'], u = W x, y = sigma(u): the gradient for a step W <- (I + rate G) W."""
    U = X @ W.T
    return np.eye(len(W)) + (1 - 2 * expit(U)).T @ U / len(U)


def infomax_gradient(W, X):
    """Derivative of `log_likelihood` by W (d, d): the inverse of W' plus E[(1 - 2 y) x']."""
    return np.linalg.inv(W).T + (1 - 2 * expit(X @ W.T)).T @ X / len(X)


class InfomaxICA(Projection):
    """Independent components by maximising the entropy of y = sigma(W x).

    The same as maximum likelihood with logistic sources, which is why sources must be
    heavier-tailed than a Gaussian. Climbed along the natural gradient, W <- (I + rate G) W, with
    the rate halved whenever the likelihood would fall.

    Parameters
    ----------
    n_components : int or None
        Number of sources k; None takes every direction in which X varies.
    learning_rate : float
        Of the first step.
    max_iter : int
    tol : float
        Stop when no entry of the relative gradient G is larger.
    w_init : array (k, k), optional
        For white data; by default a random rotation.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, d)
        The unmixing matrix: s = components_ (x - mean_), scaled to be logistic.
    mixing_ : array (d, k)
    mean_ : array (d,)
    log_likelihoods_ : list of float
        Of the white data, in nats a row, at every step; it never falls.
    n_iter_ : int

    References
    ----------
    Bell and Sejnowski (1995); Amari, Cichocki and Yang (1996). Chapter: contrasts.
    """

    def __init__(
        self,
        n_components=None,
        *,
        learning_rate=1.0,
        max_iter=500,
        tol=1e-4,
        w_init=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.w_init = w_init
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the unmixing matrix of X (n, d)."""
        X = check_points(self, X, ensure_min_samples=2)
        rate = check_real("learning_rate", self.learning_rate, 0, inclusive=False)
        check_integer("max_iter", self.max_iter)
        check_real("tol", self.tol, low=0)
        Z, K, self.mean_ = whiten(X, self.n_components)
        W = starting_matrix(self.w_init, Z.shape[1], check_random_state(self.random_state))
        if self.w_init is None:
            W = np.linalg.qr(W)[0]
        elif np.linalg.matrix_rank(W) < len(W):
            raise ValueError(
                "w_init is singular: its log |det| is minus infinity; pass an invertible matrix."
            )
        W = self._climb(W, Z, rate)
        self.components_ = np.sqrt(len(X)) * W @ K
        self.mixing_ = np.linalg.pinv(self.components_)
        return self

    def _climb(self, W, Z, rate):
        """Natural-gradient steps from W (k, k) that never lower the likelihood."""
        self.log_likelihoods_ = [log_likelihood(W, Z)]
        for step in range(1, self.max_iter + 1):
            self.n_iter_ = step
            gradient = relative_gradient(W, Z)
            if np.abs(gradient).max() <= self.tol:
                return W
            while True:
                trial = W + rate * gradient @ W
                value = log_likelihood(trial, Z)
                if value >= self.log_likelihoods_[-1] or rate < 1e-12:
                    break
                rate /= 2
            W, rate = trial, 1.2 * rate
            self.log_likelihoods_.append(value)
        warnings.warn(
            f"The gradient was still above tol={self.tol} at max_iter={self.max_iter}: raise "
            "max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
        return W

    def score_samples(self, X):
        """Log density of every row of X (n, d), in nats, under logistic sources."""
        check_is_fitted(self)
        k, d = self.components_.shape
        if k != d:
            raise ValueError(
                f"n_components={k} is less than the {d} features: there is no density outside of "
                "the components; fit with n_components=None on data that vary in all directions."
            )
        sources = np.asarray(self.transform(X))
        return np.linalg.slogdet(self.components_)[1] + log_logistic(sources).sum(axis=1)

    def score(self, X, y=None):
        """Mean log density of a row, in nats."""
        return float(self.score_samples(X).mean())

    def inverse_transform(self, X):
        """The mixtures (n, d) of the sources X (n, k)."""
        check_is_fitted(self)
        return check_codes(X, self.mixing_.shape[1]) @ self.mixing_.T + self.mean_
