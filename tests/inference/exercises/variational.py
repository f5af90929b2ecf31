"""Wrong answers that the checkers of book/inference/variational.md must refuse."""

import numpy as np


def normalized(p):
    return p / p.sum()


def average_of_entries(log_table, second):
    return normalized(np.exp(log_table) @ second)


def column_of_the_likeliest(log_table, second):
    expected = log_table[:, np.argmax(second)]
    return normalized(np.exp(expected - expected.max()))


def not_normalized(log_table, second):
    expected = log_table @ second
    return np.exp(expected - expected.max())


def logs_of_the_other_too(log_table, second):
    expected = (log_table - np.log(second)) @ np.log(second)
    return normalized(np.exp(expected - expected.max()))


def underflows(log_table, second):
    with np.errstate(all="ignore"):
        return normalized(np.exp(log_table @ second))


def expected_logs(log_table, second):
    expected = log_table @ second
    return normalized(expected - expected.min())


def parts(mean, log_std, noise, X, y):
    w = mean + np.exp(log_std) * noise
    each = -np.logaddexp(0, (1 - 2 * y) * (w @ X.T))
    kl = (0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std).sum()
    return each.sum(axis=1).mean(), kl


def not_scaled(mean, log_std, noise, X, y, n_total):
    points, kl = parts(mean, log_std, noise, X, y)
    return points - kl


def divergence_scaled_too(mean, log_std, noise, X, y, n_total):
    points, kl = parts(mean, log_std, noise, X, y)
    return n_total / len(X) * (points - kl)


def divergence_added(mean, log_std, noise, X, y, n_total):
    points, kl = parts(mean, log_std, noise, X, y)
    return n_total / len(X) * points + kl


def log_of_a_variance(mean, log_std, noise, X, y, n_total):
    points, _ = parts(mean, log_std, noise, X, y)
    kl = 0.5 * (mean**2 + np.exp(log_std) - 1 - log_std).sum()
    return n_total / len(X) * points - kl


def one_half_once(mean, log_std, noise, X, y, n_total):
    points, _ = parts(mean, log_std, noise, X, y)
    kl = 0.5 * (mean**2 + np.exp(2 * log_std) - 2 * log_std).sum() - 0.5
    return n_total / len(X) * points - kl


def one_a_draw(mean, log_std, noise, X, y, n_total):
    w = mean + np.exp(log_std) * noise
    each = -np.logaddexp(0, (1 - 2 * y) * (w @ X.T))
    return n_total / len(X) * each.sum(axis=1) - parts(mean, log_std, noise, X, y)[1]


def classes_as_signs(mean, log_std, noise, X, y, n_total):
    w = mean + np.exp(log_std) * noise
    each = -np.logaddexp(0, -y * (w @ X.T))
    return n_total / len(X) * each.sum(axis=1).mean() - parts(mean, log_std, noise, X, y)[1]


WRONG = {
    "best_first": [
        average_of_entries,
        column_of_the_likeliest,
        not_normalized,
        logs_of_the_other_too,
        underflows,
        expected_logs,
    ],
    "batch_bound": [
        not_scaled,
        divergence_scaled_too,
        divergence_added,
        log_of_a_variance,
        one_half_once,
        one_a_draw,
        classes_as_signs,
    ],
}
