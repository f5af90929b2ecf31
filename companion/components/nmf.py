"""Non-negative matrix factorisation: parts that only add up. Chapter: `parts`."""

import warnings

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.components.nmf_steps import (
    coordinate_step,
    divergence,
    multiplicative_step,
    nndsvd,
)
from companion.validation import check_choice, check_codes, check_integer, check_points, check_real

INITS = (None, "random", "nndsvd", "nndsvda", "custom")
LOSSES = ("frobenius", "kullback-leibler")


class NMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Non-negative matrix factorisation: X is about W H, with no negative number in W or H.

    Minimises 1/2 |X - WH|^2, or the Kullback-Leibler divergence, plus
    alpha (l1_ratio |.|_1 + (1 - l1_ratio) / 2 |.|_2^2) of W (times d) and of H (times n).

    Parameters
    ----------
    n_components : int or None
        Number of parts k; None takes d.
    init : None, 'random', 'nndsvd', 'nndsvda' or 'custom'
        'nndsvda' fills the zeros of 'nndsvd' by sqrt(mean of X / k), the size that 'random' has;
        None takes it if k <= min(n, d), else 'random'. (scikit-learn fills by the mean of X, so
        that its result depends on the unit.) With 'custom', pass W and H to `fit_transform`.
    solver : 'cd' or 'mu'
        Coordinate descent, or multiplicative updates.
    beta_loss : 'frobenius' or 'kullback-leibler'
        The second only with ``solver='mu'``.
    tol : float
        Stop when the violation of the optimality conditions ('cd'), or what the root of twice the
        loss lost in ten steps ('mu'), is this small a share of its first value.
    max_iter : int
    random_state : int, RandomState or None
    alpha_W : float
    alpha_H : float or 'same'
    l1_ratio : float in [0, 1]

    Attributes
    ----------
    components_ : array (k, d)
        The parts H.
    reconstruction_err_ : float
        Root of twice the loss, without penalty: |X - WH| for 'frobenius'.
    n_components_, n_iter_ : int

    References
    ----------
    Lee and Seung (1999, 2001); Cichocki and Phan (2009) for 'cd'. Chapter: parts.

    Examples
    --------
    >>> X = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 2.0])
    >>> bool(NMF(1, max_iter=1000).fit(X).reconstruction_err_ < 1e-6)
    True
    """

    def __init__(
        self,
        n_components=None,
        *,
        init=None,
        solver="cd",
        beta_loss="frobenius",
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
    ):
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio

    def fit(self, X, y=None):
        """Find the parts of X (n, d), dense or sparse."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None, W=None, H=None):
        """Find the parts of X (n, d) and return the codes (n, k); W and H start 'custom'."""
        X = self._entries(X)
        k = self._check_arguments(*X.shape)
        W, H = self._start(X, W, H, k)
        W, H, self.n_iter_ = self._descend(X, W, H, learn_parts=True)
        self.components_, self.n_components_ = np.ascontiguousarray(H), k
        self.reconstruction_err_ = float(np.sqrt(2 * divergence(X, W, H, self.beta_loss)))
        return W

    def transform(self, X):
        """Codes (n, k) of the rows of X (n, d), the parts fixed."""
        check_is_fitted(self)
        X = self._entries(X, reset=False)
        level = np.sqrt(X.mean() / self.n_components_) if self.solver == "mu" else 0.0
        start = np.full((X.shape[0], self.n_components_), level)
        return self._descend(X, start, self.components_, learn_parts=False)[0]

    def inverse_transform(self, X):
        """The rows (n, d) that the codes X (n, k) stand for."""
        check_is_fitted(self)
        return check_codes(X, len(self.components_)) @ self.components_

    def _entries(self, X, reset=True):
        X = check_points(self, X, accept_sparse="csr", reset=reset, ensure_non_negative=True)
        if not issparse(X):
            return X
        X = csr_array(X, copy=True)  # the arrays are the caller's
        X.sum_duplicates()
        return X

    def _descend(self, X, W, H, learn_parts):
        """Update W, and H in turn with it, until the step is small."""
        penalties, converged = self._penalties(*X.shape), False
        descend = self._coordinate_round if self.solver == "cd" else self._multiplicative_round
        first = last = None
        # Rounding in the violation of a start that is the answer, as 'nndsvd' is for one part.
        noise = 0.0
        if self.tol > 0:
            noise = 1e-14 * float(X.sum(axis=0) @ H.sum(axis=0) + X.sum(axis=1) @ W.sum(axis=1))
        if self.solver == "mu" and self.tol > 0:
            first = last = np.sqrt(2 * divergence(X, W, H, self.beta_loss))
        for n_iter in range(1, self.max_iter + 1):
            W, H, violation = descend(X, W, H, penalties, learn_parts)
            if self.solver == "cd":
                first = violation if first is None else first
                converged = violation <= max(self.tol * first, noise)
            elif self.tol > 0 and n_iter % 10 == 0:
                error = np.sqrt(2 * divergence(X, W, H, self.beta_loss))
                converged, last = last - error < self.tol * first, error
            if converged:
                break
        if not converged and self.tol > 0:
            warnings.warn(
                f"The parts still moved at max_iter={self.max_iter}: raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return W, H, n_iter

    def _multiplicative_round(self, X, W, H, penalties, learn_parts):
        codes, parts = penalties
        W = multiplicative_step(X, W, H, self.beta_loss, *codes)
        if learn_parts:
            H = multiplicative_step(X.T, H.T, W.T, self.beta_loss, *parts).T
            if self.beta_loss == "kullback-leibler":
                H[np.finfo(float).eps * H.max() > H] = 0  # before it underflows
        return W, H, None

    def _coordinate_round(self, X, W, H, penalties, learn_parts):
        W, violation = coordinate_step(X, W, H, *penalties[0])
        if learn_parts:
            Ht, more = coordinate_step(X.T, H.T, W.T, *penalties[1])
            H, violation = Ht.T, violation + more
        return W, H, violation

    def _penalties(self, n, d):
        """Weights (l1, l2) of the penalties on W and on H."""
        alpha_h = self.alpha_W if self.alpha_H == "same" else self.alpha_H
        return [
            (size * alpha * self.l1_ratio, size * alpha * (1 - self.l1_ratio))
            for size, alpha in ((d, self.alpha_W), (n, alpha_h))
        ]

    def _start(self, X, W, H, k):
        """The first W (n, k) and H (k, d)."""
        n, d = X.shape
        if self.init == "custom":
            for name, value, shape in (("W", W, (n, k)), ("H", H, (k, d))):
                if np.shape(value) != shape or not np.min(value) >= 0:
                    raise ValueError(
                        f"{name} has shape {np.shape(value)}: with init='custom' pass an array "
                        f"of shape {shape} without NaN or negative entries to fit_transform."
                    )
            return np.array(W, dtype=float), np.array(H, dtype=float)
        if W is not None or H is not None:
            raise ValueError(f"W and H start init='custom' alone, not init={self.init!r}: set it.")
        init = self.init or ("nndsvda" if k <= min(n, d) else "random")
        if init == "random":
            rng, level = check_random_state(self.random_state), np.sqrt(X.mean() / k)
            H = np.abs(level * rng.standard_normal(size=(k, d)))
            return np.abs(level * rng.standard_normal(size=(n, k))), H
        return nndsvd(X, k, fill=np.sqrt(X.mean() / k) if init == "nndsvda" else 0.0)

    def _check_arguments(self, n, d):
        k = d if self.n_components is None else check_integer("n_components", self.n_components)
        if self.init is not None:
            check_choice("init", self.init, INITS[1:])
        if self.init in ("nndsvd", "nndsvda") and k > min(n, d):
            raise ValueError(
                f"n_components={k} is more than min(n, d)={min(n, d)}: init='{self.init}' has no "
                "more singular vectors, so take init='random'."
            )
        check_choice("solver", self.solver, ("cd", "mu"))
        check_choice("beta_loss", self.beta_loss, LOSSES)
        if self.solver == "cd" and self.beta_loss != "frobenius":
            raise ValueError(
                f"beta_loss={self.beta_loss!r} has no coordinate descent: take solver='mu'."
            )
        check_real("tol", self.tol, low=0)
        check_integer("max_iter", self.max_iter)
        check_real("alpha_W", self.alpha_W, low=0)
        check_real("l1_ratio", self.l1_ratio, 0, 1)
        if self.alpha_H != "same":
            check_real("alpha_H", self.alpha_H, low=0, remedy="or 'same' for that of W.")
        return k

    @property
    def _n_features_out(self):
        return len(self.components_)

    def __sklearn_tags__(self):
        """Say that negative input is refused, and sparse input taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        return tags
