"""Wrong answers that the checkers of book/compression/context_models.md must refuse."""

from math import exp, log, log2

import numpy as np


def counts_first(message, K):
    have, bits = [0.5] * K, 0.0
    for symbol in message:
        have[symbol] += 1
        bits += log2(sum(have) / have[symbol])
    return bits


def begins_at_one(message, K):
    have, bits = [1] * K, 0.0
    for symbol in message:
        bits += log2(sum(have) / have[symbol])
        have[symbol] += 1
    return bits


def never_counts(message, K):
    return len(message) * log2(K)


def in_nats(message, K):
    have, bits = [0.5] * K, 0.0
    for symbol in message:
        bits += log(sum(have) / have[symbol])
        have[symbol] += 1
    return bits


def downhill(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    return beta, weights - rate * (answer - beta) * opinions


def all_alike(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    return beta, weights + rate * (answer - beta)


def in_place(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    weights += rate * (answer - beta) * opinions
    return beta, weights


def of_opinions_in_place(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    opinions *= rate * (answer - beta)
    return beta, weights + opinions


def learns_first(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    new = weights + rate * (answer - beta) * opinions
    return 1 / (1 + exp(-(new @ opinions))), new


def without_a_sigmoid(opinions, weights, answer, rate):
    beta = weights @ opinions
    return beta, np.asarray(weights) + rate * (answer - beta) * opinions


def a_bet_each(opinions, weights, answer, rate):
    beta = 1 / (1 + np.exp(-(weights * opinions)))
    return beta, weights + rate * (answer - beta) * opinions


def of_squared_error(opinions, weights, answer, rate):
    beta = 1 / (1 + exp(-(weights @ opinions)))
    return beta, weights + rate * (answer - beta) * beta * (1 - beta) * opinions


WRONG = {
    "adaptive_bits": [counts_first, begins_at_one, never_counts, in_nats],
    "bet": [
        downhill,
        all_alike,
        in_place,
        of_opinions_in_place,
        learns_first,
        without_a_sigmoid,
        a_bet_each,
        of_squared_error,
    ],
}
