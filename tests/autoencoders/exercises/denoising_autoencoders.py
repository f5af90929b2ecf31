"""Wrong answers that the checkers of book/autoencoders/denoising_autoencoders.md must refuse."""

import numpy as np


def softmax(exponent):
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def squared(noisy, points):
    return ((noisy[:, None] - points) ** 2).sum(axis=-1)


def without_the_two(noisy, points, noise_std):
    return softmax(-squared(noisy, points) / noise_std**2) @ points


def distance_not_squared(noisy, points, noise_std):
    return softmax(-np.sqrt(squared(noisy, points)) / (2 * noise_std**2)) @ points


def nearest_point(noisy, points, noise_std):
    return points[squared(noisy, points).argmin(axis=1)]


def not_normalised(noisy, points, noise_std):
    return np.exp(-squared(noisy, points) / (2 * noise_std**2)) @ points


def underflow(noisy, points, noise_std):
    weights = np.exp(-squared(noisy, points) / (2 * noise_std**2))
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1) @ points


def repeated(pooled, indices):
    return np.repeat(np.repeat(pooled, 2, axis=0), 2, axis=1)


def top_left(pooled, indices):
    full = np.zeros((2 * pooled.shape[0], 2 * pooled.shape[1]))
    full[::2, ::2] = pooled
    return full


def height_for_width(pooled, indices):
    height, width = pooled.shape
    full = np.zeros((2 * height, 2 * width))
    for value, k in zip(pooled.ravel(), indices.ravel(), strict=True):
        full[k // (2 * height) % (2 * height), k % (2 * height) % (2 * width)] = value
    return full


def column_by_column(pooled, indices):
    full = np.zeros(4 * pooled.size)
    full[indices.ravel()] = pooled.ravel()
    return full.reshape((2 * pooled.shape[0], 2 * pooled.shape[1]), order="F")


def flat(pooled, indices):
    full = np.zeros(4 * pooled.size)
    full[indices.ravel()] = pooled.ravel()
    return full


WRONG = {
    "posterior_mean": [
        without_the_two,
        distance_not_squared,
        nearest_point,
        not_normalised,
        underflow,
    ],
    "unpool": [repeated, top_left, height_for_width, column_by_column, flat],
}
