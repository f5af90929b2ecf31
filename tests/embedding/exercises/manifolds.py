"""Wrong answers that the checkers of book/embedding/manifolds.md must refuse."""

import numpy as np


def only_one_stop(lengths):
    return (lengths[:, :, None] + lengths[None]).min(axis=1)


def in_place(lengths):
    for via in range(len(lengths)):
        np.minimum(lengths, lengths[:, via, None] + lengths[None, via], out=lengths)
    return lengths


def forgets_the_old_ways(lengths):
    paths = lengths.copy()
    for via in range(len(paths)):
        paths = paths[:, via, None] + paths[None, via]
    return paths


def eight_edges_at_most(lengths):
    for _ in range(3):
        lengths = np.minimum(lengths, (lengths[:, :, None] + lengths[None]).min(axis=1))
    return lengths


def half_of_the_stops(lengths):
    paths = lengths.copy()
    for via in range(len(paths) // 2):
        paths = np.minimum(paths, paths[:, via, None] + paths[None, via])
    return paths


def solved(C):
    m = np.linalg.solve(C, np.ones(len(C)))
    return m / m.sum()


def not_scaled(x, near, reg=1e-3):
    C = (near - x) @ (near - x).T
    return np.linalg.solve(C + reg * np.trace(C) * np.eye(len(C)), np.ones(len(C)))


def without_the_trace(x, near, reg=1e-3):
    return solved((near - x) @ (near - x).T + reg * np.eye(len(near)))


def about_the_origin(x, near, reg=1e-3):
    C = near @ near.T
    return solved(C + reg * np.trace(C) * np.eye(len(C)))


def a_hundred_times_reg(x, near, reg=1e-3):
    C = (near - x) @ (near - x).T
    return solved(C + 100 * reg * np.trace(C) * np.eye(len(C)))


def equal_shares(x, near, reg=1e-3):
    return np.full(len(near), 1 / len(near))


def by_distance(x, near, reg=1e-3):
    m = 1 / np.linalg.norm(near - x, axis=1)
    return m / m.sum()


WRONG = {
    "detours": [
        only_one_stop,
        in_place,
        forgets_the_old_ways,
        eight_edges_at_most,
        half_of_the_stops,
    ],
    "shares": [
        not_scaled,
        without_the_trace,
        about_the_origin,
        a_hundred_times_reg,
        equal_shares,
        by_distance,
    ],
}
