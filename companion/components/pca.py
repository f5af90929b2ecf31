"""Principal component analysis: at once, one sample at a time, and with kernels. Chapter: `pca`."""

import numpy as np
from scipy.linalg import eigh, svd
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted, validate_data

from companion.clustering.eigenvectors import largest_eigenvectors
from companion.clustering.gaussians import row_blocks
from companion.components.adaptive_pca import AdaptivePCA, oja_step, sanger_step
from companion.components.projection import Projection
from companion.validation import check_choice, check_integer, check_real

__all__ = ["PCA", "AdaptivePCA", "KernelPCA", "center_kernel", "oja_step", "sanger_step"]

KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine", "precomputed")


def centred_products(X, mean):
    """The matrix (X - mean)'(X - mean) of the rows X (n, d): (d, d).

    It is X'X - n mean mean' without a copy of X; where that would cancel more than two digits,
    because the mean is far away, the mean is taken off first, block by block.
    """
    products = X.T @ X
    size = np.trace(products)
    products -= len(X) * np.outer(mean, mean)
    if np.trace(products) < 0.01 * size:
        products[:] = 0
        for rows in row_blocks(*X.shape):
            centred = X[rows] - mean
            products += centred.T @ centred
    return products


def axes_by_svd(X, mean, n_components):
    """Singular values (k,) and right singular vectors (k, d) of X - mean, and its squared norm."""
    centred = X - mean
    if len(X) > X.shape[1]:  # the columns of Q are orthonormal: R has the axes of QR
        centred = np.linalg.qr(centred, mode="r")
    _, singular, Vt = svd(centred, full_matrices=False)
    _, Vt = svd_flip(None, Vt, u_based_decision=False)
    return singular[:n_components], Vt[:n_components], singular @ singular


def axes_by_covariance(X, mean, n_components):
    """Singular values, axes and squared norm as `axes_by_svd`, from the eigenvectors of X'X.

    Here X is centred. Quicker if n > d, but less exact: a singular value below about 1e-8 of the
    largest drowns in rounding, because it is squared.
    """
    d = X.shape[1]
    products = centred_products(X, mean)
    values, vectors = eigh(products, subset_by_index=(d - n_components, d - 1))
    values, Vt = values[::-1].clip(0), vectors[:, ::-1].T
    _, Vt = svd_flip(None, Vt, u_based_decision=False)
    return np.sqrt(values), Vt, np.trace(products)


def rounding_of_mean(mean, n):
    """How far a mean of n rows may be off by rounding: n eps |mean|. A spread up to it is none."""
    return n * np.finfo(np.float64).eps * abs(mean)


def n_for_variance(ratios, share):
    """Smallest number of leading components whose ratios add up to more than `share`."""
    return int(np.searchsorted(np.cumsum(ratios), share, side="right") + 1)


