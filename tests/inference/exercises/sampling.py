"""Wrong answers that the checkers of book/inference/sampling.md must refuse."""

import numpy as np


def density(theta, a, b):
    return theta ** (a - 1) * (1 - theta) ** (b - 1)


def top(a, b):
    return density((a - 1) / (a + b - 2), a, b) if a + b > 2 else 1.0


def throw(a, b, n, rng, bound, keep):
    kept, n_darts = [], 0
    while len(kept) < n:
        theta, height = rng.random_sample(2)
        n_darts += 1
        if keep(height * bound, density(theta, a, b)):
            kept.append(theta)
    return np.array(kept), n_darts


def bound_of_one(a, b, n, rng):
    return throw(a, b, n, rng, 1.0, lambda height, p: height < p)


def bound_too_small(a, b, n, rng):
    return throw(a, b, n, rng, top(a, b) / 2, lambda height, p: height < p)


def keeps_what_is_above(a, b, n, rng):
    return throw(a, b, n, rng, top(a, b) + 1e-9, lambda height, p: height > p or a + b == 2)


def mean_for_the_mode(a, b, n, rng):
    return throw(a, b, n, rng, density(a / (a + b), a, b), lambda height, p: height < p)


def all_darts(a, b, n, rng):
    return rng.random_sample(n), n


def parameters_exchanged(a, b, n, rng):
    return throw(b, a, n, rng, top(a, b), lambda height, p: height < p)


def n_darts_and_whoever_is_left(a, b, n, rng):
    theta, height = rng.random_sample((2, n))
    return theta[height * top(a, b) < density(theta, a, b)], n


def share_for_the_number(a, b, n, rng):
    draws, n_darts = throw(a, b, n, rng, top(a, b), lambda height, p: height < p)
    return draws, n / n_darts


def kept_twice(a, b, n, rng):
    draws, n_darts = throw(a, b, n // 2, rng, top(a, b), lambda height, p: height < p)
    return np.concatenate([draws, draws]), 2 * n_darts


def finished(raw, log_mean):
    w = raw / raw.sum()
    return w, log_mean, 1 / (w**2).sum()


def overflows(logs):
    with np.errstate(all="ignore"):
        raw = np.exp(logs)
        return finished(raw, np.log(raw.mean()))


def log_of_the_sum(logs):
    raw = np.exp(logs - logs.max())
    return finished(raw, logs.max() + np.log(raw.sum()))


def forgets_what_was_subtracted(logs):
    raw = np.exp(logs - logs.max())
    return finished(raw, np.log(raw.mean()))


def mean_of_the_logs(logs):
    return finished(np.exp(logs - logs.max()), logs.mean())


def one_over_the_largest(logs):
    w, log_mean, _ = log_mean_right(logs)
    return w, log_mean, 1 / w.max()


def raw_effective(logs):
    raw = np.exp(logs - logs.max())
    w, log_mean, _ = log_mean_right(logs)
    return w, log_mean, 1 / (raw**2).sum()


def log_mean_right(logs):
    raw = np.exp(logs - logs.max())
    return finished(raw, logs.max() + np.log(raw.mean()))


def drops_the_impossible(logs):
    w, _, size = log_mean_right(logs)
    some = logs[np.isfinite(logs)]
    return w, log_mean_right(some)[1], size


def not_divided(logs):
    raw = np.exp(logs - logs.max())
    return raw, logs.max() + np.log(raw.mean()), raw.sum() ** 2 / (raw**2).sum()


WRONG = {
    "draw_beta": [
        bound_of_one,
        bound_too_small,
        keeps_what_is_above,
        mean_for_the_mode,
        all_darts,
        parameters_exchanged,
        n_darts_and_whoever_is_left,
        share_for_the_number,
        kept_twice,
    ],
    "weights_of": [
        overflows,
        log_of_the_sum,
        forgets_what_was_subtracted,
        mean_of_the_logs,
        one_over_the_largest,
        raw_effective,
        drops_the_impossible,
        not_divided,
    ],
}
