"""Convolutive NMF with a price on doing the same work twice: seqNMF. Chapter: `sequence_parts`."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.validation import check_codes, check_integer, check_points, check_real

TINY = float(np.finfo(np.float32).eps)  # stands for a zero that would divide


def lagged(times, length):
    """The times (n, k) delayed by 0 ... length - 1 steps, zeros at first: (n, length, k)."""
    n, k = times.shape
    late = np.zeros((n, length, k))
    for lag in range(min(length, n)):
        late[lag:, lag] = times[: n - lag]
    return late


def reconstruct(times, patterns):
    """Start pattern j with strength times[t, j] at each t, and add up: (n, d)."""
    k, length, d = patterns.shape
    late = lagged(times, length).reshape(len(times), -1)
    return late @ patterns.transpose(1, 0, 2).reshape(length * k, d)


def overlap(X, patterns):
    """What of pattern j lies in X (n, d) from each t on, sum_l x_{t+l} . pattern_{jl}: (n, k)."""
    (n, d), (k, length, _) = X.shape, patterns.shape
    products = (X @ patterns.reshape(-1, d).T).reshape(n, k, length)
    total = np.zeros((n, k))
    for lag in range(min(length, n)):
        total[: n - lag] += products[lag:, :, lag]
    return total


def smooth(values, length):
    """Sum over the steps less than `length` away, before and after, of each column: (n, k)."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    at = np.arange(len(values))
    upper, lower = np.minimum(at + length, len(values)), np.maximum(at - length + 1, 0)
    return np.maximum(sums[upper] - sums[lower], 0)


def redundancy(X, times, patterns):
    """Sum over pairs i != j of what pattern i explains where pattern j is active: a float."""
    pairs = overlap(X, patterns).T @ smooth(times, patterns.shape[1])
    return float(pairs.sum() - np.trace(pairs))


def others(values):
    """For each column of (n, k) the sum of the other columns."""
    return np.maximum(values.sum(axis=1, keepdims=True) - values, 0)


def times_step(X, times, patterns, penalty=0.0):
    """The times (n, k) after one update: 1/2 |X - model|^2 + penalty redundancy."""
    found = overlap(X, patterns)
    up = overlap(reconstruct(times, patterns), patterns)
    if penalty:
        up += penalty * others(smooth(found, patterns.shape[1]))
    return times * (found / np.where(up == 0, TINY, up))


def patterns_step(X, times, patterns, penalty=0.0):
    """The patterns (k, length, d) after a multiplicative update of the same objective."""
    k, length, d = patterns.shape
    late = lagged(times, length).reshape(len(times), -1)
    flat = patterns.transpose(1, 0, 2).reshape(-1, d)
    up = late.T @ (late @ flat)
    if penalty:
        up += penalty * lagged(others(smooth(times, length)), length).reshape(len(X), -1).T @ X
    new = flat * ((late.T @ X) / np.where(up == 0, TINY, up))
    return new.reshape(length, k, d).transpose(1, 0, 2)


def then_silence(values, length):
    """The rows of values (n, c), then length - 1 rows of zeros, where a last pattern may end."""
    return np.concatenate([values, np.zeros((length - 1, values.shape[1]))])


def center(times, patterns):
    """Move each pattern so that its mass lies in the middle of its window, its times the other way.

    Nothing is lost but what leaves the window or the record.
    """
    times, patterns = times.copy(), patterns.copy()
    length = patterns.shape[1]
    for j, mass in enumerate(patterns.sum(axis=2)):
        if mass.sum() > 0:
            shift = round((length - 1) / 2 - float(mass @ np.arange(length) / mass.sum()))
            patterns[j], times[:, j] = moved(patterns[j], shift), moved(times[:, j], -shift)
    return times, patterns


def moved(values, shift):
    """The rows moved down by `shift`, zeros in their place."""
    result = np.zeros_like(values)
    if shift >= 0:
        result[shift:] = values[: len(values) - shift]
    else:
        result[:shift] = values[-shift:]
    return result


