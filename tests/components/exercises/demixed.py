"""Wrong answers that the checkers of book/components/demixed.md must refuse."""

import numpy as np


def mean_not_subtracted(X):
    mean = np.broadcast_to(X.mean(axis=(0, 1)), X.shape)
    stimulus = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape)
    time = np.broadcast_to(X.mean(axis=0, keepdims=True), X.shape)
    return mean, stimulus, time, X - mean - stimulus - time


def axes_swapped(X):
    mean = np.broadcast_to(X.mean(axis=(0, 1)), X.shape)
    stimulus = np.broadcast_to(X.mean(axis=0, keepdims=True), X.shape) - mean
    time = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape) - mean
    return mean, stimulus, time, X - mean - stimulus - time


def mean_over_variables_too(X):
    mean = np.full(X.shape, X.mean())
    stimulus = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape) - mean
    time = np.broadcast_to(X.mean(axis=0, keepdims=True), X.shape) - mean
    return mean, stimulus, time, X - mean - stimulus - time


def not_broadcast(X):
    mean = X.mean(axis=(0, 1))
    stimulus, time = X.mean(axis=1) - mean, X.mean(axis=0) - mean
    return mean, stimulus, time, X - stimulus[:, None] - time - mean


def no_bottleneck(X, Y, k):
    return X @ np.linalg.lstsq(X, Y, rcond=None)[0]


def principal_components_of_x(X, Y, k):
    axes = np.linalg.svd(X, full_matrices=False)[2][:k]
    Z = X @ axes.T
    return Z @ np.linalg.lstsq(Z, Y, rcond=None)[0]


def principal_components_of_y(X, Y, k):
    axes = np.linalg.svd(Y, full_matrices=False)[2][:k]
    return X @ np.linalg.lstsq(X, Y, rcond=None)[0] @ axes.T @ axes


def y_itself_cut(X, Y, k):
    U, s, V = np.linalg.svd(Y, full_matrices=False)
    return U[:, :k] * s[:k] @ V[:k]


def decoder_returned(X, Y, k):
    return np.linalg.lstsq(X, Y, rcond=None)[0][:, :k]


WRONG = {
    "split": [mean_not_subtracted, axes_swapped, mean_over_variables_too, not_broadcast],
    "bottleneck": [
        no_bottleneck,
        principal_components_of_x,
        principal_components_of_y,
        y_itself_cut,
        decoder_returned,
    ],
}
