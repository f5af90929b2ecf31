"""Samples from what can be drawn for what cannot, and how much they are worth.

Chapter: `sampling`.
"""

import numpy as np
from sklearn.utils import check_random_state

from companion.inference.particles import particle_filter
from companion.inference.weights import pick, weigh
from companion.validation import check_integer, check_real

__all__ = ["autocorrelation", "effective_sample_size", "importance_sample", "particle_filter"]
__all__ += ["draw_categories", "r_hat", "rejection_sample", "resample"]


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


def autocovariance(x):
    """Covariance of a series with itself, by lag, from chains (m, n): array (n,), a mean over them.

    By the fast Fourier transform, padded so that the end does not meet the beginning; each chain is
    taken around its own mean, and sums are divided by n at every lag.
    """
    n = x.shape[1]
    centered = x - x.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centered, n=2 * n, axis=1)) ** 2
    return np.fft.irfft(power, axis=1)[:, :n].mean(axis=0) / n


def autocorrelation(x):
    """`autocovariance` divided by that of lag 0, of a series (n,) or of chains (m, n)."""
    covariance = autocovariance(np.atleast_2d(np.asarray(x, dtype=float)))
    return covariance / covariance[0] if covariance[0] > 0 else np.ones(len(covariance))


def r_hat(x):
    """How far chains are from telling the same: 1 is the best (Gelman and Rubin, 1992).

    Each chain is cut in two, so that a drift shows as well; square root of the variance of all over
    the variance within.

    Parameters
    ----------
    x : array (n_chains, n)

    Returns
    -------
    float
    """
    x = check_chains(x)
    half = x.shape[1] // 2
    parts = np.concatenate([x[:, :half], x[:, -half:]])
    within = parts.var(axis=1, ddof=1).mean()
    between = parts.mean(axis=1).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else np.inf
    return float(np.sqrt((half - 1) / half + between / within))


def effective_sample_size(x):
    """How many independent draws would give as good a mean, from chains (n_chains, n) or (n,).

    ``m n / (1 + 2 sum of autocorrelations)``, with the sum cut where two neighbouring lags add up
    to less than 0 (Geyer, 1992), and with the variance between chains in the correlations, so that
    chains that have not met count for little.

    Returns
    -------
    float
    """
    x = check_chains(np.atleast_2d(x))
    m, n = x.shape
    within = x.var(axis=1, ddof=1).mean()
    between = x.mean(axis=1).var(ddof=1) if m > 1 else 0.0
    total = (n - 1) / n * within + between
    if total == 0:
        return float(m * n)
    covariance = autocovariance(x) * n / (n - 1)
    rho = 1 - (within - covariance) / total
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if len(negative) else None])
    time = max(-1 + 2 * pairs.sum(), 1 / np.log10(max(m * n, 10)))
    return float(m * n / time)


def check_chains(x):
    """Return chains as a float array (n_chains, n), n at least 4."""
    x = np.asarray(x, dtype=float)
    if x.ndim != 2 or x.shape[1] < 4 or not np.isfinite(x).all():
        raise ValueError(
            f"x has shape {x.shape}: give finite chains (n_chains, n) with n at least 4."
        )
    return x
