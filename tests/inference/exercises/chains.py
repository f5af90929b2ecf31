"""Wrong answers that the checkers of book/inference/chains.md must refuse."""

import numpy as np


def walk(log_p, start, n, std, rng, goes, keep=True):
    """A chain that moves where `goes(gain)` says so, and writes refused moves if told to `keep`."""
    x, points = start, []
    while len(points) < n:
        new = x + std * rng.standard_normal()
        moved = goes(log_p(new) - log_p(x))
        x = new if moved else x
        if moved or keep:
            points.append(x)
    return np.array(points)


def refused_thrown_away(log_p, start, n, std, rng):
    return walk(log_p, start, n, std, rng, lambda gain: np.log(rng.random()) < gain, keep=False)


def fewer_than_n(log_p, start, n, std, rng):
    x = walk(log_p, start, n, std, rng, lambda gain: np.log(rng.random()) < gain)
    return x[np.append(True, x[1:] != x[:-1])]


def uphill_only(log_p, start, n, std, rng):
    return walk(log_p, start, n, std, rng, lambda gain: gain > 0)


def always(log_p, start, n, std, rng):
    return walk(log_p, start, n, std, rng, lambda gain: True)


def without_the_logarithm(log_p, start, n, std, rng):
    return walk(log_p, start, n, std, rng, lambda gain: rng.random() < gain)


def upside_down(log_p, start, n, std, rng):
    return walk(log_p, start, n, std, rng, lambda gain: np.log(rng.random()) < -gain)


def fresh_proposals(log_p, start, n, std, rng):
    """Proposes around the start, not around the point where the chain is."""
    x, points = start, []
    for _ in range(n):
        new = start + std * rng.standard_normal()
        if np.log(rng.random()) < log_p(new) - log_p(x):
            x = new
        points.append(x)
    return np.array(points)


def variance_for_deviation(log_p, start, n, std, rng):
    return walk(log_p, start, n, std**0.5, rng, lambda gain: np.log(rng.random()) < gain)


def halves(chains):
    chains = np.asarray(chains, dtype=float)
    half = chains.shape[1] // 2
    return np.concatenate([chains[:, :half], chains[:, -half:]]), half


def not_cut(chains):
    chains = np.asarray(chains, dtype=float)
    n, within = chains.shape[1], chains.var(axis=1, ddof=1).mean()
    return np.sqrt((n - 1) / n + chains.mean(axis=1).var(ddof=1) / within)


def divided_by_the_number(chains):
    parts, half = halves(chains)
    return np.sqrt((half - 1) / half + parts.mean(axis=1).var() / parts.var(axis=1).mean())


def without_the_root(chains):
    parts, half = halves(chains)
    within = parts.var(axis=1, ddof=1).mean()
    return (half - 1) / half + parts.mean(axis=1).var(ddof=1) / within


def length_of_the_whole(chains):
    parts, half = halves(chains)
    n, within = 2 * half, parts.var(axis=1, ddof=1).mean()
    return np.sqrt((n - 1) / n + parts.mean(axis=1).var(ddof=1) / within)


def within_over_between(chains):
    parts, half = halves(chains)
    within = parts.var(axis=1, ddof=1).mean()
    return np.sqrt((half - 1) / half + within / parts.mean(axis=1).var(ddof=1))


def middle_kept_twice(chains):
    chains = np.asarray(chains, dtype=float)
    half = -(-chains.shape[1] // 2)
    parts = np.concatenate([chains[:, :half], chains[:, -half:]])
    within = parts.var(axis=1, ddof=1).mean()
    return np.sqrt((half - 1) / half + parts.mean(axis=1).var(ddof=1) / within)


WRONG = {
    "metropolis": [
        refused_thrown_away,
        fewer_than_n,
        uphill_only,
        always,
        without_the_logarithm,
        upside_down,
        fresh_proposals,
        variance_for_deviation,
    ],
    "split_r_hat": [
        not_cut,
        divided_by_the_number,
        without_the_root,
        length_of_the_whole,
        within_over_between,
        middle_kept_twice,
    ],
}
