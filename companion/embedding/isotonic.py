"""The closest sequence that never falls, for non-metric scaling. Chapter: `stress`."""

import numpy as np

FEW = 0.1  # share of blocks that a round must merge to be quicker than one block at a time


def pool_one_by_one(values, weights):
    """Merge a block with the one before while that is larger: means, weights, counts of blocks."""
    blocks = []
    for mean, weight in zip(values, weights, strict=True):
        count = 1
        while blocks and blocks[-1][0] > mean:
            before, mass, size = blocks.pop()
            mean = (mass * before + weight * mean) / (mass + weight)
            weight, count = weight + mass, count + size
        blocks.append((mean, weight, count))
    return tuple(np.array(column) for column in zip(*blocks, strict=True))


def pool_adjacent_violators(values, weights=None):
    """Closest non-decreasing sequence (n,) to `values` (n,), by weighted squares.

    Neighbours in the wrong order get their common mean, until none is left (Ayer et al., 1955).
    Which are merged first does not matter: whole falling runs at once, while there are many.
    """
    means = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(means)) if weights is None else np.asarray(weights, dtype=np.float64)
    if means.ndim != 1 or weights.shape != means.shape or not len(means):
        raise ValueError(
            f"values and weights have shapes {means.shape} and {weights.shape}: "
            "give one of each for every place, at least one."
        )
    if not np.isfinite(means).all() or not (weights > 0).all():
        raise ValueError(
            "values or weights contain NaN, infinity or a weight of 0 or less: remove those places."
        )
    counts = np.ones(len(means), dtype=int)
    while (falls := means[1:] < means[:-1]).any():
        if falls.sum() < FEW * len(means):
            means, _, sizes = pool_one_by_one(means.tolist(), weights.tolist())
            counts = np.add.reduceat(counts, np.cumsum(sizes) - sizes)
            break
        starts = np.flatnonzero(np.append(True, ~falls))
        sums, weights = (np.add.reduceat(part, starts) for part in (weights * means, weights))
        means, counts = sums / weights, np.add.reduceat(counts, starts)
    return np.repeat(means, counts)


def rank_levels(dissimilarities):
    """Rank of every entry, 0, 1, 2, ..., equal entries having equal ranks: all that is kept."""
    return np.unique(dissimilarities, return_inverse=True)[1]


def disparities_of_levels(distances, levels):
    """`isotonic_disparities` from the ranks (m,) of the dissimilarities."""
    counts = np.bincount(levels)
    return pool_adjacent_violators(np.bincount(levels, distances) / counts, counts)[levels]


def isotonic_disparities(distances, dissimilarities):
    """Disparities: what is closest to the distances (m,) and in the order of the dissimilarities.

    min sum (disparity - distance)^2, non-decreasing in the dissimilarity. Pairs of equal
    dissimilarity get the same disparity (Kruskal's secondary treatment of ties, 1964).

    Parameters
    ----------
    distances : array (m,)
        Of the m pairs of points, on the map.
    dissimilarities : array (m,)
        Of the same pairs, as they were given; only their order matters.

    Returns
    -------
    array (m,)

    Examples
    --------
    >>> isotonic_disparities([1.0, 4.0, 2.0, 5.0], [10, 20, 30, 40])
    array([1., 3., 3., 5.])
    """
    distances, dissimilarities = np.asarray(distances, np.float64), np.asarray(dissimilarities)
    if distances.ndim != 1 or distances.shape != dissimilarities.shape:
        raise ValueError(
            f"distances and dissimilarities have shapes {distances.shape} and "
            f"{dissimilarities.shape}: give both as (m,), one entry a pair."
        )
    return disparities_of_levels(distances, rank_levels(dissimilarities))
