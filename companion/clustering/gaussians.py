"""Gaussian densities with four types of covariance, for mixtures. Chapter: `mixtures`.

``covariance_type`` sets the shape of covariances, precisions and their factors everywhere:
``full`` (k, d, d), ``tied`` (d, d), ``diag`` (k, d), ``spherical`` (k,).
"""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dtrmm

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
BLOCK_NUMBERS = 131_072  # numbers in a block of rows: a megabyte, which stays in the cache


def row_blocks(n, d):
    """Slices that cut n rows of d numbers into blocks that fit the cache."""
    size = min(8192, max(256, BLOCK_NUMBERS // d))
    return [slice(start, start + size) for start in range(0, n, size)]


def log_gaussians(X, means, factors, covariance_type="full"):
    """Log density, in nats, of every row of X (n, d) under every Gaussian: (n, k).

    With the inverse covariance P P', a row is whitened, y = P'(x - mean); its density is that of
    y under N(0, I) times det P. `factors` are the P, `precisions_cholesky_` of a fitted mixture.
    """
    result = np.empty((len(means), len(X)))
    for rows in row_blocks(*X.shape):
        columns = np.ascontiguousarray(X[rows].T)  # (d, rows): long rows are fast to sweep
        for i, mean in enumerate(means):
            y = whiten(columns - mean[:, None], i, factors, covariance_type)
            np.einsum("dn,dn->n", y, y, out=result[i, rows])
    result += X.shape[1] * np.log(2 * np.pi)
    result *= -0.5
    result += log_determinants(factors, covariance_type, *means.shape)[:, None]
    return result.T


def whiten(difference, i, factors, covariance_type):
    """Multiply columns (d, m), which may be overwritten, by P' of component i."""
    if covariance_type in ("full", "tied"):
        factor = factors if covariance_type == "tied" else factors[i]
        # P is triangular, so half of the product is enough
        return dtrmm(1.0, factor, difference.T, side=1, overwrite_b=1).T
    difference *= factors[i, None].T if covariance_type == "diag" else factors[i]
    return difference


def shrink(covariances, counts, guess, strength):
    """Covariances (k, d, d) of greatest posterior: mixed with a guess (d, d).

    The guess counts for `strength` points, component i for counts[i].
    """
    counts = np.reshape(counts, (-1, 1, 1))
    return (counts * covariances + strength * guess) / (counts + strength)


def log_prior(covariances, guess, strength):
    """Log of the prior, less a constant, under which `shrink` is the M-step (inverse Wishart)."""
    logs = np.linalg.slogdet(covariances)[1]
    traces = np.trace(
        np.linalg.solve(covariances, np.broadcast_to(guess, covariances.shape)), axis1=-2, axis2=-1
    )
    return -0.5 * strength * float(np.sum(logs + traces))


def log_determinants(factors, covariance_type, k, d):
    """log det P of every component: (k,)."""
    if covariance_type == "spherical":
        return d * np.log(factors)
    if covariance_type != "diag":
        factors = np.diagonal(factors, axis1=-2, axis2=-1)
    return np.broadcast_to(np.log(factors).sum(axis=-1), k)


def scatter(X, responsibilities, means, covariance_type):
    """Sum of (x - mean)(x - mean)' over the rows, each times its responsibility."""
    (k, d), matrices = means.shape, covariance_type in ("full", "tied")
    result, shares = np.zeros((k, d, d) if matrices else (k, d)), responsibilities.T
    for rows in row_blocks(*X.shape):
        columns = np.ascontiguousarray(X[rows].T)
        for i, mean in enumerate(means):
            difference = columns - mean[:, None]
            if matrices:
                difference *= np.sqrt(shares[i, rows])
                result[i] += difference @ difference.T  # a symmetric product: half the work
            else:
                result[i] += np.square(difference, out=difference) @ shares[i, rows]
    if covariance_type == "tied":
        return result.sum(axis=0)
    return result.mean(axis=1) if covariance_type == "spherical" else result


def precision_factors(covariances, covariance_type="full"):
    """Factors P of the inverse covariances P P': upper triangular, or one over the deviations.

    Raises `ValueError` if a covariance is singular.
    """
    if covariance_type in ("diag", "spherical"):
        for i, variances in enumerate(covariances):
            if not np.all(variances > 0):
                raise collapsed(f"component {i}", covariance_type)
        return 1 / np.sqrt(covariances)
    factors = np.empty_like(covariances).reshape(-1, *covariances.shape[-2:])
    for i, covariance in enumerate(covariances.reshape(factors.shape)):
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            which = "the shared covariance" if covariance_type == "tied" else f"component {i}"
            raise collapsed(which, covariance_type) from None
        factors[i] = solve_triangular(lower, np.eye(len(lower)), lower=True).T
    return factors.reshape(covariances.shape)


def collapsed(which, covariance_type):
    """The error for a component without volume."""
    return ValueError(
        f"covariance_type={covariance_type!r}: {which} is singular, having collapsed onto too few "
        "distinct points, or because features are linearly dependent. Raise reg_covar, lower "
        "n_components, choose a simpler covariance_type, or reduce the dimension with PCA."
    )


def as_matrices(covariances, covariance_type, k, d):
    """Covariances of any type as matrices (k, d, d)."""
    if covariance_type in ("full", "tied"):
        return np.broadcast_to(covariances, (k, d, d))
    return np.reshape(covariances, (k, -1, 1)) * np.eye(d)
