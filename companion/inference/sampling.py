"""Samples from what can be drawn for what cannot, and how much they are worth.

Chapter: `sampling`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.utils import check_random_state

from companion.inference.convergence import effective_sample_size, r_hat  # noqa: F401
from companion.validation import check_integer, check_real


def rejection_sample(log_p, draw, log_q, log_bound, n, *, random_state=None, max_draws=10_000_000):
    """Draw from q, keep with probability ``p(x) / (M q(x))``: what is kept has the density p.

    Parameters
    ----------
    log_p, log_q : callable
        Log densities of points (m, d), each (m,) in nats; p need not be normalised.
    draw : callable
        ``draw(m, rng)`` returns points of q, (m, d).
    log_bound : float
        log M, with ``p <= M q`` everywhere.
    n : int
        Points wanted.
    max_draws : int
        Gives up after so many.

    Returns
    -------
    x : array (n, d)
    acceptance : float
        Share of the draws that was kept; 1 / M on average, if p is normalised.

    Raises
    ------
    ValueError
        If a draw shows that M is too small, or too few are kept.
    """
    rng, n = check_random_state(random_state), check_integer("n", n)
    kept, n_kept, n_drawn = [], 0, 0
    while n_kept < n:
        if n_drawn >= max_draws:
            raise ValueError(
                f"log_bound={log_bound} kept {n_kept} of {n_drawn} draws: find a q nearer to p, "
                "or another method."
            )
        x = draw(max(1000, n), rng)
        gap = log_p(x) - log_q(x) - log_bound
        if gap.max() > 1e-9:
            raise ValueError(
                f"log_bound={log_bound} is too small: p is larger than M q by a factor of "
                f"{np.exp(gap.max()):.3g} at x={x[gap.argmax()]}."
            )
        some = x[np.log(rng.random_sample(len(x))) < gap]
        kept.append(some)
        n_kept, n_drawn = n_kept + len(some), n_drawn + len(x)
    return np.concatenate(kept)[:n], n_kept / n_drawn


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
        raise ValueError("all weights are 0 or one is endless: q must reach where p is.")
    weights = np.exp(log_weights - total)
    return Weighted(x, weights, float(total - np.log(len(x))), float(1 / (weights**2).sum()))


def importance_sample(log_p, draw, log_q, n, *, random_state=None):
    """Draw from q and weigh by p / q; arguments as for `rejection_sample`, without a bound.

    ``sum_i w_i f(x_i)`` estimates the mean of f under p.
    """
    x = draw(check_integer("n", n), check_random_state(random_state))
    return weigh(x, log_p(x) - log_q(x))


def systematic_resample(weights, rng):
    """Indices (n,) of points that survive, each about ``n w_i`` times, with a single random number.

    The number of copies of i is ``n w_i`` rounded up or down (Kitagawa, 1996).
    """
    n = len(weights)
    places = (rng.random_sample() + np.arange(n)) / n
    return np.searchsorted(np.cumsum(weights), places).clip(max=n - 1)


class Filtered(NamedTuple):
    """What a particle filter knows at each step from what was seen so far.

    Attributes
    ----------
    mean : array (n_steps, d)
    variance : array (n_steps, d)
    log_prob : float
        Estimate of the log probability of all that was seen, in nats.
    n_effective : array (n_steps,)
        Of the weights before resampling.
    """

    mean: np.ndarray
    variance: np.ndarray
    log_prob: float
    n_effective: np.ndarray


def particle_filter(draw_first, move, log_seen, y, n, *, threshold=0.5, random_state=None):
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
        Resample when fewer than this share of the points is effective.

    Returns
    -------
    Filtered
    """
    rng, n = check_random_state(random_state), check_integer("n", n, 2)
    threshold = check_real("threshold", threshold, 0, 1)
    x, log_w, log_prob, told = draw_first(n, rng), np.full(n, -np.log(n)), 0.0, []
    for t, seen in enumerate(y):
        x = x if t == 0 else move(x, t, rng)
        cloud = weigh(x, log_w + log_seen(seen, x))
        log_prob += cloud.log_normalizer + np.log(n)
        mean = cloud.weights @ x
        told.append((mean, cloud.weights @ (x - mean) ** 2, cloud.n_effective))
        log_w = np.log(np.maximum(cloud.weights, 1e-300))
        if cloud.n_effective < threshold * n:
            x, log_w = x[systematic_resample(cloud.weights, rng)], np.full(n, -np.log(n))
    means, variances, sizes = map(np.array, zip(*told, strict=True))
    return Filtered(means, variances, float(log_prob), sizes)
