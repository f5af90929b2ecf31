"""Mixtures of Gaussians for rows with gaps (NaN), by expectation maximisation.

What is seen of a row decides its responsibilities; the gap is known up to a Gaussian given what is
seen (Ghahramani and Jordan, 1994). Chapter: `shapes`.
"""

import numpy as np

from companion.clustering.gaussians import log_gaussians, precision_factors
from companion.clustering.mixtures import share_out


def patterns(X):
    """Pairs (seen, rows): a mask (d,) of the columns that are there, and the rows (m,) with it."""
    masks, which = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    return [(mask, np.flatnonzero(which.ravel() == i)) for i, mask in enumerate(masks)]


def regress_gaps(covariance, seen):
    """Matrix R and covariance C of the gap given what is seen.

    The gap is drawn from N(mean_gap + R (x_seen - mean_seen), C).
    """
    gap = ~seen
    across = covariance[np.ix_(seen, gap)]
    R = np.linalg.solve(covariance[np.ix_(seen, seen)], across).T
    return R, covariance[np.ix_(gap, gap)] - R @ across


def e_step_with_gaps(X, weights, means, covariances):
    """Log likelihood (n,), in nats, of what is seen of every row, and responsibilities (n, k)."""
    log_joint = np.tile(np.log(weights), (len(X), 1))
    for seen, rows in patterns(X):
        if seen.any():
            factors = precision_factors(np.ascontiguousarray(covariances[:, seen][:, :, seen]))
            log_joint[rows] += log_gaussians(X[np.ix_(rows, seen)], means[:, seen], factors)
    return share_out(log_joint)


def fill_gaps(X, mean, covariance):
    """Rows (n, d) with each gap at its mean given what is seen, under one Gaussian."""
    filled = X.copy()
    for seen, rows in patterns(X):
        R, _ = regress_gaps(covariance, seen)
        known = X[np.ix_(rows, seen)] - mean[seen]
        filled[np.ix_(rows, ~seen)] = mean[~seen] + known @ R.T
    return filled


def m_step_with_gaps(X, responsibilities, means, covariances, reg_covar=1e-6):
    """Weights (k,), means (k, d) and covariances (k, d, d), from the old means and covariances."""
    counts = responsibilities.sum(axis=0) + 10 * np.finfo(float).eps
    new_means, new_covariances = np.empty_like(means), np.empty_like(covariances)
    for i, shares in enumerate(responsibilities.T):
        filled = fill_gaps(X, means[i], covariances[i])
        new_means[i] = shares @ filled / counts[i]
        difference = filled - new_means[i]
        total = (difference * shares[:, None]).T @ difference
        for seen, rows in patterns(X):  # what a filled gap does not know
            total[np.ix_(~seen, ~seen)] += (
                shares[rows].sum() * regress_gaps(covariances[i], seen)[1]
            )
        new_covariances[i] = total / counts[i] + reg_covar * np.eye(X.shape[1])
    return counts / counts.sum(), new_means, new_covariances


def impute(X, weights, means, covariances):
    """Rows (n, d) with each gap at its mean given what is seen, under the mixture."""
    shares = e_step_with_gaps(X, weights, means, covariances)[1]
    filled = [fill_gaps(X, m, C) for m, C in zip(means, covariances, strict=True)]
    return np.einsum("nk,knd->nd", shares, filled)
