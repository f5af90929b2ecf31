"""Wrong answers that the checkers of book/components/pca.md must refuse."""

import numpy as np

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


def mean_over_entries(X, k):
    few = PCA(k).fit(X)
    return np.square(X - few.inverse_transform(few.transform(X))).mean()


def without_the_mean_added(X, k):
    few = PCA(k).fit(X)
    return np.square(X - few.transform(X) @ few.components_).sum(axis=1).mean()


def what_is_kept(X, k):
    return PCA(k).fit(X).explained_variance_.sum()


def share_of_the_variance(X, k):
    return 1 - PCA(k).fit(X).explained_variance_ratio_.sum()


WRONG = {
    "first_component": [
        without_the_mean_taken_off,
        not_of_length_one,
        one_step_only,
        in_place,
        by_pca,
        steps_of_its_own,
        last_axis,
    ],
    "lost": [mean_over_entries, without_the_mean_added, what_is_kept, share_of_the_variance],
}
