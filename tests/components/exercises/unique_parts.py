"""Wrong answers that the checkers of book/components/unique_parts.md must refuse."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def scaled(H):
    return H / np.linalg.norm(H, axis=1, keepdims=True)


def nearest_of_each(A, B):
    return (scaled(A) @ scaled(B).T).argmax(axis=1)


def without_scaling(A, B):
    return linear_sum_assignment(-A @ B.T)[1]


def the_least_cosines(A, B):
    return linear_sum_assignment(scaled(A) @ scaled(B).T)[1]


def the_other_way_round(A, B):
    return linear_sum_assignment(-scaled(B) @ scaled(A).T)[1]


def greedy(A, B):
    cosine, found = scaled(A) @ scaled(B).T, np.zeros(len(A), dtype=int)
    for _ in range(len(A)):
        i, j = np.unravel_index(cosine.argmax(), cosine.shape)
        found[i], cosine[i], cosine[:, j] = j, -2, -2
    return found


def always(W, H, Y):
    return W @ Y, np.linalg.solve(Y, H)


def only_the_activities(W, H, Y):
    W, H = W @ Y, np.linalg.solve(Y, H)
    return (W, H) if W.min() >= -1e-9 else None


def strictly_positive(W, H, Y):
    W, H = W @ Y, np.linalg.solve(Y, H)
    return (W, H) if min(W.min(), H.min()) > 0 else None


def on_the_wrong_side(W, H, Y):
    W, H = np.linalg.solve(Y, W.T).T, Y @ H
    return (W, H) if min(W.min(), H.min()) >= -1e-9 else None


WRONG = {
    "match_parts": [
        nearest_of_each,
        without_scaling,
        the_least_cosines,
        the_other_way_round,
        greedy,
    ],
    "turned": [always, only_the_activities, strictly_positive, on_the_wrong_side],
}
