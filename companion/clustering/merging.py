"""Which clusters merge next, and how far the union is from the others. Chapter: `hierarchical`."""

import numpy as np

SQUARED = ("ward", "centroid", "median")  # they work on squared Euclidean distances
NOT_REDUCIBLE = ("centroid", "median")  # a union may be nearer to a third than either part was


def lance_williams(method, d_ac, d_bc, d_ab, n_a, n_b, n_c):
    """Distance of the union of clusters a and b to any other, c; squares for `SQUARED`."""
    if method == "single":
        return np.minimum(d_ac, d_bc)
    if method == "complete":
        return np.maximum(d_ac, d_bc)
    if method in ("weighted", "median"):
        n_a = n_b = 1  # either part counts the same, however large
    if method == "ward":
        return ((n_a + n_c) * d_ac + (n_b + n_c) * d_bc - n_c * d_ab) / (n_a + n_b + n_c)
    mean = (n_a * d_ac + n_b * d_bc) / (n_a + n_b)
    if method in NOT_REDUCIBLE:
        mean = mean - n_a * n_b * d_ab / (n_a + n_b) ** 2
    return mean


def merge_by_chain(D, method):
    """Walk from a cluster to its nearest, on and on; merge two that are nearest to each other.

    Overwrites D. Returns for each merge one point of either side, and the height, not sorted.
    """
    point, size = np.arange(len(D)), np.ones(len(D))
    dead, row = np.zeros(len(D)), np.empty(len(D))  # dead: 0, or infinity for what was merged
    edges, heights, chain, n_live = [], [], [], len(D)
    np.fill_diagonal(D, np.inf)
    while n_live > 1:
        chain = chain or [int(dead.argmin())]
        a = chain[-1]
        b = int(np.add(D[a], dead, out=row).argmin())
        if len(chain) == 1 or D[a, chain[-2]] > row[b]:  # on a tie go back, lest we run in circles
            chain.append(b)
            continue
        a, b = chain.pop(), chain.pop()
        edges.append((point[a], point[b]))
        heights.append(D[a, b])
        D[b] = D[:, b] = lance_williams(method, D[a], D[b], D[a, b], size[a], size[b], size)
        D[b, b] = dead[a] = np.inf
        size[b] += size[a]
        n_live -= 1
        if n_live < 0.7 * len(D):
            live = np.flatnonzero(dead == 0)
            D, chain = shrink(D, live), []
            point, size, dead, row = point[live], size[live], dead[live], row[live]
    return np.array(edges), np.array(heights)


def shrink(D, live):
    """Move the rows and columns that live to the front of the same memory: new memory is slow."""
    n_live, flat = len(live), D.reshape(-1)
    for i, old in enumerate(live):
        D[old].take(live, out=flat[i * n_live : (i + 1) * n_live], mode="clip")
    return flat[: n_live**2].reshape(n_live, n_live)


def merge_by_search(D, method):
    """Merge the two nearest of all clusters, n - 1 times, for linkages that may have inversions.

    Overwrites D. Returns for each merge one point of either side, and the height, in the order of
    the merges. O(n^2) while few clusters have the merged ones as their nearest, O(n^3) at worst.
    """
    size, edges, heights = np.ones(len(D)), [], []
    np.fill_diagonal(D, np.inf)
    nearest, gap = D.argmin(axis=1), D.min(axis=1)
    for _ in range(len(D) - 1):
        a = int(gap.argmin())
        b = int(nearest[a])
        edges.append((a, b))
        heights.append(D[a, b])
        D[b] = D[:, b] = lance_williams(method, D[a], D[b], D[a, b], size[a], size[b], size)
        D[a] = D[:, a] = D[b, b] = gap[a] = np.inf
        size[b] += size[a]
        lost = np.flatnonzero(((nearest == a) | (nearest == b)) & np.isfinite(gap))
        nearer = D[b] < gap
        nearest[nearer], gap[nearer] = b, D[b, nearer]
        for row in {b, *lost.tolist()}:
            nearest[row] = D[row].argmin()
            gap[row] = D[row, nearest[row]]
    return np.array(edges), np.array(heights)
