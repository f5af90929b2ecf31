"""Wrong answers that the checkers of book/autoregressive/sequences.md must refuse."""

import math

import numpy as np
import torch


def mean_of_the_probabilities(p):
    return 1 / np.mean(p)


def bits_only(p):
    return -np.mean(np.log2(p))


def nats_and_twos(p):
    return 2 ** -np.mean(np.log(p))


def through_the_product(p):
    return np.prod(p) ** (-1 / len(p))


def mean_of_the_logs(log_p, log_q, weight):
    return weight * log_p + (1 - weight) * log_q


def weights_swapped(log_p, log_q, weight):
    return torch.logaddexp(log_p + math.log(1 - weight), log_q + math.log(weight))


def not_weighted(log_p, log_q, weight):
    return torch.logaddexp(log_p, log_q)


def through_probabilities(log_p, log_q, weight):
    return (weight * log_p.exp() + (1 - weight) * log_q.exp()).log()


WRONG = {
    "perplexity": [mean_of_the_probabilities, bits_only, nats_and_twos, through_the_product],
    "mix": [mean_of_the_logs, weights_swapped, not_weighted, through_probabilities],
}
