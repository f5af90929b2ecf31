"""Principal component analysis: at once, one sample at a time, and with kernels. Chapter: `pca`."""

import numpy as np
from scipy.linalg import eigh, svd
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from companion.clustering.gaussians import row_blocks
from companion.components.adaptive_pca import AdaptivePCA, oja_step, sanger_step
from companion.components.kernel_pca import KernelPCA
from companion.components.projection import Projection
from companion.validation import (
    check_choice,
    check_codes,
    check_integer,
    check_points,
    check_real,
)

__all__ = ["PCA", "AdaptivePCA", "KernelPCA", "oja_step", "sanger_step"]


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
    """Singular values (k,), axes (k, d) and squared norm of X - mean."""
    centred = X - mean
    if len(X) > X.shape[1]:  # Q has orthonormal columns: R has the axes of QR
        centred = np.linalg.qr(centred, mode="r")
    _, singular, Vt = svd(centred, full_matrices=False)
    _, Vt = svd_flip(None, Vt, u_based_decision=False)
    return singular[:n_components], Vt[:n_components], singular @ singular


def axes_by_covariance(X, mean, n_components):
    """Singular values, axes and squared norm, from the eigenvectors of centred X'X.

    Quicker than `axes_by_svd` if n > d, but less accurate: a singular value below
    about 1e-8 of the largest drowns in rounding, because it is squared.
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
    random_state : int, RandomState or None
        Draws nothing, for both solvers are exact: scikit-learn's calls may have it.

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

    def __init__(
        self,
        n_components=None,
        *,
        center=True,
        whiten=False,
        svd_solver="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.center = center
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the axes of X (n, d)."""
        X = check_points(self, X, ensure_min_samples=2)
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

    def inverse_transform(self, X):
        """The points (n, d) of the subspace that have the coordinates X (n, k)."""
        check_is_fitted(self)
        X = check_codes(X, len(self.components_))
        return super().inverse_transform(X * self._scales if self.whiten else X)

    def get_covariance(self):
        """Covariance (d, d) of the data as the model has it: U'(variance - noise) U + noise I."""
        check_is_fitted(self)
        extra = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        covariance = (self.components_.T * extra) @ self.components_
        covariance[np.diag_indices(len(covariance))] += self.noise_variance_
        return covariance

    def score_samples(self, X):
        """Log density of every row of X (n, d) under N(mean, `get_covariance`): (n,), in nats.

        It is that of probabilistic PCA (Tipping and Bishop, 1999), with n - 1 in the variances.
        """
        check_is_fitted(self)
        X = check_points(self, X, reset=False) - self.mean_
        (k, d), noise = self.components_.shape, self.noise_variance_
        variances = np.maximum(self.explained_variance_, noise)
        if variances[-1] <= 0 or (k < d and noise <= 0):
            raise ValueError(
                f"n_components={self.n_components} leaves no variance in some direction, so that "
                "there is no density: keep fewer components."
            )
        Z = X @ self.components_.T
        squares = (Z**2 / variances).sum(axis=1)
        log_det = np.log(variances).sum()
        if k < d:
            squares += np.square(X - Z @ self.components_).sum(axis=1) / noise
            log_det += (d - k) * np.log(noise)
        return -0.5 * (d * np.log(2 * np.pi) + log_det + squares)

    def score(self, X, y=None):
        """Mean log density of a row, in nats."""
        return float(self.score_samples(X).mean())
