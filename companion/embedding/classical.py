"""Coordinates from distances by eigenvectors: classical scaling. Chapter: `mds`."""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import pairwise_distances
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from companion.clustering.distances import squared_distances
from companion.clustering.eigenvectors import largest_eigenvectors
from companion.components.kernel_pca import center_kernel
from companion.validation import check_distance_matrix, check_integer, check_points


def gram_matrix(distances):
    """Inner products (n, n) of centred points with these distances D (n, n).

    B = HAH with A = -D^2 / 2, entry by entry, and H = I - 11'/n.
    """
    return center_kernel(-0.5 * np.square(distances))


def is_euclidean(distances, tol=1e-9):
    """Whether points in some flat space have these distances (n, n).

    They do if and only if `gram_matrix` has no negative eigenvalue (Young and Householder, 1938);
    one of less than `tol` times the largest counts as zero.
    """
    B = gram_matrix(check_distance_matrix("distances", distances))
    values = np.linalg.eigvalsh(B)
    return bool(values[0] >= -tol * values[-1])


def classical_scaling(distances, n_components=2):
    """Eigenvalues (k,) of the inner products, descending, and coordinates (n, q).

    With B = V L V' the coordinates are V sqrt(L); a negative eigenvalue gives a column of zeros.
    """
    B = gram_matrix(distances)
    scale = np.linalg.norm(B) or 1.0  # no eigenvalue is larger
    values, vectors = largest_eigenvectors(B / scale, n_components, random_state=0)
    vectors, _ = svd_flip(vectors, None)
    return scale * values, vectors * np.sqrt(scale * values.clip(0))


def align(Z, target):
    """Shift, rotate and mirror the points Z (n, q) so that they lie closest to `target` (n, q).

    Procrustes' problem, min |(Z - mean) Q + shift - target|, Q orthogonal; sizes are kept.
    """
    center = target.mean(axis=0)
    Z = Z - Z.mean(axis=0)
    rotation, _ = orthogonal_procrustes(Z, target - center)
    return Z @ rotation + center


def pairwise(X, metric):
    """Distances (n, n) of the rows of X; with 'precomputed', X itself after a check."""
    if metric == "precomputed":
        return check_distance_matrix("X", X)
    if metric == "euclidean":
        D = squared_distances(X)
        return np.sqrt(D, out=D)
    return check_distance_matrix(
        f"the distances by metric={metric!r}", pairwise_distances(X, metric=metric)
    )


class ClassicalMDS(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Classical multidimensional scaling: the points whose inner products fit the distances best.

    B = HAH, A = -D^2 / 2, is the matrix of inner products if the distances D are Euclidean; the
    coordinates are its leading eigenvectors, times the roots of the eigenvalues. They minimise the
    strain |B - Z Z'|^2, and are the principal components of points with Euclidean distances.

    Parameters
    ----------
    n_components : int
    metric : str or callable
        'euclidean'; 'precomputed' if X is the matrix of distances; or another name or function
        that scikit-learn's `pairwise_distances` knows.

    Attributes
    ----------
    embedding_ : array (n, q)
        Centred, in the units of the distances. It is one of many: turned or mirrored it is as
        good. The entry of largest size in a column is positive.
    eigenvalues_ : array (k,)
        Of B, descending. One that is not positive has a column of zeros in `embedding_`.
    dissimilarity_matrix_ : array (n, n)

    References
    ----------
    Torgerson (1952), Gower (1966). Chapter: mds.

    Examples
    --------
    >>> ClassicalMDS(1).fit_transform([[1.0, 0.0], [2.0, 0.0], [6.0, 0.0]]).round(6).ravel()
    array([-2., -1.,  3.])
    """

    def __init__(self, n_components=2, *, metric="euclidean"):
        self.n_components = n_components
        self.metric = metric

    def fit(self, X, y=None):
        """Find coordinates of the rows of X (n, d), or for precomputed distances (n, n)."""
        X = check_points(self, X, ensure_min_samples=2)
        k = check_integer("n_components", self.n_components, 1, len(X), "n points span no more.")
        self.X_fit_, self.dissimilarity_matrix_ = X, pairwise(X, self.metric)
        self.eigenvalues_, self.embedding_ = classical_scaling(self.dissimilarity_matrix_, k)
        return self

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`."""
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new points (m, k), the old ones staying, by Gower's formula (1968).

        X is (m, d), or with precomputed distances (m, n): those to the points of `fit`. A row is
        Z'(mean of D^2 - d^2) / 2, divided by the eigenvalues.
        """
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        if self.metric != "precomputed":
            search = cdist if self.metric == "euclidean" else pairwise_distances
            X = search(X, self.X_fit_, metric=self.metric)
        mean = np.square(self.dissimilarity_matrix_).mean(axis=0)
        small = self.eigenvalues_ <= 1e-12 * self.eigenvalues_.max(initial=0)
        values = np.where(small, np.inf, self.eigenvalues_)
        return (mean - np.square(X)) @ self.embedding_ / (2 * values)

    @property
    def _n_features_out(self):
        return len(self.eigenvalues_)

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