class PCA(Projection):
    """Principal component analysis: the axes of largest variance, and of least squared error.

    The rows u of `components_` are the leading eigenvectors of the covariance S = X'X / (n - 1) of
    the centred data: u'Su is largest under |u| = 1, and X - Z U has the least squared norm of all
    projections onto k dimensions.

    Parameters
    ----------
    n_components : int, float in (0, 1) or None
        Number of components; or the share of the variance that they must explain; None takes all,
        min(n, d).
    center : bool
        Take off the mean first. Without it the first axis is drawn towards the mean.
    whiten : bool
        Divide the coordinates by their standard deviations. One that holds rounding errors only
        is left as it is.
    svd_solver : 'auto', 'full' or 'covariance_eigh'
        Singular values of X, or eigenvalues of X'X; 'auto' takes the second if n >= 10 d.

    Attributes
    ----------
    components_ : array (k, d)
        Orthonormal rows; the entry of largest size in a row is positive.
    explained_variance_, explained_variance_ratio_, singular_values_ : arrays (k,)
        Descending. The ratio is of the total variance (without centring: of the mean square).
    mean_ : array (d,)
        Zero with ``center=False``.
    noise_variance_ : float
        Mean variance of the min(n, d) - k directions that were left out.
    n_components_, n_samples_ : int

    References
    ----------
    Pearson (1901), Hotelling (1933). Chapter: pca.

    Examples
    --------
    >>> PCA(1).fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).explained_variance_ratio_.round(3)
    array([1.])
    """

    def __init__(self, n_components=None, *, center=True, whiten=False, svd_solver="auto"):
        self.n_components = n_components
        self.center = center
        self.whiten = whiten
        self.svd_solver = svd_solver

    def fit(self, X, y=None):
        """Find the axes of X (n, d)."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_choice("svd_solver", self.svd_solver, ("auto", "full", "covariance_eigh"))
        (n, d), most = X.shape, min(X.shape)
        k, share = self._wanted(most)
        self.mean_ = np.full(n, 1 / n) @ X if self.center else np.zeros(d)
        by_covariance = self.svd_solver == "covariance_eigh"
        by_covariance |= self.svd_solver == "auto" and n >= 10 * d
        axes = axes_by_covariance if by_covariance else axes_by_svd
        self.singular_values_, self.components_, squares = axes(X, self.mean_, k)
        rounding = rounding_of_mean(self.mean_, n)
        if squares <= n * (rounding @ rounding):  # X is constant
            self.singular_values_, squares = np.zeros(k), 0.0
        variance, total = self.singular_values_**2 / (n - 1), squares / (n - 1)
        ratio = variance / total if total > 0 else np.zeros(k)
        if share is not None:
            k = min(n_for_variance(ratio, share), most)
        self.components_, self.singular_values_ = self.components_[:k], self.singular_values_[:k]
        self.explained_variance_, self.explained_variance_ratio_ = variance[:k], ratio[:k]
        rest = max(total - self.explained_variance_.sum(), 0)
        self.noise_variance_ = float(rest / (most - k)) if k < most else 0.0
        self.n_components_, self.n_samples_ = k, n
        eps = np.finfo(np.float64).eps
        tiny = (d * eps if by_covariance else (max(n, d) * eps) ** 2) * variance[0]
        spread = self.explained_variance_ > tiny + (abs(self.components_) @ rounding) ** 2
        self._scales = np.sqrt(np.where(spread, self.explained_variance_, 1))
        return self

    def _wanted(self, most):
        """How many components to compute, and the share of variance to explain, or None."""
        if self.n_components is None:
            return most, None
        if isinstance(self.n_components, float):
            return most, check_real("n_components", self.n_components, 0, 1, inclusive=False)
        k = check_integer("n_components", self.n_components, 1, most, "min(n, d) is the most")
        return k, None

    def transform(self, X):
        """Coordinates (n, k) of the rows of X (n, d) on the components, whitened if asked."""
        Z = super().transform(X)
        return Z / self._scales if self.whiten else Z

    def inverse_transform(self, Z):
        """The points (n, d) of the subspace that have the coordinates Z (n, k)."""
        check_is_fitted(self)
        return super().inverse_transform(Z * self._scales if self.whiten else Z)


def center_kernel(K):
    """The matrix HKH, H = I - 11'/n, of inner products (n, n) after taking the mean off."""
    means = K.mean(axis=0)
    centred = K - means
    centred -= means[:, None] - means.mean()
    return centred


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

    Attributes
    ----------
    eigenvalues_ : array (k,)
        Of the centred kernel, descending.
    eigenvectors_ : array (n, k)
        The entry of largest size in a column is positive.
    X_fit_ : array (n, d)

    References
    ----------
    Schoelkopf, Smola and Mueller (1998). Chapter: pca.
    """

    def __init__(self, n_components=2, *, kernel="rbf", gamma=None, degree=3, coef0=1):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0

    def fit(self, X, y=None):
        """Find the components of X (n, d), or of a precomputed kernel (n, n)."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_choice("kernel", self.kernel, KERNELS)
        n = len(X)
        k = check_integer("n_components", self.n_components, 1, n, "one a sample is the most")
        K = self._kernel(X, X)
        if K.shape != (n, n):
            raise ValueError(f"X has shape {X.shape} but a precomputed kernel must be (n, n).")
        self.X_fit_, self._row_means = X.copy(), K.mean(axis=0)
        K = center_kernel(K)
        scale = np.linalg.norm(K) or 1.0  # no eigenvalue is larger
        values, vectors = largest_eigenvectors(K / scale, k, random_state=0)
        self.eigenvalues_ = scale * values.clip(0)
        self.eigenvectors_, _ = svd_flip(vectors, None)
        return self

    def transform(self, X):
        """Coordinates (m, k) of the rows of X (m, d), or of their kernel with those of fit."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        # What is the same for all training points drops out: the eigenvectors sum to zero.
        K = self._kernel(X, self.X_fit_) - self._row_means
        small = self.eigenvalues_ <= 1e-12 * self.eigenvalues_.max(initial=0)
        return np.where(small, 0, K @ self.eigenvectors_ / np.sqrt(self.eigenvalues_ + small))

    def _kernel(self, X, Y):
        if self.kernel == "precomputed":
            return X
        options = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return pairwise_kernels(X, Y, metric=self.kernel, filter_params=True, **options)

    @property
    def _n_features_out(self):
        return len(self.eigenvalues_)

    def __sklearn_tags__(self):
        """Say that a precomputed kernel is pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags
