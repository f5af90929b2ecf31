"""Weighted softmax regression by Newton's method: the inner solver of the mixtures of experts.

A is (n, p), its last column ones; W is (k - 1, p), since class 0 has score 0.

Chapter: `experts`.
"""

import numpy as np


def log_softmax(A, W):
    """Log probabilities (n, k) of classes with scores 0 and A W'."""
    scores = np.zeros((len(W) + 1, len(A)))  # classes are rows: long rows are fast to sweep
    scores[1:] = W @ A.T
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores.T


def weights_of(penalty, n_columns):
    """The penalty of each column of A (p,): one for all features or one for each, none for ones."""
    return np.append(np.broadcast_to(penalty, n_columns - 1), 0.0)


def softmax_objective(W, A, shares, penalty):
    """The sum of shares_nk log softmax_nk less the penalty; its gradient.

    The shares (n, k) may have any sum. The penalty, a number or one a feature
    (p - 1,), spares the last column, the intercepts.
    """
    log_p, slopes = log_softmax(A, W), W * weights_of(penalty, A.shape[1])
    residual = shares - shares.sum(axis=1, keepdims=True) * np.exp(log_p)
    value = np.sum(shares * log_p) - 0.5 * np.sum(slopes * W)
    return value, residual[:, 1:].T @ A - slopes


def newton_step(W, gradient, A, shares, penalty):
    """Solve (information + penalty) step = gradient; the least solution where it is singular."""
    p, mass = np.exp(log_softmax(A, W))[:, 1:].T, shares.sum(axis=1)
    k, d = W.shape
    information = np.empty((k, d, k, d))
    for i in range(k):
        for j in range(k):
            curvature = mass * p[i] * ((i == j) - p[j])
            information[i, :, j] = A.T @ (A * curvature[:, None])
    penalties = np.tile(weights_of(penalty, d), k)
    matrix = information.reshape(k * d, k * d) + np.diag(penalties)
    return np.linalg.lstsq(matrix, gradient.ravel(), rcond=1e-12)[0].reshape(k, d)


def fit_softmax(A, shares, W, penalty=0.0, max_iter=25):
    """Newton's method (IRLS) for `softmax_objective`, from W; no step lowers it."""
    value, gradient = softmax_objective(W, A, shares, penalty)
    for _ in range(max_iter if len(W) else 0):
        step = newton_step(W, gradient, A, shares, penalty)
        gain = np.sum(step * gradient) / 2  # at most
        if gain <= 5e-12 * (1 + abs(value)):
            return W
        for _ in range(20):
            new = softmax_objective(W + step, A, shares, penalty)
            if new[0] >= value:
                break
            step = step / 2
        else:
            return W
        W, (value, gradient) = W + step, new
    return W
