"""The largest singular values of a matrix from a few random products. Chapter: `kernel_pca`."""

import numpy as np
from sklearn.utils import check_array, check_random_state

from companion.validation import check_integer


def range_basis(X, width, n_iter, rng):
    """Orthonormal columns (n, width) that nearly span the range of X (n, d).

    Products with random vectors favour the directions of large singular values, and
    every pass of X X' favours them more: by the ratio of their squares.
    """
    Q = np.linalg.qr(X @ rng.normal(size=(X.shape[1], width)))[0]
    for _ in range(n_iter):
        Q = np.linalg.qr(X.T @ Q)[0]
        Q = np.linalg.qr(X @ Q)[0]
    return Q


def randomized_svd(X, n_components, *, n_oversamples=10, n_iter=4, random_state=None):
    """Approximate the leading singular vectors and values of X (n, d); it is not centred.

    Parameters
    ----------
    X : array (n, d)
    n_components : int
        How many, k.
    n_oversamples : int
        Random vectors beyond k.
    n_iter : int
        Passes of X X'; 0 is one look at X for the range, and one for the result.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    U : array (n, k)
    s : array (k,)
        Descending. None is larger than the exact one of its rank.
    Vt : array (k, d)

    Raises
    ------
    ValueError
        If `n_components` is more than min(n, d).

    References
    ----------
    Halko, Martinsson and Tropp (2011), algorithms 4.4 and 5.1. Chapter: kernel_pca.

    Examples
    --------
    >>> randomized_svd(np.diag([3.0, 2.0, 1.0]), 2, random_state=0)[1].round(6)
    array([3., 2.])
    """
    X = check_array(X, dtype=np.float64)
    most = min(X.shape)
    k = check_integer("n_components", n_components, 1, most, "min(n, d) is the most")
    extra = check_integer("n_oversamples", n_oversamples, 0)
    n_iter = check_integer("n_iter", n_iter, 0)
    if not isinstance(random_state, np.random.Generator):
        random_state = check_random_state(random_state)
    Q = range_basis(X, min(k + extra, most), n_iter, random_state)
    U, s, Vt = np.linalg.svd(Q.T @ X, full_matrices=False)
    return Q @ U[:, :k], s[:k], Vt[:k]