def unit_norm(times, patterns):
    """The same model with times of norm 1 a column."""
    norms = np.linalg.norm(times, axis=0)
    scale = np.where(norms > 0, norms, 1)
    return times / scale, patterns * scale[:, None, None]


class SeqNMF(TransformerMixin, BaseEstimator):
    """Convolutive NMF: a record of many channels as a few patterns in time that come again.

    x_t is about sum_j sum_l times[t - l, j] pattern_j[l]. Minimises 1/2 |X - model|^2 plus
    `penalty` times what one pattern explains where another is active. The record is taken to be
    silent after its end, so that no pattern grows where nothing is measured; one that the end cuts
    off is charged for its rest. With ``length=1`` and ``penalty=0`` it is NMF by multiplicative
    updates.

    Parameters
    ----------
    n_components : int
        Number of patterns k; those that are not needed come out as zeros.
    length : int
        Steps of a pattern, L.
    penalty : float
        Lambda of the paper; without a unit, so that 1000 X needs the same one.
    max_iter : int
        Steps; the last one has no penalty, so that the strengths are not too small.
    random_state : int, RandomState or None

    Attributes
    ----------
    components_ : array (k, L, d)
        The patterns, in the order of the squares that they explain.
    times_ : array (n, k)
        When each pattern starts, and how strongly; columns have norm 1 or are zero.
    losses_ : array (max_iter,)
        Squared error over |X|^2 after each step.
    n_iter_ : int

    References
    ----------
    Mackevicius et al. (2019); Smaragdis (2004) without penalty. Chapter: sequence_parts.
    """

    def __init__(self, n_components=2, *, length=2, penalty=0.0, max_iter=100, random_state=None):
        self.n_components = n_components
        self.length = length
        self.penalty = penalty
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the patterns of the record X (n steps, d channels)."""
        X = check_points(self, X, ensure_non_negative=True)
        n = len(X)
        k = check_integer("n_components", self.n_components)
        length = check_integer("length", self.length, high=n, remedy=f"X has {n} sample(s).")
        check_real("penalty", self.penalty, low=0)
        check_integer("max_iter", self.max_iter)
        rng, total = check_random_state(self.random_state), np.vdot(X, X) or 1.0
        times, patterns = rng.uniform(size=(n, k)), rng.uniform(size=(k, length, X.shape[1]))
        times, patterns = (part * np.sqrt(X.mean() / k) for part in (times, patterns))
        X, times = (then_silence(part, length) for part in (X, times))
        self.n_iter_, self.losses_ = self.max_iter, np.zeros(self.max_iter)
        for step in range(self.max_iter):
            last = step == self.max_iter - 1
            price = 0.0 if last else self.penalty
            times = times_step(X, times, patterns, price)
            if length > 1 and not last:
                times, patterns = center(times, patterns)
                times[n:] = 0  # no start in the silence
            times, patterns = unit_norm(times, patterns)
            patterns = patterns_step(X, times, patterns, price)
            rest = (X - reconstruct(times, patterns))[:n]
            self.losses_[step] = np.square(rest).sum() / total
        order = np.argsort(-np.square(patterns).sum(axis=(1, 2)), kind="stable")
        self.components_, self.times_ = patterns[order], times[:n, order]
        return self

    def transform(self, X):
        """Times (n, k) of the fitted patterns in the record X (n, d), without penalty."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False, ensure_non_negative=True)
        n, (k, length, _) = len(X), self.components_.shape
        times = then_silence(np.full((n, k), np.sqrt(X.mean())), length)
        X = then_silence(X, length)
        for _ in range(self.max_iter):
            times = times_step(X, times, self.components_)
        return times[:n]

    def inverse_transform(self, X):
        """The record (n, d) that the times X (n, k) stand for."""
        check_is_fitted(self)
        return reconstruct(check_codes(X, len(self.components_)), self.components_)

    def __sklearn_tags__(self):
        """Say that negative input is refused."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
