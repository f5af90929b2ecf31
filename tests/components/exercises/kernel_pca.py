"""Wrong answers that the checkers of book/components/kernel_pca.md must refuse."""

import numpy as np

from companion.components.kernel_pca import center_kernel
from companion.components.pca import PCA


def without_the_mean_taken_off(X, n_steps):
    u = np.ones(X.shape[1])
    for _ in range(n_steps):
        u = X.T @ (X @ u)
        u = u / np.linalg.norm(u)
    return u


def not_of_length_one(X, n_steps):
    centred = X - X.mean(axis=0)
    u = np.ones(X.shape[1])
    for _ in range(n_steps):
        u = centred.T @ (centred @ u)
        u = u / abs(u).max()
    return u


def one_step_only(X, n_steps):
    centred = X - X.mean(axis=0)
    u = centred.T @ (centred @ np.ones(X.shape[1]))
    return u / np.linalg.norm(u)


def in_place(X, n_steps):
    X -= X.mean(axis=0)
    return without_the_mean_taken_off(X, n_steps)


def by_pca(X, n_steps):
    return PCA(1).fit(X).components_[0]


def steps_of_its_own(X, n_steps):
    centred = X - X.mean(axis=0)
    u = np.ones(X.shape[1])
    for _ in range(500):
        u = centred.T @ (centred @ u)
        u = u / np.linalg.norm(u)
    return u


def last_axis(X, n_steps):
    return PCA().fit(X).components_[-1]


def by_the_covariance(X, n_steps):
    products = np.cov(X.T)
    u = np.ones(X.shape[1])
    for _ in range(n_steps):
        u = products @ u
        u = u / np.linalg.norm(u)
    return u


def gram(X):
    centred = X - X.mean(axis=0)
    squares, g = np.linalg.eigh(centred @ centred.T)
    return centred, squares[::-1], g[:, ::-1]


def not_divided(X, k):
    centred, _, g = gram(X)
    return g[:, :k].T @ centred


def divided_by_the_square(X, k):
    centred, squares, g = gram(X)
    return (g[:, :k] / squares[:k]).T @ centred


def smallest_first(X, k):
    centred, squares, g = gram(X)
    return ((g[:, :k] / np.sqrt(squares[:k])).T @ centred)[::-1]


def as_eigh_returns_them(X, k):
    centred = X - X.mean(axis=0)
    squares, g = np.linalg.eigh(centred @ centred.T)
    return (g[:, 1 : k + 1] / np.sqrt(squares[1 : k + 1])).T @ centred


def mean_left_on(X, k):
    squares, g = np.linalg.eigh(X @ X.T)
    return (g[:, ::-1][:, :k] / np.sqrt(squares[::-1][:k])).T @ X


def by_the_large_matrix(X, k):
    return np.linalg.eigh(np.cov(X.T))[1][:, ::-1][:, :k].T


def as_columns(X, k):
    centred, squares, g = gram(X)
    return centred.T @ g[:, :k] / np.sqrt(squares[:k])


def largest(K, k):
    squares, g = np.linalg.eigh(K)
    return squares[::-1][:k], g[:, ::-1][:, :k]


def not_centred(K, K_new, k):
    squares, g = largest(K, k)
    return K_new @ g / np.sqrt(squares)


def new_rows_as_they_are(K, K_new, k):
    squares, g = largest(center_kernel(K), k)
    return (K_new - K_new.mean(axis=0)) @ g / np.sqrt(squares)


def means_forgotten(K, K_new, k):
    squares, g = largest(center_kernel(K), k)
    return K_new @ g / np.sqrt(squares)


def without_a_scale(K, K_new, k):
    _, g = largest(center_kernel(K), k)
    return (K_new - K.mean(axis=0)) @ g


def by_the_eigenvalue(K, K_new, k):
    squares, g = largest(center_kernel(K), k)
    return (K_new - K.mean(axis=0)) @ g / squares


def scores_of_the_fitted(K, K_new, k):
    squares, g = largest(center_kernel(K), k)
    return g * np.sqrt(squares)


WRONG = {
    "first_component": [
        without_the_mean_taken_off,
        not_of_length_one,
        one_step_only,
        in_place,
        by_pca,
        steps_of_its_own,
        last_axis,
        by_the_covariance,
    ],
    "wide_directions": [
        not_divided,
        divided_by_the_square,
        smallest_first,
        as_eigh_returns_them,
        mean_left_on,
        by_the_large_matrix,
        as_columns,
    ],
    "kernel_scores": [
        not_centred,
        new_rows_as_they_are,
        means_forgotten,
        without_a_scale,
        by_the_eigenvalue,
        scores_of_the_fitted,
    ],
}
