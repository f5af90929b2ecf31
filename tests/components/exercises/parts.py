"""Wrong answers that the checkers of book/components/parts.md must refuse."""

import numpy as np


def upside_down(X, W, H):
    return H * ((W.T @ W) @ H) / (W.T @ X)


def gradient_step(X, W, H):
    return H - 0.01 * (W.T @ W @ H - W.T @ X)


def in_place(X, W, H):
    H *= (W.T @ X) / (W.T @ W @ H)
    return H


def without_a_guard(X, W, H):
    with np.errstate(invalid="ignore"):
        return H * (W.T @ X) / (W.T @ W @ H)


def updates_the_codes(X, W, H):
    return W * (X @ H.T) / (W @ H @ H.T)


def root_of_the_ratio(X, W, H):
    return H * np.sqrt((W.T @ X) / np.maximum(W.T @ W @ H, 1e-12))


def column_below_zero(X, W, H, j):
    return W[:, j] - (W @ H - X) @ H[j] / (H[j] @ H[j])


def column_of_a_gradient_step(X, W, H, j):
    return np.maximum(W[:, j] - (W @ H - X) @ H[j], 0)


def column_multiplied(X, W, H, j):
    return W[:, j] * (X @ H[j]) / (W @ H @ H[j])


def column_without_the_others(X, W, H, j):
    return np.maximum(X @ H[j] / (H[j] @ H[j]), 0)


def column_in_place(X, W, H, j):
    W[:, j] = np.maximum(W[:, j] - (W @ H - X) @ H[j] / (H[j] @ H[j]), 0)
    return W[:, j]


WRONG = {
    "update_parts": [
        upside_down,
        gradient_step,
        in_place,
        without_a_guard,
        updates_the_codes,
        root_of_the_ratio,
    ],
    "update_column": [
        column_below_zero,
        column_of_a_gradient_step,
        column_multiplied,
        column_without_the_others,
        column_in_place,
    ],
}
