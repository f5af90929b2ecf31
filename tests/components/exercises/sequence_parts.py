"""Wrong answers that the checkers of book/components/sequence_parts.md must refuse."""

import numpy as np


def one_moment(times, patterns):
    return times @ patterns[:, 0]


def backwards(times, patterns):
    n, out = len(times), np.zeros((len(times), patterns.shape[2]))
    for lag in range(min(patterns.shape[1], n)):
        out[: n - lag] += times[lag:] @ patterns[:, lag]
    return out


def in_a_circle(times, patterns):
    lags = range(patterns.shape[1])
    return sum(np.roll(times, lag, axis=0) @ patterns[:, lag] for lag in lags)


def longer_than_the_record(times, patterns):
    n, (_, length, d) = len(times), patterns.shape
    out = np.zeros((n + length - 1, d))
    for lag in range(length):
        out[lag : lag + n] += times @ patterns[:, lag]
    return out


def first_moment_found(X, pattern):
    return X @ pattern[0]


def into_the_past(X, pattern):
    total = np.zeros(len(X))
    for lag in range(min(len(pattern), len(X))):
        total[lag:] += X[: len(X) - lag] @ pattern[lag]
    return total


def round_the_end(X, pattern):
    return sum(np.roll(X, -lag, axis=0) @ moment for lag, moment in enumerate(pattern))


def only_whole_films(X, pattern):
    total = np.zeros(len(X))
    for t in range(len(X) - len(pattern) + 1):
        total[t] = np.vdot(X[t : t + len(pattern)], pattern)
    return total


WRONG = {
    "play": [one_moment, backwards, in_a_circle, longer_than_the_record],
    "found": [first_moment_found, into_the_past, round_the_end, only_whole_films],
}
