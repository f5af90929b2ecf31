"""Wrong answers that the checkers of book/autoencoders/autoencoder.md must refuse."""

import numpy as np


def columns_of_the_decoder(W, codes):
    return (W / np.linalg.norm(W, axis=0)).T


def orthogonal_but_not_turned(W, codes):
    return np.linalg.qr(W)[0].T


def axes_of_the_decoder_alone(W, codes):
    return np.linalg.svd(W)[0][:, : W.shape[1]].T


def mean_left_in(W, codes):
    return np.linalg.svd(codes @ W.T, full_matrices=False)[2][: W.shape[1]]


def smallest_first(W, codes):
    y = codes @ W.T
    return np.linalg.svd(y - y.mean(axis=0), full_matrices=False)[2][: W.shape[1]][::-1]


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


WRONG = {
    "principal_axes": [
        columns_of_the_decoder,
        orthogonal_but_not_turned,
        axes_of_the_decoder_alone,
        mean_left_in,
        smallest_first,
    ],
    "posterior_mean": [
        without_the_two,
        distance_not_squared,
        nearest_point,
        not_normalised,
        underflow,
    ],
}
