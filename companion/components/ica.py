"""Independent component analysis by FastICA; infomax and the contrasts are re-exported.

White data are turned until their coordinates are as far from Gaussian as possible. What
"far" means, from kurtosis to mutual information, is in ``contrasts``.

Chapter: `ica`.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.contrasts import (
    amari_distance,
    darmois,
    entropy,
    kurtosis,
    least_dependent_rotation,
    mutual_information,
    negentropy,
    rotation,
)
from companion.components.infomax import InfomaxICA, infomax_gradient, log_likelihood
from companion.components.projection import Projection
from companion.components.whitening import orthonormalise, starting_matrix, whiten
from companion.validation import check_choice, check_codes, check_integer, check_points, check_real

__all__ = [
    "FastICA",
    "InfomaxICA",
    "amari_distance",
    "darmois",
    "entropy",
    "infomax_gradient",
    "kurtosis",
    "least_dependent_rotation",
    "log_likelihood",
    "mutual_information",
    "negentropy",
    "newton_step",
    "orthonormalise",
    "rotation",
    "whiten",
]


def logcosh(U):
    """Overwrite U (n, k) by g = tanh(U); return the sums of g' over rows (k,)."""
    np.tanh(U, out=U)
    return len(U) - np.einsum("ij,ij->j", U, U)


def exp(U):
    """Overwrite U (n, k) by g = U exp(-U^2 / 2); return the sums of g' over rows (k,)."""
    bells = U * U
    bells *= -0.5
    np.exp(bells, out=bells)
    slopes = bells.sum(axis=0)
    bells *= U  # now g
    slopes -= np.einsum("ij,ij->j", U, bells)
    U[...] = bells
    return slopes


def cube(U):
    """Overwrite U (n, k) by g = U^3; return the sums of g' = 3 U^2 over rows (k,)."""
    squares = U * U
    U *= squares
    return 3 * squares.sum(axis=0)


IN_PLACE = {"logcosh": logcosh, "exp": exp, "cube": cube}


def newton_step(W, Z, fun="logcosh", block=1024):
    """E[g(W z) z'] - diag(E[g'(W z)]) W: one step of FastICA for the rows of W (m, k).

    `Z` (n, k) is white. In blocks of rows, so that g is computed where it lies in the cache.
    """
    g, moments, slopes = IN_PLACE[fun], 0.0, 0.0
    for start in range(0, len(Z), block):
        part = Z[start : start + block]
        U = part @ W.T
        slopes = slopes + g(U)
        moments = moments + U.T @ part
    return (moments - slopes[:, None] * W) / len(Z)


