"""Wrong answers that the checkers of book/clustering/mixtures.md must refuse."""

import numpy as np


def without_weights(x, weights, means, sigmas):
    logs = -np.log(sigmas) - 0.5 * ((x[:, None] - means) / sigmas) ** 2
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def without_sigma_in_front(x, weights, means, sigmas):
    logs = np.log(weights) - 0.5 * ((x[:, None] - means) / sigmas) ** 2
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def joint(x, weights, means, sigmas):
    return weights / sigmas * np.exp(-0.5 * ((x[:, None] - means) / sigmas) ** 2)


def normalised_over_points(x, weights, means, sigmas):
    p = joint(x, weights, means, sigmas)
    with np.errstate(invalid="ignore"):
        return p / p.sum(axis=0)


def underflows(x, weights, means, sigmas):
    p = joint(x, weights, means, sigmas)
    with np.errstate(invalid="ignore"):
        return p / p.sum(axis=1, keepdims=True)


def with_a_tiny_number_below(x, weights, means, sigmas):
    p = joint(x, weights, means, sigmas)
    return p / (p.sum(axis=1, keepdims=True) + 1e-300)


def zeros_for_nan(x, weights, means, sigmas):
    return np.nan_to_num(underflows(x, weights, means, sigmas))


def even_where_it_underflows(x, weights, means, sigmas):
    return np.nan_to_num(underflows(x, weights, means, sigmas), nan=1 / len(weights))


def step(X, weights, means, variances, *, around=None, sums=False, hard=False):
    squares = (X[:, None] - means) ** 2
    logs = -0.5 * (np.log(2 * np.pi * variances) + squares / variances).sum(axis=2)
    p = np.exp(logs) * weights
    shares = p / p.sum(axis=1, keepdims=True)
    if hard:
        shares = np.eye(len(weights))[shares.argmax(axis=1)]
    counts = shares.sum(axis=0)
    new = shares.T @ X if sums else shares.T @ X / counts[:, None]
    centers = {"old": means, "common": X.mean(axis=0)}.get(around, new)
    variances = np.einsum("nk,nkd->kd", shares, (X[:, None] - centers) ** 2) / counts[:, None]
    return counts / len(X), new, variances


def steps(X, weights, means, variances, n_steps, **options):
    for _ in range(n_steps):
        weights, means, variances = step(X, weights, means, variances, **options)
    return weights, means, variances


def weighted_sums(X, weights, means, variances, n_steps):
    return steps(X, weights, means, variances, n_steps, sums=True)


def around_the_old_means(X, weights, means, variances, n_steps):
    return steps(X, weights, means, variances, n_steps, around="old")


def around_the_common_mean(X, weights, means, variances, n_steps):
    return steps(X, weights, means, variances, n_steps, around="common")


def hard_assignment(X, weights, means, variances, n_steps):
    return steps(X, weights, means, variances, n_steps, hard=True)


def one_step_only(X, weights, means, variances, n_steps):
    return step(X, weights, means, variances)


def counts_for_weights(X, weights, means, variances, n_steps):
    weights, means, variances = steps(X, weights, means, variances, n_steps)
    return weights * len(X), means, variances


def weights_stay(X, weights, means, variances, n_steps):
    for _ in range(n_steps):
        _, means, variances = step(X, weights, means, variances)
    return weights, means, variances


WRONG = {
    "shares_of": [
        without_weights,
        without_sigma_in_front,
        normalised_over_points,
        underflows,
        with_a_tiny_number_below,
        zeros_for_nan,
        even_where_it_underflows,
    ],
    "em": [
        weighted_sums,
        around_the_old_means,
        around_the_common_mean,
        hard_assignment,
        one_step_only,
        counts_for_weights,
        weights_stay,
    ],
}
