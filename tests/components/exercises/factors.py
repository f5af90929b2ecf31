"""Wrong answers that the checkers of book/components/factors.md must refuse."""

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


def parts_of(X, k, ddof=0):
    values, vectors = np.linalg.eigh(np.cov(X.T, ddof=ddof))
    return X.mean(axis=0), values[::-1], vectors[:, ::-1], np.eye(X.shape[1])


def noise_not_subtracted(X, k):
    mean, values, vectors, eye = parts_of(X, k)
    noise, loadings = values[k:].mean(), vectors[:, :k] * np.sqrt(values[:k])
    return mean, loadings @ loadings.T + noise * eye, noise


def smallest_first(X, k):
    mean, values, vectors, eye = parts_of(X, k)
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[k:].mean()
    loadings = vectors[:, :k] * np.sqrt(np.abs(values[:k] - noise))
    return mean, loadings @ loadings.T + noise * eye, noise


def divided_by_n_minus_one(X, k):
    mean, values, vectors, eye = parts_of(X, k, ddof=1)
    noise = values[k:].mean()
    loadings = vectors[:, :k] * np.sqrt(values[:k] - noise)
    return mean, loadings @ loadings.T + noise * eye, noise


def summed_noise(X, k):
    mean, values, vectors, eye = parts_of(X, k)
    noise = values[k:].sum()
    loadings = vectors[:, :k] * np.sqrt((values[:k] - noise).clip(0))
    return mean, loadings @ loadings.T + noise * eye, noise


def rows_for_columns(X, k):
    mean, values, vectors, eye = parts_of(X, k)
    noise = values[k:].mean()
    loadings = vectors.T[:, :k] * np.sqrt(values[:k] - noise)
    return mean, loadings @ loadings.T + noise * eye, noise


WRONG = {
    "split": [mean_not_subtracted, axes_swapped, mean_over_variables_too, not_broadcast],
    "ppca": [
        noise_not_subtracted,
        smallest_first,
        divided_by_n_minus_one,
        summed_noise,
        rows_for_columns,
    ],
}
