"""Draws of one distribution that stand for another: what each is worth, and who survives.

Chapter: `sampling`.
"""

from typing import NamedTuple

import numpy as np


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
    """Points (n, d) with logarithms of raw weights (n,), as `Weighted`."""
    top = np.max(log_weights)
    if not np.isfinite(top):
        raise ValueError(f"log_weights are at most {top}: let q reach where p is.")
    raw = np.exp(log_weights - top)
    weights = raw / raw.sum()
    log_normalizer = float(top + np.log(raw.mean()))
    return Weighted(x, weights, log_normalizer, float(1 / (weights**2).sum()))


def pick(weights, u):
    """Indices on whose step of the summed weights the numbers u in [0, 1) fall."""
    edges = np.cumsum(weights)
    last = np.flatnonzero(weights)[-1]  # rounding must not pick what weighs 0
    return np.searchsorted(edges, u * edges[-1], side="right").clip(max=last)


def systematic_resample(weights, rng):
    """Indices (n,) of points that survive, each about ``n w_i`` times, with a single random number.

    The number of copies of i is ``n w_i`` rounded up or down (Kitagawa, 1996).
    """
    n = len(weights)
    return pick(weights, (rng.random_sample() + np.arange(n)) / n)
