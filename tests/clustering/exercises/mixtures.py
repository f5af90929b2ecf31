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


def normalised_over_points(x, weights, means, sigmas):
    joint = weights / sigmas * np.exp(-0.5 * ((x[:, None] - means) / sigmas) ** 2)
    return joint / joint.sum(axis=0)


def underflows(x, weights, means, sigmas):
    joint = weights / sigmas * np.exp(-0.5 * ((x[:, None] - means) / sigmas) ** 2)
    with np.errstate(invalid="ignore"):
        return joint / joint.sum(axis=1, keepdims=True)


def weighted_sums(X, shares):
    counts = shares.sum(axis=0)
    means = shares.T @ X
    squares = (X[:, None] - means) ** 2
    return counts / len(X), means, np.einsum("nk,nkd->kd", shares, squares) / counts[:, None]


def around_the_common_mean(X, shares):
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    return counts / len(X), means, shares.T @ (X - X.mean(axis=0)) ** 2 / counts[:, None]


def counts_for_weights(X, shares):
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    squares = (X[:, None] - means) ** 2
    return counts, means, np.einsum("nk,nkd->kd", shares, squares) / counts[:, None]


def hard_assignment(X, shares):
    return around_the_right_mean(X, np.eye(shares.shape[1])[shares.argmax(axis=1)])


def around_the_right_mean(X, shares):
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    squares = (X[:, None] - means) ** 2
    return counts / len(X), means, np.einsum("nk,nkd->kd", shares, squares) / counts[:, None]


WRONG = {
    "shares_of": [without_weights, without_sigma_in_front, normalised_over_points, underflows],
    "update": [weighted_sums, around_the_common_mean, counts_for_weights, hard_assignment],
}
