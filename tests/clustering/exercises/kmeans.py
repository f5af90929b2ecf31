"""Wrong answers that the checkers of book/clustering/kmeans.md must refuse."""

import numpy as np


def farthest(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmax(axis=1)


def nearest_point_of_each_centre(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=0)


def only_the_first_coordinate(X, centers):
    return ((X[:, None] - centers[None]) ** 2)[..., 0].argmin(axis=1)


def one_hot(X, centers):
    squared = ((X[:, None] - centers[None]) ** 2).sum(axis=-1)
    return (squared == squared.min(axis=1, keepdims=True)).astype(int)


def signed_sum(X, centers):
    return (X[:, None] - centers[None]).sum(axis=-1).argmin(axis=1)


def one_step(X, centers):
    z = ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=1)
    return np.array(
        [X[z == k].mean(axis=0) if (z == k).any() else centers[k] for k in range(len(centers))]
    )


def many_steps(X, centers, average, n_steps=100):
    centers = np.array(centers, dtype=float)
    for _ in range(n_steps):
        z = ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=1)
        for k in range(len(centers)):
            if (z == k).any():
                centers[k] = average(X[z == k])
    return centers


def with_medians(X, centers):
    return many_steps(X, centers, lambda members: np.median(members, axis=0))


def one_mean_for_all_coordinates(X, centers):
    return many_steps(X, centers, lambda members: members.mean())


def without_empty_ones(X, centers):
    for _ in range(50):
        z = ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=1)
        centers = np.array([X[z == k].mean(axis=0) for k in np.unique(z)])
    return centers


def the_labels(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=-1).argmin(axis=1)


WRONG = {
    "lloyd": [one_step, with_medians, one_mean_for_all_coordinates, without_empty_ones, the_labels],
    "assign": [
        farthest,
        nearest_point_of_each_centre,
        only_the_first_coordinate,
        one_hot,
        signed_sum,
    ],
}
