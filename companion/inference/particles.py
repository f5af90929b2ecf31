"""Particle filter: importance sampling in time, with resampling. Chapter: `sampling`."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from companion.inference.weights import systematic_resample, weigh
from companion.validation import check_integer, check_real


class Filtered(NamedTuple):
    """What a particle filter knows at each step from what was seen so far.

    Attributes
    ----------
    mean, variance : arrays (n_steps, d)
    log_prob : float
        Estimate of the log probability of all that was seen, in nats. Its exponential is right on
        average.
    n_effective : array (n_steps,)
        Of the weights before resampling.
    clouds, weights : arrays (n_steps, n, d) and (n_steps, n), or None
        Every point and its weight before resampling, if they were kept.
    """

    mean: np.ndarray
    variance: np.ndarray
    log_prob: float
    n_effective: np.ndarray
    clouds: np.ndarray | None = None
    weights: np.ndarray | None = None


def particle_step(x, log_w, log_seen, threshold, rng):
    """Weigh points (n, d) by what was seen; resample where few are effective.

    Returns them as `Weighted`, and points and log weights for the next step.
    """
    n, log_w = len(x), log_w + log_seen
    cloud = weigh(x, log_w)
    if cloud.n_effective < threshold * n:
        children = systematic_resample(cloud.weights, rng)
        return cloud, x[children], np.full(n, -np.log(n))
    return cloud, x, log_w - cloud.log_normalizer - np.log(n)  # of sum 1 again


def particle_filter(
    draw_first, move, log_seen, y, n, *, threshold=0.5, keep=False, random_state=None
):
    """Follow a hidden state with a cloud of points (Gordon et al., 1993).

    Move each point as the state would, weigh it by what was seen, and let the heavy ones have
    children where few are worth something.

    Parameters
    ----------
    draw_first : callable
        ``draw_first(n, rng)`` returns states (n, d) at the first step.
    move : callable
        ``move(x, t, rng)`` draws the states of step t from those of t - 1, (n, d).
    log_seen : callable
        ``log_seen(y_t, x)``: log density of what was seen at each point, (n,), in nats.
    y : sequence
        What was seen, one entry a step.
    n : int
        Points.
    threshold : float
        Resample when fewer than this share of the points is effective: 0 never, 1 always.
    keep : bool
        Keep every cloud.
    random_state : int, RandomState or None

    Returns
    -------
    Filtered

    Raises
    ------
    ValueError
        If at some step no point explains what was seen.
    """
    rng, n = check_random_state(random_state), check_integer("n", n, 2)
    threshold = check_real("threshold", threshold, 0, 1)
    x, log_w, log_prob, told, kept = draw_first(n, rng), np.full(n, -np.log(n)), 0.0, [], []
    for t, seen in enumerate(y):
        x = x if t == 0 else move(x, t, rng)
        cloud, x, log_w = particle_step(x, log_w, log_seen(seen, x), threshold, rng)
        log_prob += cloud.log_normalizer + np.log(n)
        mean = cloud.weights @ cloud.x
        told.append((mean, cloud.weights @ (cloud.x - mean) ** 2, cloud.n_effective))
        if keep:
            kept.append((cloud.x, cloud.weights))
    means, variances, sizes = map(np.array, zip(*told, strict=True))
    clouds = map(np.array, zip(*kept, strict=True)) if keep else ()
    return Filtered(means, variances, float(log_prob), sizes, *clouds)


def gaussian_parts(system):
    """`draw_first`, `move` and `log_seen` of a system with Gaussian noise, for `particle_filter`.

    Parameters
    ----------
    system : NonlinearDynamicalSystem
        Its transition and observation must take states (k, n), one a column, as they take one (k,).
        Where a row has nan, nothing was seen.

    Returns
    -------
    tuple of three callables
    """
    k = len(system.start_mean)
    start, push = (factor(cov) for cov in (system.start_cov, system.state_noise))

    def draw_first(n, rng):
        return system.start_mean + rng.standard_normal((n, k)) @ start.T

    def move(x, t, rng):
        return columns("transition", system.transition, x) + rng.standard_normal(x.shape) @ push.T

    def log_seen(row, x):
        here = np.flatnonzero(~np.isnan(row))
        if len(here) == 0:
            return np.zeros(len(x))
        cov = system.noise[np.ix_(here, here)]
        gaps = (row - columns("observation", system.observation, x))[:, here]
        squares = (np.linalg.solve(cov, gaps.T).T * gaps).sum(axis=1)
        return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * cov)[1])

    return draw_first, move, log_seen


def factor(cov):
    """A root of a covariance, which may be singular: ``root @ root.T == cov``."""
    values, vectors = np.linalg.eigh(cov)
    return vectors * np.sqrt(values.clip(0))


def columns(name, function, x):
    """A function of a state (k,), of all states x (n, k) at once: (n, m)."""
    out = np.asarray(function(x.T), dtype=float)
    if out.ndim != 2 or out.shape[1] != len(x):
        raise ValueError(
            f"{name} returns the shape {out.shape} for states {x.T.shape}: write it so that it "
            "takes one state a column."
        )
    return out.T
