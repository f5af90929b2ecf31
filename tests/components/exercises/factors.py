"""Wrong answers that the checkers of book/components/factors.md must refuse."""

import numpy as np

from companion.components.factors import best_loadings


def without_noise(loadings, noise):
    communality = (loadings**2).sum(axis=0)
    return communality / communality, loadings / np.sqrt(communality)


def absolute_loadings(loadings, noise):
    communality = abs(loadings).sum(axis=0)
    variance = communality + noise
    return communality / variance, loadings / np.sqrt(variance)


def communality_in_its_unit(loadings, noise):
    communality = (loadings**2).sum(axis=0)
    return communality, loadings / np.sqrt(communality + noise)


def divided_by_the_variance(loadings, noise):
    variance = (loadings**2).sum(axis=0) + noise
    return 1 - noise / variance, loadings / variance


def start_from_ones(S, k):
    noise = np.ones(len(S))
    for _ in range(3):
        loadings = best_loadings(S, noise, k)
        noise = np.maximum(np.diag(S) - (loadings**2).sum(axis=0), 1e-9)
    return loadings, noise


def one_noise_for_all(S, k):
    values, vectors = np.linalg.eigh(S)
    noise = values[:-k].mean()
    loadings = vectors[:, -k:] * np.sqrt(values[-k:] - noise)
    return loadings.T, np.full(len(S), noise)


def principal_components(S, k):
    values, vectors = np.linalg.eigh(S)
    loadings = (vectors[:, -k:] * np.sqrt(values[-k:])).T
    return loadings, np.diag(S) - (loadings**2).sum(axis=0) + 1e-9


def columns_for_rows(S, k):
    loadings, noise = start_from_ones(S, k)
    return loadings.T, noise


WRONG = {
    "shared": [
        without_noise,
        absolute_loadings,
        communality_in_its_unit,
        divided_by_the_variance,
    ],
    "fit_factors": [start_from_ones, one_noise_for_all, principal_components, columns_for_rows],
}
