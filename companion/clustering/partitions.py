"""Every partition of a small set, and the best of them. Chapter: `starts`."""

import numpy as np
from sklearn.utils import check_array

from companion.validation import check_integer, check_squares

MOST_PARTITIONS = 10**6


def count_partitions(n, k):
    """Number of ways to cut n things into k non-empty groups: S(n, k) = S(n-1, k-1) + k S(n-1, k).

    >>> count_partitions(10, 3)
    9330
    """
    row = [1] + [0] * k
    for _ in range(n):
        row = [0] + [row[j - 1] + j * row[j] for j in range(1, k + 1)]
    return row[k]


def restricted_growth_strings(n, k):
    """Every partition of n points into k clusters, once each, as labels (S(n, k), n).

    A new cluster gets the lowest unused number, so no partition is met under two names.

    >>> restricted_growth_strings(3, 2).tolist()
    [[0, 0, 1], [0, 1, 0], [0, 1, 1]]
    """
    strings = np.zeros((1, 1), dtype=np.int8)
    for missing in range(n - 2, -1, -1):
        children = np.minimum(strings.max(axis=1) + 2, k)  # labels 0 .. highest so far + 1
        parent = np.repeat(np.arange(len(strings)), children)
        label = np.arange(len(parent)) - np.repeat(np.cumsum(children) - children, children)
        strings = np.column_stack([strings[parent], label.astype(np.int8)])
        strings = strings[strings.max(axis=1) + missing >= k - 1]  # can still reach k clusters
    return strings


def best_partition(X, k):
    """Labels (n,) of the partition into k clusters with the least distortion: all are tried.

    With centred data, J = sum_n |x_n|^2 - sum_c |s_c|^2 / n_c, where s_c is the sum over cluster c:
    the least distortion has the largest second term.

    Parameters
    ----------
    X : array (n, d)
        A dozen points or so: the number of partitions grows like k^n / k!.
    k : int

    Returns
    -------
    labels : int array (n,)
        Numbered by first appearance.

    Raises
    ------
    ValueError
        If k is not in 1 .. n or there are more than a million partitions.

    References
    ----------
    Aloise et al. (2009): finding this optimum is NP-hard. Chapter: starts.
    """
    X = check_squares("X", check_array(X, dtype=np.float64, input_name="X"))
    k = check_integer("k", k, high=len(X), remedy="ask for at most one cluster a point.")
    if (number := count_partitions(len(X), k)) > MOST_PARTITIONS:
        raise ValueError(
            f"k={k} clusters of n={len(X)} points make {number} partitions, more than "
            f"{MOST_PARTITIONS}: give fewer points, or use KMeans with a large n_init."
        )
    X = X - X.mean(axis=0)
    strings = restricted_growth_strings(len(X), k)
    explained = np.zeros(len(strings))
    for cluster in range(k):
        member = (strings == cluster).astype(np.float64)  # (S, n)
        explained += np.square(member @ X).sum(axis=1) / member.sum(axis=1)
    return strings[explained.argmax()].astype(np.intp)
