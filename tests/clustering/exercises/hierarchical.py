"""Wrong answers that the checkers of book/clustering/hierarchical.md must refuse."""

import numpy as np


def nearest_pair(D, one, other):
    """Single linkage."""
    return D[np.ix_(one, other)].min()


def diameter_of_the_union(D, one, other):
    """Counts distances within the clusters too."""
    both = one + other
    return D[np.ix_(both, both)].max()


def mean_of_pairs(D, one, other):
    """Average linkage."""
    return D[np.ix_(one, other)].mean()


def merged(D, sizes, union):
    D, sizes = np.array(D, dtype=float), np.array(sizes)
    far = D + np.diag(np.full(len(D), np.inf))
    a, b = np.unravel_index(far.argmin(), far.shape)
    rest = [i for i in range(len(D)) if i not in (a, b)]
    new = np.pad(D[np.ix_(rest, rest)], (0, 1))
    new[-1, :-1] = new[:-1, -1] = union(D[a], D[b], sizes[a], sizes[b])[rest]
    return new, np.append(sizes[rest], sizes[a] + sizes[b])


def single(D, sizes):
    return merged(D, sizes, lambda a, b, m, n: np.minimum(a, b))


def complete(D, sizes):
    return merged(D, sizes, lambda a, b, m, n: np.maximum(a, b))


def both_alike(D, sizes):
    return merged(D, sizes, lambda a, b, m, n: (a + b) / 2)


def sizes_forgotten(D, sizes):
    new, sizes = merged(D, sizes, lambda a, b, m, n: (m * a + n * b) / (m + n))
    return new, np.ones(len(sizes), dtype=int)


WRONG = {
    "merge_nearest": [single, complete, both_alike, sizes_forgotten],
    "complete_distance": [nearest_pair, diameter_of_the_union, mean_of_pairs],
}
