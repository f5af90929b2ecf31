"""Kernel PCA: principal components of features never written down. Chapter: `kernel_pca`."""

import numpy as np
from scipy.linalg import solve
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from companion.clustering.eigenvectors import largest_eigenvectors
from companion.validation import (
    check_choice,
    check_codes,
    check_integer,
    check_points,
    check_real,
    check_symmetric,
    rounding_of,
)

KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine", "precomputed")


def center_kernel(K):
    """HKH with H = I - 11'/n: inner products (n, n) after taking the mean off."""
    means = K.mean(axis=0)
    centred = K - means
    centred -= means[:, None] - means.mean()
    return centred


def kernels(X, Y, kernel, moved=("rbf",), **options):
    """The kernel of every row of X with every row of Y, (m, n), as scikit-learn names them.

    Its 'rbf' expands squares: for the kernels in `moved` the rows are moved to the mean of Y first.
    """
    origin = Y.mean(axis=0) if kernel in moved else 0.0
    return pairwise_kernels(X - origin, Y - origin, metric=kernel, filter_params=True, **options)


class KernelPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal components in the space of a kernel's features, from inner products alone.

    With HKH = V L V', the coordinates of the training points are V sqrt(L).

    Parameters
    ----------
    n_components : int
    kernel : 'linear', 'rbf', 'poly', 'sigmoid', 'cosine' or 'precomputed'
    gamma : float or None
        Of 'rbf', 'poly' and 'sigmoid'; None is 1 / d.
    degree, coef0 : float
        Of 'poly' and 'sigmoid'.
    fit_inverse_transform : bool
        Learn the way back, a ridge regression from the coordinates to the points less their mean.
        (scikit-learn's is not less the mean: its way back shrinks towards the origin.)
    alpha : float
        Strength of the ridge.
    random_state : int, RandomState or None
        Where the search for the eigenvectors starts.

    Attributes
    ----------
    eigenvalues_ : array (k,)
        Of the centred kernel, descending.
    eigenvectors_ : array (n, k)
        The entry of largest size in a column is positive.
    X_fit_ : array (n, d)
    gamma_ : float
    dual_coef_ : array (n, d)
        Of the regression, with ``fit_inverse_transform=True``.

    References
    ----------
    Schoelkopf, Smola and Mueller (1998); Bakir, Weston and Schoelkopf (2004). Chapter: kernel_pca.
    """

    def __init__(
        self,
        n_components=2,
        *,
        kernel="rbf",
        gamma=None,
        degree=3,
        coef0=1,
        fit_inverse_transform=False,
        alpha=1.0,
        random_state=0,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.fit_inverse_transform = fit_inverse_transform
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the components of X (n, d), or of a precomputed kernel (n, n)."""
        X = check_points(self, X, ensure_min_samples=2)
        check_choice("kernel", self.kernel, KERNELS)
        n, back = len(X), self.fit_inverse_transform
        if back and self.kernel == "precomputed":
            raise ValueError(
                f"fit_inverse_transform={back} with kernel='precomputed': points are not known, so "
                "there is no way back; pass points and the name of a kernel."
            )
        alpha = check_real("alpha", self.alpha, 0, inclusive=False)
        self.gamma_ = 1 / X.shape[1] if self.gamma is None else check_real("gamma", self.gamma)
        k = check_integer("n_components", self.n_components, 1, n, "one a sample is the most")
        K = self._kernel(X, X)
        if K.shape != (n, n):
            raise ValueError(f"X has shape {X.shape} but a precomputed kernel must be (n, n).")
        K = check_symmetric("X", K, rounding_of(K))
        self.X_fit_, self._row_means = X.copy(), K.mean(axis=0)
        K = center_kernel(K)
        scale = np.linalg.norm(K) or 1.0  # no eigenvalue is larger
        values, vectors = largest_eigenvectors(K / scale, k, random_state=self.random_state)
        self.eigenvalues_ = scale * values.clip(0)
        self.eigenvectors_, _ = svd_flip(vectors, None)
        if back:
            self._codes = self.eigenvectors_ * np.sqrt(self.eigenvalues_)
            self._origin = X.mean(axis=0)
            ridge = self._kernel(self._codes, self._codes) + alpha * np.eye(n)
            self.dual_coef_ = solve(ridge, X - self._origin, assume_a="sym")
        return self

    def transform(self, X):
        """Coordinates (m, k) of the rows of X (m, d), or of their kernel with those of fit."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        # What is the same for all training points drops out: the eigenvectors sum to zero.
        K = self._kernel(X, self.X_fit_) - self._row_means
        small = self.eigenvalues_ <= 1e-12 * self.eigenvalues_.max(initial=0)
        return np.where(small, 0, K @ self.eigenvectors_ / np.sqrt(self.eigenvalues_ + small))

    def inverse_transform(self, X):
        """Points (m, d) for coordinates X (m, k), by the regression that `fit` learned."""
        check_is_fitted(self)
        if not self.fit_inverse_transform:
            raise ValueError("fit_inverse_transform=False: set it to True, then fit again.")
        codes = check_codes(X, len(self.eigenvalues_))
        return self._kernel(codes, self._codes) @ self.dual_coef_ + self._origin

    def _kernel(self, X, Y):
        if self.kernel == "precomputed":
            return X
        options = {"gamma": self.gamma_, "degree": self.degree, "coef0": self.coef0}
        # To centre the linear kernel is to centre the rows.
        return kernels(X, Y, self.kernel, ("rbf", "linear"), **options)

    @property
    def _n_features_out(self):
        return len(self.eigenvalues_)

    def __sklearn_tags__(self):
        """Say that a precomputed kernel is pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags
