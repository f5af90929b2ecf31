"""Data summarised by few atoms, with non-negative kernel regression. Chapter: `dictionary`."""

import warnings

import numpy as np
from scipy.linalg import pinv
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.kernel_pca import kernels
from companion.validation import check_choice, check_integer, check_points, check_real

KERNELS = ("linear", "rbf", "cosine", "poly")


def nnk_weights(among, to, *, max_iter=500, tol=1e-8):
    """Weights w >= 0 that bring sum_j w_j phi_j nearest to phi(x), by kernels alone.

    Minimises 0.5 w'Kw - k'w, one weight after another, for all points at once; no
    step goes up. Stops when no weight moves by more than tol times the largest.

    Parameters: `among` is K, the kernel among the s candidates of a point, (s, s)
    or (n, s, s); of full rank for a unique answer. `to` is k, their kernel with the
    point, (s,) or (n, s). Returns weights as `to`. Shekkizhar and Ortega (2020).
    """
    K, k = np.asarray(among, dtype=np.float64), np.asarray(to, dtype=np.float64)
    if K.ndim not in (2, 3) or K.shape[-1] != K.shape[-2] or k.shape != K.shape[:-1]:
        raise ValueError(
            f"among has shape {K.shape} and to {k.shape}: "
            "pass (s, s) with (s,), or (n, s, s) with (n, s)."
        )
    diagonal = np.einsum("...jj->...j", K)
    if not (diagonal > 0).all():
        raise ValueError(
            f"among has {diagonal.min():g} on its diagonal: leave out candidates of length 0."
        )
    w = np.maximum(k / diagonal, 0) / K.shape[-1]
    for _ in range(max_iter):
        largest_move = 0.0
        for j in range(K.shape[-1]):
            slope = k[..., j] - np.einsum("...j,...j->...", K[..., j, :], w)
            new = np.maximum(w[..., j] + slope / diagonal[..., j], 0)
            largest_move = max(largest_move, np.abs(new - w[..., j]).max(initial=0))
            w[..., j] = new
        if largest_move <= tol * w.max(initial=0):
            break
    return w


def nnk_codes(to, among, n_neighbors):
    """Codes (n, m) of n points on m atoms: `nnk_weights` on the nearest few, 0 on the others.

    `to` (n, m) is the kernel of points and atoms, `among` (m, m) that of the atoms. Nearest is
    meant in the space of features, |phi(x) - d|^2. One neighbour gets the weight 1, as in k-means.
    Of several, an atom of length 0 comes last and gets the weight 0.
    """
    lengths = np.diag(among)
    distances = lengths - 2 * to  # less |phi(x)|^2
    if n_neighbors > 1:
        distances = np.where(lengths > 0, distances, np.inf)
        among = among + np.diag((lengths <= 0).astype(float))  # of length 0: weight 0
    near = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    codes = np.zeros_like(to)
    weights = np.ones(near.shape)
    if n_neighbors > 1:
        local = among[near[:, :, None], near[:, None, :]]  # (n, s, s)
        weights = nnk_weights(local, np.take_along_axis(to, near, axis=1))
    np.put_along_axis(codes, near, weights, axis=1)
    return codes


def nnk_errors(own, to, among, codes):
    """Squared distance |phi(x) - sum_j c_j d_j|^2 of each point to its approximation: (n,).

    `own` (n,) is the kernel of each point with itself.
    """
    return own - 2 * (codes * to).sum(axis=1) + (codes @ among * codes).sum(axis=1)


class NNKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """k-means in which a point may be a non-negative mixture of several centres.

    Minimises sum_i |phi(x_i) - sum_j C_ij d_j|^2 over atoms d_j in the space of features and over
    codes C >= 0 with at most n_neighbors entries a row. Codes: `nnk_codes`, kept only where they
    are better than before; atoms: least squares, D = Phi'A with A = C (C'C)^-1. So every atom is a
    combination of all inputs, and the objective never rises. With one neighbour it is kernel
    k-means (with the linear kernel, k-means).

    Parameters
    ----------
    n_components : int
        Number of atoms m.
    n_neighbors : int
        Atoms in a code, at most.
    kernel : 'rbf', 'linear', 'cosine' or 'poly'
    gamma : float or None
        Of 'rbf' and 'poly'; None is one over the sum of the features' variances.
    max_iter : int
    tol : float
        Stop when the objective falls by less than tol times its value.
    random_state : int, RandomState or None

    Attributes
    ----------
    coefficients_ : array (n, m)
        A: what each training point gives to each atom.
    components_ : array (m, d)
        A'X: the atoms themselves for the linear kernel, a picture of them for the others.
    codes_, labels_ : arrays (n, m) and (n,)
        Codes of the training points from the last round, and their atoms by `predict`.
    error_ : array (n_iter_,)
        Objective after each round, divided by n.
    n_iter_ : int
    X_fit_, gamma_ : array (n, d) and float

    References
    ----------
    Shekkizhar and Ortega (2021), arXiv:2110.08212. Chapter: dictionary.
    """

    def __init__(
        self,
        n_components=8,
        *,
        n_neighbors=5,
        kernel="rbf",
        gamma=None,
        max_iter=100,
        tol=1e-4,
        random_state=None,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.kernel = kernel
        self.gamma = gamma
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn the atoms from the rows of X (n, d); y is ignored."""
        X = check_points(self, X)
        n = len(X)
        m = check_integer("n_components", self.n_components, 1, n, "at most one a row of X")
        check_integer("n_neighbors", self.n_neighbors)
        check_choice("kernel", self.kernel, KERNELS)
        max_iter, tol = check_integer("max_iter", self.max_iter), check_real("tol", self.tol, low=0)
        if self.gamma is None:
            self.gamma_ = float(1 / (X.var(axis=0).sum() or 1.0))
        else:
            self.gamma_ = check_real("gamma", self.gamma, low=0, inclusive=False)
        self.X_fit_ = X
        K, rng = self._kernel(X, X), check_random_state(self.random_state)
        own = np.diag(K)
        A = np.eye(n)[:, spread_out(K, m, rng)]
        codes, errors, history = np.zeros((n, m)), np.full(n, np.inf), []
        for _ in range(max_iter):
            to = K @ A
            among = A.T @ to
            new = nnk_codes(to, among, min(self.n_neighbors, m))
            better = nnk_errors(own, to, among, new) < errors
            codes[better] = new[better]
            A = refit(K, codes, A)
            to = K @ A
            errors = nnk_errors(own, to, A.T @ to, codes)
            history.append(float(max(errors.mean(), 0)))
            if len(history) > 1 and history[-2] - history[-1] <= tol * history[-2]:
                break
        else:
            warnings.warn(
                f"The objective still fell by tol={tol} or more at max_iter={max_iter}: "
                "raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coefficients_, self.components_ = A, A.T @ X
        self._among = A.T @ to
        self.codes_ = codes
        self.labels_ = nnk_codes(to, self._among, min(self.n_neighbors, m)).argmax(axis=1)
        self.error_, self.n_iter_ = np.array(history), len(history)
        return self

    def transform(self, X):
        """Codes (n, m) of the rows of X (n, d) on the atoms."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        to = self._kernel(X, self.X_fit_) @ self.coefficients_
        return nnk_codes(to, self._among, min(self.n_neighbors, len(self._among)))

    def predict(self, X):
        """Index of the atom of largest weight of every row of X (n, d): (n,)."""
        return np.asarray(self.transform(X)).argmax(axis=1)

    def _kernel(self, X, Y):
        options = {"gamma": self.gamma_, "degree": 2, "coef0": 1}
        return kernels(X, Y, self.kernel, **options)

    @property
    def _n_features_out(self):
        return len(self.components_)


def spread_out(K, m, rng):
    """Rows of m training points, drawn as in k-means++ by squared distances from the kernel K."""
    own, rows = np.diag(K), [rng.randint(len(K))]
    nearest = own - 2 * K[rows[0]] + own[rows[0]]
    while len(rows) < m:
        chances = np.maximum(nearest, 0)
        chances[rows] = 0
        if not chances.any():  # all others lie on a point that was drawn
            chances = np.ones(len(K))
            chances[rows] = 0
        rows.append(rng.choice(len(K), p=chances / chances.sum()))
        nearest = np.minimum(nearest, own - 2 * K[rows[-1]] + own[rows[-1]])
    return np.array(rows)


def refit(K, codes, A):
    """The least-squares atoms for these codes, A = C (C'C)^-1 (n, m).

    An atom that no code uses moves to the point that is approximated worst.
    """
    used = codes.any(axis=0)
    A = A.copy()
    A[:, used] = pinv(codes[:, used]).T
    if not used.all():
        to = K @ A
        worst = np.argsort(-nnk_errors(np.diag(K), to, A.T @ to, codes), kind="stable")
        A[:, ~used] = np.eye(len(K))[:, worst[: (~used).sum()]]
    return A
