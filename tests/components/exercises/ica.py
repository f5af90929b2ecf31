"""Wrong answers that the checkers of book/components/ica.md must refuse."""

import numpy as np


def _tanh(w, Z):
    return np.tanh(Z @ w)


def without_length(w, Z):
    g = _tanh(w, Z)
    return Z.T @ g / len(Z) - (1 - g**2).mean() * w


def gradient_only(w, Z):
    new = Z.T @ _tanh(w, Z) / len(Z)
    return new / np.linalg.norm(new)


def sums_for_means(w, Z):
    g = _tanh(w, Z)
    new = Z.T @ g - (1 - g**2).mean() * w
    return new / np.linalg.norm(new)


def in_place(w, Z):
    g = _tanh(w, Z)
    w *= -(1 - g**2).mean()
    w += Z.T @ g / len(Z)
    w /= np.linalg.norm(w)
    return w


def one_for_each_row(w, Z):
    g = _tanh(w, Z)
    return Z * g[:, None] - (1 - g**2)[:, None] * w


def its_row_for_its_column(X, B, i):
    return X - np.outer((X - X.mean(axis=0)) @ B[i], B[i])


def only_that_source(X, B, i):
    return np.outer((X - X.mean(axis=0)) @ B[i], np.linalg.pinv(B)[:, i])


def without_the_mean(X, B, i):
    centred = X - X.mean(axis=0)
    return centred - np.outer(centred @ B[i], np.linalg.pinv(B)[:, i])


def uncentred_source(X, B, i):
    return X - np.outer(X @ B[i], np.linalg.pinv(B)[:, i])


def mixed_again(X, B, i):
    S = (X - X.mean(axis=0)) @ B.T
    S[:, i] = 0
    return S @ np.linalg.pinv(B).T + X.mean(axis=0)


def a_feature_removed(X, B, i):
    return np.delete(X, i, axis=1)


def changes_X(X, B, i):
    X -= np.outer((X - X.mean(axis=0)) @ B[i], np.linalg.pinv(B)[:, i])
    return X


WRONG = {
    "one_step": [without_length, gradient_only, sums_for_means, in_place, one_for_each_row],
    "without_source": [
        its_row_for_its_column,
        only_that_source,
        without_the_mean,
        uncentred_source,
        mixed_again,
        a_feature_removed,
        changes_X,
    ],
}
