"""Wrong answers that the checkers of book/embedding/mds.md must refuse."""

import numpy as np


def centred(A):
    H = np.eye(len(A)) - 1 / len(A)
    return H @ A @ H


def without_the_square(D, q):
    values, vectors = np.linalg.eigh(centred(-D / 2))
    return vectors[:, ::-1][:, :q] * np.sqrt(values[::-1][:q].clip(0))


def matrix_product(D, q):
    values, vectors = np.linalg.eigh(centred(-(D @ D) / 2))
    return vectors[:, ::-1][:, :q] * np.sqrt(values[::-1][:q].clip(0))


def without_the_root(D, q):
    values, vectors = np.linalg.eigh(centred(-(D**2) / 2))
    return vectors[:, ::-1][:, :q] * values[::-1][:q].clip(0)


def smallest_first(D, q):
    values, vectors = np.linalg.eigh(centred(-(D**2) / 2))
    return vectors[:, :q] * np.sqrt(values[:q].clip(0))


def negative_roots(D, q):
    values, vectors = np.linalg.eigh(centred(-(D**2) / 2))
    with np.errstate(invalid="ignore"):
        return vectors[:, ::-1][:, :q] * np.sqrt(values[::-1][:q])


def absolute_values(D, q):
    values, vectors = np.linalg.eigh(centred(-(D**2) / 2))
    return vectors[:, ::-1][:, :q] * np.sqrt(np.abs(values[::-1][:q]))


def singular_values(D, q):
    vectors, values, _ = np.linalg.svd(centred(-(D**2) / 2))
    return vectors[:, :q] * np.sqrt(values[:q])


def all_columns(D, q):
    values, vectors = np.linalg.eigh(centred(-(D**2) / 2))
    return vectors[:, ::-1] * np.sqrt(values[::-1].clip(0))


def complex_and_unsorted(D, q):
    values, vectors = np.linalg.eig(centred(-(D**2) / 2).astype(complex))
    return vectors[:, :q] * np.sqrt(values[:q])


def unsorted(D, q):
    values, vectors = np.linalg.eig(centred(-(D**2) / 2))
    return (vectors[:, ::-1][:, :q] * np.sqrt(values[::-1][:q])).real


def not_squared(Z, D, new):
    return Z.T @ (D.mean(axis=0) - new) / (2 * (Z**2).sum(axis=0))


def mirrored(Z, D, new):
    return Z.T @ (new**2 - (D**2).mean(axis=0)) / (2 * (Z**2).sum(axis=0))


def without_the_half(Z, D, new):
    return Z.T @ ((D**2).mean(axis=0) - new**2) / (Z**2).sum(axis=0)


def without_the_eigenvalues(Z, D, new):
    return Z.T @ ((D**2).mean(axis=0) - new**2) / 2


def nearest_old_city(Z, D, new):
    return Z[new.argmin()]


WRONG = {
    "coordinates": [
        without_the_square,
        matrix_product,
        without_the_root,
        smallest_first,
        negative_roots,
        absolute_values,
        singular_values,
        all_columns,
        complex_and_unsorted,
        unsorted,
    ],
    "place": [
        not_squared,
        mirrored,
        without_the_half,
        without_the_eigenvalues,
        nearest_old_city,
    ],
}
