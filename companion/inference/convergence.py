"""How much chains are worth: their memory, and whether they tell the same.

Chapter: `chains`.
"""

import numpy as np


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
    """How far chains (n_chains, n) are from telling the same: 1 is the best.

    Each chain is cut in two, so that a drift shows as well; square root of the variance of all over
    the variance within (Gelman and Rubin, 1992).
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

    ``m n / (1 + 2 sum of autocorrelations)``, with the sum cut at the first two neighbouring lags
    that add up to less than 0 (Geyer, 1992). The variance between chains counts in them, too,
    so that chains that have not met are worth little. Chains are not cut in two, and draws not
    replaced by ranks, as Vehtari et al. (2021) do.

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
    rho = 1 - (within - autocovariance(x)) / total
    rho[0] = 1
    return float(m * n / max(integrated_time(rho), 1 / np.log10(m * n)))


def integrated_time(rho):
    """``1 + 2 sum rho_k`` of autocorrelations (n,), cut where pairs of lags add up to less than 0.

    Pairs of a reversible chain fall towards 0 and stay above it (Geyer, 1992): the rest is noise.
    The pair at which the sum stops gives only its first lag, once (as in Stan).
    """
    pairs = rho[: (len(rho) - 1) // 2 * 2].reshape(-1, 2).sum(axis=1)
    last = np.append(np.flatnonzero(pairs <= 0), len(pairs) - 1)[0]
    end = rho[2 * last] if pairs[last] > 0 else max(rho[2 * last], 0)
    return -1 + 2 * np.minimum.accumulate(pairs[:last]).sum() + end


def check_chains(x):
    """Return chains as a float array (n_chains, n), n at least 4."""
    x = np.asarray(x, dtype=float)
    if x.ndim != 2 or x.shape[1] < 4 or not np.isfinite(x).all():
        raise ValueError(
            f"x has shape {x.shape}: give finite chains (n_chains, n) with n at least 4."
        )
    return x