class FastICA(Projection):
    """Independent components by a fixed point of Newton's method on negentropy.

    x = A s: the rows of `components_` undo the mixture. After whitening only a rotation W is left,
    and W <- E[g(W z) z'] - diag(E[g'(W z)]) W, made orthogonal again, finds it in a few steps.
    Sources come in no order, and with either sign.

    Parameters
    ----------
    n_components : int or None
        Number of sources k; None takes every direction in which X varies.
    algorithm : {"parallel", "deflation"}
        All rows at once, or one after the other.
    whiten : {"unit-variance", "arbitrary-variance", False}
        Sources of variance 1 or 1 / n; False if X is white already.
    fun : {"logcosh", "exp", "cube"}
        Whose derivative g is: tanh u, u exp(-u^2 / 2) or u^3. The last is kurtosis.
    max_iter : int
    tol : float
        Stop when every row w changes by less: 1 - |w'w_before|.
    w_init : array (k, k), optional
    whiten_solver : {"auto", "eigh", "svd"}
        Axes from the covariance or from X; "auto" takes the first if it loses nothing.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, d)
        The unmixing matrix: s = components_ (x - mean_).
    mixing_ : array (d, k)
        Its pseudo-inverse; a column is what one source adds to x.
    mean_ : array (d,)
        Zero with ``whiten=False``.
    whitening_ : array (k, d)
        Absent with ``whiten=False``.
    n_iter_ : int
        With "deflation" the largest number of all rows.

    References
    ----------
    Hyvarinen (1999); Hyvarinen and Oja (2000). Chapter: ica.

    Examples
    --------
    >>> S = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2))
    >>> A = np.array([[1.0, 0.5], [0.3, 1.0]])
    >>> round(amari_distance(FastICA(random_state=0).fit(S @ A.T).components_, A), 1)
    0.0
    """

    def __init__(
        self,
        n_components=None,
        *,
        algorithm="parallel",
        whiten="unit-variance",
        fun="logcosh",
        max_iter=200,
        tol=1e-4,
        w_init=None,
        whiten_solver="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.algorithm = algorithm
        self.whiten = whiten
        self.fun = fun
        self.max_iter = max_iter
        self.tol = tol
        self.w_init = w_init
        self.whiten_solver = whiten_solver
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the unmixing matrix of X (n, d)."""
        X = check_points(self, X, ensure_min_samples=2)
        check_choice("algorithm", self.algorithm, ("parallel", "deflation"))
        check_choice("fun", self.fun, IN_PLACE)
        check_integer("max_iter", self.max_iter)
        check_real("tol", self.tol, low=0)
        Z, K, scale = self._whiten(X)
        k = Z.shape[1]
        W = starting_matrix(self.w_init, k, check_random_state(self.random_state))
        search = self._parallel if self.algorithm == "parallel" else self._deflation
        W, self.n_iter_, converged = search(Z, W)
        if not converged:
            warnings.warn(
                f"The components still moved by tol={self.tol} or more at max_iter={self.max_iter}"
                ": raise max_iter or tol; if that does not help, are two sources Gaussian?",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.components_ = scale * W @ K
        self.mixing_ = np.linalg.pinv(self.components_)
        return self

    def _whiten(self, X):
        """White data, the matrix that made them, and a scale for the result."""
        if self.whiten is False:
            d = X.shape[1]
            if self.n_components not in (None, d):
                raise ValueError(
                    f"n_components={self.n_components} needs whitening: pass None, or whiten."
                )
            self.mean_ = np.zeros(d)
            return X, np.eye(d), 1.0
        check_choice("whiten", self.whiten, ("unit-variance", "arbitrary-variance"))
        Z, self.whitening_, self.mean_ = whiten(X, self.n_components, self.whiten_solver)
        return Z, self.whitening_, np.sqrt(len(X)) if self.whiten == "unit-variance" else 1.0

    def _parallel(self, Z, W):
        """Step all rows, then make them orthogonal, none before the others."""
        W = orthonormalise(W)
        for step in range(1, self.max_iter + 1):
            before, W = W, orthonormalise(newton_step(W, Z, self.fun))
            if np.abs(np.abs(np.einsum("ij,ij->i", W, before)) - 1).max() < self.tol:
                return W, step, True
        return W, step, False

    def _deflation(self, Z, W):
        """Find one row after the other, each orthogonal to those before it."""
        ends = []
        for j in range(len(W)):
            W[j], *end = self._one_row(Z, W[j : j + 1], W[:j])
            ends.append(end)
        steps, converged = zip(*ends, strict=True)
        return W, max(steps), all(converged)

    def _one_row(self, Z, w, found):
        w = w / np.linalg.norm(w)
        for step in range(1, self.max_iter + 1):
            before, w = w, newton_step(w, Z, self.fun)
            w = w - w @ found.T @ found
            w = w / np.linalg.norm(w)
            if abs(abs(np.vdot(w, before)) - 1) < self.tol:
                return w[0], step, True
        return w[0], step, False

    def inverse_transform(self, X):
        """The mixtures (n, d) of the sources X (n, k)."""
        check_is_fitted(self)
        return check_codes(X, self.mixing_.shape[1]) @ self.mixing_.T + self.mean_
