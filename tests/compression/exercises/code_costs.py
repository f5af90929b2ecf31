"""Wrong answers that the checkers of book/compression/code_costs.md must refuse."""

import numpy as np


def in_nats(P, Q):
    used = P > 0
    H = -np.sum(P[used] * np.log(P[used]))
    return H, -np.sum(P * np.log(Q)) - H


def the_whole_cost(P, Q):
    used = P > 0
    return -np.sum(P[used] * np.log2(P[used])), -np.sum(P * np.log2(Q))


def mean_over_the_model(P, Q):
    used = P > 0
    H = -np.sum(P[used] * np.log2(P[used]))
    return H, np.sum(Q[used] * np.log2(Q[used] / P[used]))


def nothing_times_infinity(P, Q):
    with np.errstate(all="ignore"):
        H = -np.sum(P * np.log2(P))
    return H, -np.sum(P * np.log2(Q)) - H


def adds_them_up(symbols, m, K):
    return np.reshape(symbols, (-1, m)).sum(axis=1)


def base_two(symbols, m, K):
    return np.reshape(symbols, (-1, m)) @ 2 ** np.arange(m)


def from_far_apart(symbols, m, K):
    return np.reshape(symbols, (m, -1)).T @ K ** np.arange(m)


def base_too_large(symbols, m, K):
    return np.reshape(symbols, (-1, m)) @ (K + 1) ** np.arange(m)


WRONG = {
    "cost": [in_nats, the_whole_cost, mean_over_the_model, nothing_times_infinity],
    "in_groups": [adds_them_up, base_two, from_far_apart, base_too_large],
}
