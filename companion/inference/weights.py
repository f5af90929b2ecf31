"""Draws of one distribution that stand for another: what each is worth, and who survives.

Chapter: `sampling`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp


class Weighted(NamedTuple):
    """Points and what each is worth.

    Attributes
    ----------
    x : array (n, d)
    weights : array (n,)
        Sum to 1.
    log_normalizer : float
        Estimate of ``log integral p`` in nats.
    n_effective : float
        ``1 / sum w^2``: how many equally weighted points would be as good (Kong, 1992).
    """

    x: np.ndarray
    weights: np.ndarray
    log_normalizer: float
    n_effective: float


def weigh(x, log_weights):
    """Points with unnormalised log weights (n,), as `Weighted`; shifts of the weights cancel."""
    total = logsumexp(log_weights)
    if not np.isfinite(total):
        raise ValueError(
            f"log_weights sum to {total} (in logs): q must reach where p is, and be above 0 where "
            "it draws."
        )
    weights = np.exp(log_weights - total)
    return Weighted(x, weights, float(total - np.log(len(x))), float(1 / (weights**2).sum()))


def pick(weights, u):
    """Indices on whose stretch of the cumulated weights the numbers u in [0, 1) fall."""
    edges = np.cumsum(weights)
    last = np.flatnonzero(weights)[-1]  # rounding must not pick what weighs 0
    return np.searchsorted(edges, u * edges[-1], side="right").clip(max=last)


def systematic_resample(weights, rng):
    """Indices (n,) of points that survive, each about ``n w_i`` times, with a single random number.

    The number of copies of i is ``n w_i`` rounded up or down (Kitagawa, 1996).
    """
    n = len(weights)
    return pick(weights, (rng.random_sample() + np.arange(n)) / n)
