"""Wrong answers that the checkers of book/components/ppca.md must refuse."""

import numpy as np

from companion.components.latent_gaussian import posterior


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


def moments(X, loadings, noise):
    centred = X - X.mean(axis=0)
    covariance, encoder = posterior(loadings, noise)
    return centred, covariance, centred @ encoder.T


def guess_taken_for_the_factor(X, loadings, noise):
    centred, _, m = moments(X, loadings, noise)
    cross = m.T @ centred / len(X)
    new = np.linalg.solve(m.T @ m / len(X), cross)
    return new, (centred**2).mean(axis=0) - (new * cross).sum(axis=0)


def old_loadings_in_the_noise(X, loadings, noise):
    centred, covariance, m = moments(X, loadings, noise)
    cross = m.T @ centred / len(X)
    new = np.linalg.solve(covariance + m.T @ m / len(X), cross)
    return new, (centred**2).mean(axis=0) - (loadings * cross).sum(axis=0)


def mean_left_in(X, loadings, noise):
    covariance, encoder = posterior(loadings, noise)
    m = X @ encoder.T
    cross = m.T @ X / len(X)
    new = np.linalg.solve(covariance + m.T @ m / len(X), cross)
    return new, (X**2).mean(axis=0) - (new * cross).sum(axis=0)


def sums_for_means(X, loadings, noise):
    centred, covariance, m = moments(X, loadings, noise)
    cross = m.T @ centred
    new = np.linalg.solve(covariance + m.T @ m, cross)
    return new, (centred**2).mean(axis=0) - (new * cross).sum(axis=0) / len(X)


def filled_with_zeros(x, mean, loadings, noise):
    covariance, encoder = posterior(loadings, noise)
    seen = ~np.isnan(x)
    guess = mean + encoder @ np.where(seen, x - mean, 0) @ loadings
    variance = (loadings * (covariance @ loadings)).sum(axis=0) + noise
    return np.where(seen, x, guess), np.where(seen, 0, np.sqrt(variance))


def mean_forgotten(x, mean, loadings, noise):
    seen = ~np.isnan(x)
    covariance, encoder = posterior(loadings[:, seen], noise[seen])
    variance = (loadings * (covariance @ loadings)).sum(axis=0) + noise
    guess = encoder @ x[seen] @ loadings
    return np.where(seen, x, guess), np.where(seen, 0, np.sqrt(variance))


def own_noise_forgotten(x, mean, loadings, noise):
    seen = ~np.isnan(x)
    covariance, encoder = posterior(loadings[:, seen], noise[seen])
    guess = mean + encoder @ (x - mean)[seen] @ loadings
    spread = np.sqrt((loadings * (covariance @ loadings)).sum(axis=0))
    return np.where(seen, x, guess), np.where(seen, 0, spread)


def everything_smoothed(x, mean, loadings, noise):
    seen = ~np.isnan(x)
    covariance, encoder = posterior(loadings[:, seen], noise[seen])
    guess = mean + encoder @ (x - mean)[seen] @ loadings
    variance = (loadings * (covariance @ loadings)).sum(axis=0) + noise
    return guess, np.where(seen, 0, np.sqrt(variance))


WRONG = {
    "ppca": [
        noise_not_subtracted,
        smallest_first,
        divided_by_n_minus_one,
        summed_noise,
        rows_for_columns,
    ],
    "one_step": [
        guess_taken_for_the_factor,
        old_loadings_in_the_noise,
        mean_left_in,
        sums_for_means,
    ],
    "fill": [filled_with_zeros, mean_forgotten, own_noise_forgotten, everything_smoothed],
}
