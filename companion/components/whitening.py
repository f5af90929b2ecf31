"""What every independent component analysis begins with: white data. Chapter: `ica`."""

import numpy as np
from scipy.linalg import eigh

from companion.components.pca import axes_by_covariance, axes_by_svd, rounding_of_mean
from companion.validation import check_choice, check_integer

SOLVERS = ("auto", "eigh", "svd")
TINY = 1e-12  # of the largest eigenvalue: below it a covariance knows only rounding errors


def principal_axes(X, mean, solver="auto"):
    """Singular values (r,), largest first, and axes (r, d) of X - mean (n, d), of rank r.

    From the covariance, which is quicker, if n is at least 10 d and no variance is tiny.
    """
    (n, d), by_covariance = X.shape, False
    if solver == "eigh" or (solver == "auto" and n >= 10 * d):
        singular, axes, _ = axes_by_covariance(X, mean, d)
        least = np.sqrt(TINY) * singular[0]
        by_covariance = solver == "eigh" or singular[-1] > 10 * least
    if not by_covariance:
        singular, axes, _ = axes_by_svd(X, mean, min(n, d))
        least = max(n, d) * np.finfo(float).eps * singular[0]
    off = abs(axes) @ rounding_of_mean(mean, n)
    kept = singular > np.maximum(least, np.sqrt(n) * off)
    return singular[kept], axes[kept]


def whiten(X, n_components=None, solver="auto"):
    """Whitened rows Z (n, k) of X (n, d): mean 0, Z'Z / n = I, from the k leading axes.

    Parameters
    ----------
    X : array (n, d)
    n_components : int or None
        k; None takes every direction in which X varies.
    solver : {"auto", "eigh", "svd"}

    Returns
    -------
    Z : array (n, k)
    K : array (k, d)
        Z = sqrt(n) (X - mean) K', with the sign of scikit-learn's ``whitening_``.
    mean : array (d,)

    Raises
    ------
    ValueError
        If `n_components` is more than the directions in which X varies.
    """
    check_choice("whiten_solver", solver, SOLVERS)
    mean = X.mean(axis=0)
    singular, axes = principal_axes(X, mean, solver)
    if len(singular) == 0:
        raise ValueError("X is constant: independent components need data that vary.")
    k = len(singular)
    if n_components is not None:
        remedy = f"X varies in {k} directions only, take at most so many."
        k = check_integer("n_components", n_components, 1, k, remedy)
    signs = np.where(axes[:k, :1] < 0, -1, 1)
    K = signs * axes[:k] / singular[:k, None]
    return (X - mean) @ (np.sqrt(len(X)) * K.T), K, mean


def orthonormalise(W):
    """The orthogonal matrix nearest to W (k, k), (W W')^(-1/2) W: no row is preferred."""
    values, vectors = eigh(W @ W.T)
    return (vectors / np.sqrt(values.clip(np.finfo(float).tiny))) @ vectors.T @ W


def starting_matrix(w_init, k, random_state):
    """A copy of `w_init` (k, k), or a matrix of standard Gaussian numbers."""
    if w_init is None:
        return random_state.normal(size=(k, k))
    if np.shape(w_init) != (k, k):
        raise ValueError(f"w_init has shape {np.shape(w_init)}: pass one of shape {(k, k)}.")
    return np.array(w_init, dtype=np.float64)
