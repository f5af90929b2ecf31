"""The stress of a map, and the steps that lower it by majorisation. Chapter: `stress`."""

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform

from companion.embedding.isotonic import disparities_of_levels, rank_levels

BLOCK = 64  # rows of the table of distances that are worked on at a time, in the cache


def stress(Z, disparities, *, normalized=False):
    """Squared error of the distances d of points Z (n, q) against disparities (n, n).

    Raw: sum over pairs of (d - disparity)^2. Normalised: the root of its ratio to the sum of d^2,
    the squared distances on the map (Kruskal's Stress-1, 1964).
    """
    d = pdist(Z)
    raw = np.square(d - squareform(disparities, checks=False)).sum()
    if not normalized or raw == 0:  # all points at one place, as they should be, is 0 / 0
        return float(raw)
    return float(np.sqrt(raw / np.square(d).sum()))


def guttman_transform(Z, disparities):
    """Minimum of the bound that touches the stress at Z (n, q): (n, q); and that stress.

    Point i goes to the mean over j of where j would have it: (disparity / d) (x_i - x_j) away
    from the centre, that is B(Z) Z / n with b_ij = -disparity / d and rows that sum to zero.
    """
    n, moved, raw = len(Z), np.empty_like(Z), 0.0
    ones = np.column_stack([Z, np.ones(n)])
    space = np.empty((2, min(BLOCK, n), n))
    for start in range(0, n, BLOCK):
        here, wanted = Z[start : start + BLOCK], disparities[start : start + BLOCK]
        d, error = space[:, : len(here)]
        cdist(here, Z, out=d)
        np.subtract(d, wanted, out=error)
        raw += np.vdot(error, error) / 2  # every pair comes twice
        d[d == 0] = np.inf
        ratio = np.divide(wanted, d, out=d)
        pulls = ratio @ ones  # the sums of the rows in the last column
        moved[start : start + BLOCK] = (pulls[:, -1:] * here - pulls[:, :-1]) / n
    return moved, raw


def disparity_matrix(values):
    """Disparities of all pairs (m,) as a matrix, scaled so that the mean of their squares is 1."""
    size = np.sqrt(np.square(values).mean())
    return squareform(values / size if size > 0 else values)


def descend(dissimilarities, Z, *, metric=True, max_iter=300, eps=1e-6):
    """Guttman transforms from Z (n, q) until the stress hardly falls.

    Without `metric`, the targets are disparities that are fitted anew before each step. The first
    ones are the ranks: no value of the dissimilarities is ever used.

    Returns
    -------
    Z, disparities, stress, n_iter, converged
    """
    targets, before = dissimilarities, np.inf
    if not metric:
        levels = rank_levels(squareform(dissimilarities, checks=False))
        targets = disparity_matrix(levels + 1.0)
    moved, _ = guttman_transform(Z, targets)
    for n_iter in range(1, max_iter + 1):
        Z = moved
        moved, raw = guttman_transform(Z, targets)
        scale = len(Z) * np.square(Z - Z.mean(axis=0)).sum()  # the sum of d^2 over pairs
        if n_iter > 1 and before - raw <= eps * scale:
            return Z, targets, raw, n_iter, True
        before = raw
        if not metric and n_iter < max_iter:
            targets = disparity_matrix(disparities_of_levels(pdist(Z), levels))
            moved, _ = guttman_transform(Z, targets)
    return Z, targets, raw, n_iter, False
