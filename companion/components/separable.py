"""Separable factorisation: the parts are among the points. Chapter: `unique_parts`."""

import numpy as np
from sklearn.utils import check_array

from companion.validation import check_integer


def corner_rows(shares, n_components):
    """Rows (k,) of shares (n, d) that are corners of the cloud, one by one.

    The longest row is a corner; take its direction out of all rows, and look again.
    """
    rest, chosen = np.array(shares, dtype=float), []
    for _ in range(n_components):
        squares = np.square(rest).sum(axis=1)
        best = int(np.argmax(squares))
        chosen.append(best)
        direction = rest[best] / np.sqrt(squares[best])
        rest -= np.outer(rest @ direction, direction)
    return np.array(chosen)


def successive_projection(X, n_components):
    """Points that are the parts of X, if every part is alone in some point.

    Rows are divided by their sums; then every point is a mean of the parts, and the parts are the
    corners of the cloud. With more than rounding noise, corners are near the parts.

    Parameters
    ----------
    X : array (n, d)
        Without negative entries.
    n_components : int
        Number of parts k, at most the rank of X.

    Returns
    -------
    array (k,)
        Rows of X, in the order in which they were found; X[rows] are the parts.

    Raises
    ------
    ValueError
        If X has a negative entry, or fewer than k independent rows.

    References
    ----------
    Gillis and Vavasis (2014). Chapter: unique_parts.

    Examples
    --------
    >>> X = np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 1.0]])
    >>> sorted(successive_projection(X, 2).tolist())
    [0, 2]
    """
    X = check_array(X, dtype=float)
    k = check_integer("n_components", n_components, high=min(X.shape), remedy="min(n, d).")
    if X.min() < 0:
        raise ValueError(f"X has a negative entry, {X.min()}: parts only add up, pass data >= 0.")
    sums = X.sum(axis=1, keepdims=True)
    shares = X / np.where(sums > 0, sums, 1)
    if np.linalg.matrix_rank(shares) < k:
        raise ValueError(f"n_components={k} is more than the rank of X: ask for fewer parts.")
    return corner_rows(shares, k)
