"""Samples from what can be drawn for what cannot, and how much they are worth.

Chapter: `sampling`.
"""

import numpy as np
from sklearn.utils import check_random_state

from companion.inference.convergence import effective_sample_size, r_hat
from companion.inference.particles import particle_filter
from companion.inference.weights import pick, weigh
from companion.validation import check_integer, check_real

__all__ = ["draw_categories", "effective_sample_size", "importance_sample", "particle_filter"]
__all__ += ["r_hat", "rejection_sample", "resample"]


def draw_categories(p, n, *, random_state=None):
    """Draw n categories with probabilities p (k,), by inverse transform of uniform numbers.

    Returns
    -------
    int array (n,)

    Raises
    ------
    ValueError
        If p is no row of probabilities.
    """
    p, n = np.asarray(p, dtype=float), check_integer("n", n)
    if p.ndim != 1 or not (p >= 0).all() or not abs(p.sum() - 1) < 1e-6:
        raise ValueError(f"p={p} has sum {p.sum()}: pass probabilities, divided by their sum.")
    return pick(p, check_random_state(random_state).random_sample(n))


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
    log_bound = check_real("log_bound", log_bound, inclusive=False)
    kept, n_kept, n_drawn = [], 0, 0
    while n_kept < n:
        if n_drawn >= max_draws:
            raise ValueError(
                f"log_bound={log_bound} kept {n_kept} of {n_drawn} draws: find a q nearer to p, "
                "or another method."
            )
        x = draw(max(1000, n), rng)
        gap = log_p(x) - log_q(x) - log_bound
        if not gap.max() <= 1e-9:
            raise ValueError(
                f"log_bound={log_bound} is too small: p is larger than M q by a factor of "
                f"{np.exp(gap.max()):.3g} at x={x[gap.argmax()]}."
            )
        some = x[np.log(rng.random_sample(len(x))) < gap]
        kept.append(some)
        n_kept, n_drawn = n_kept + len(some), n_drawn + len(x)
    return np.concatenate(kept)[:n], n_kept / n_drawn


def importance_sample(log_p, draw, log_q, n, *, random_state=None):
    """Draw from q and weigh by p / q; arguments as for `rejection_sample`, without a bound.

    ``sum_i w_i f(x_i)`` estimates the mean of f under p.

    Returns
    -------
    Weighted

    Raises
    ------
    ValueError
        If no draw has a weight, or one that is endless.
    """
    x = draw(check_integer("n", n), check_random_state(random_state))
    return weigh(x, log_p(x) - log_q(x))


def resample(weighted, n, *, random_state=None):
    """Draw n points of `Weighted` by their weights: about p, and all worth the same (Rubin, 1987).

    No point is new: take n well below `n_effective`.
    """
    u = check_random_state(random_state).random_sample(check_integer("n", n))
    return weighted.x[pick(weighted.weights, u)]
