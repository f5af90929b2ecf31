"""How likely is each point to call another its neighbour? Perplexity. Chapter: `neighbors`."""

import numpy as np
from scipy.sparse import csr_array

from companion.clustering.distances import neighbor_graph
from companion.clustering.neighbors import nearest_others
from companion.validation import check_integer, check_real

MAX_STEPS = 100  # Newton needs about ten; halving the bracket, at the worst, about fifty
TOLERANCE = 1e-9  # of the entropy, in nats


def perplexity_of(probabilities):
    """Effective number of choices exp(H) of every row (n, k); a row over m equals has m."""
    p = np.asarray(probabilities, dtype=float)
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    return np.exp(-(p * logs).sum(axis=-1))


def gaussian_shares(squared_distances, precisions):
    """Return p(j | i), proportional to exp(-precision_i d_ij^2): rows (n, k) that sum to 1.

    Subtracting the nearest distance changes nothing, and keeps every row from underflowing.
    """
    nearest = squared_distances.min(axis=1, keepdims=True)
    shares = np.exp(-precisions[:, None] * (squared_distances - nearest))
    return shares / shares.sum(axis=1, keepdims=True)


def calibrate(squared_distances, perplexity):
    """Return the precision 1 / (2 sigma^2) of every row whose shares have this perplexity.

    Newton's method on the entropy as a function of the logarithm of the precision: its slope is
    minus the squared precision times the variance of the squared distance. A step that leaves the
    bracket is replaced by its middle.

    Parameters
    ----------
    squared_distances : array (n, k)
        From each point to k others.
    perplexity : float
        Between 1 and k, exclusive.

    Returns
    -------
    array (n,), in 1 / squared units of X
        As large as a float allows where more than `perplexity` points tie for the nearest.
    """
    d = np.asarray(squared_distances, dtype=float)
    check_real("perplexity", perplexity, 1, d.shape[1], False, "it counts neighbours, of k in all")
    d = d - d.min(axis=1, keepdims=True)
    scale = np.where(d.any(axis=1), d.mean(axis=1), 1.0)
    d = d / scale[:, None]
    log_precision, low, high = np.zeros(len(d)), np.full(len(d), -60.0), np.full(len(d), 60.0)
    for _ in range(MAX_STEPS):
        shares = gaussian_shares(d, np.exp(log_precision))
        mean = (shares * d).sum(axis=1)
        variance = (shares * d**2).sum(axis=1) - mean**2
        precision = np.exp(log_precision)
        normaliser = np.exp(-precision[:, None] * d).sum(axis=1)
        gap = np.log(normaliser) + precision * mean - np.log(perplexity)
        if np.abs(gap).max() < TOLERANCE:
            break
        low, high = np.where(gap > 0, log_precision, low), np.where(gap > 0, high, log_precision)
        slope = np.maximum(precision**2 * variance, 1e-30)
        step = log_precision + gap / slope
        inside = (step >= low) & (step <= high) & (np.abs(gap / slope) < 3)
        log_precision = np.where(inside, step, (low + high) / 2)
    return np.exp(log_precision) / scale


def conditional_probabilities(X, perplexity, n_neighbors=None, metric="euclidean"):
    """Return p(j | i) of every point over its nearest neighbours, csr_array (n, n).

    Parameters
    ----------
    X : array (n, d), or array (n, n) of distances with ``metric="precomputed"``
    perplexity : float
        Effective number of neighbours.
    n_neighbors : int, optional
        How many can have a share at all; by default three times the perplexity, as those beyond
        have a few per cent together (van der Maaten, 2014). n - 1 takes all.
    metric : {"euclidean", "precomputed"}

    Raises
    ------
    ValueError
        If there are fewer neighbours than `perplexity`.
    """
    most = len(X) - 1
    check_real(
        "perplexity", perplexity, 1, most, False, f"lower it, the others are only {most} points"
    )
    if n_neighbors is None:
        n_neighbors = min(most, int(3 * perplexity) + 1)
    check_integer("n_neighbors", n_neighbors, int(perplexity) + 1, most)
    distances, indices = nearest_others(X, n_neighbors, metric)
    squares = distances**2
    return neighbor_graph(indices, gaussian_shares(squares, calibrate(squares, perplexity)))


def joint_probabilities(conditional):
    """Return p_ij = (p(j | i) + p(i | j)) / 2n: symmetric, with sum 1, sorted csr_array (n, n).

    Every row sums to at least 1 / 2n, so that no point is forgotten.
    """
    joint = csr_array(conditional + conditional.T) / (2 * conditional.shape[0])
    joint.sort_indices()
    return joint
