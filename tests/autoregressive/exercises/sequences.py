"""Wrong answers that the checkers of book/autoregressive/sequences.md must refuse."""

import math

import torch


def layers_only(kernel_size, dilations):
    return 2 ** len(dilations)


def forgot_the_present(kernel_size, dilations):
    return (kernel_size - 1) * sum(dilations)


def product_of_the_kernels(kernel_size, dilations):
    return kernel_size ** len(dilations)


def full_kernels(kernel_size, dilations):
    return 1 + kernel_size * sum(dilations)


def mean_of_the_logs(log_p, log_q, weight):
    return weight * log_p + (1 - weight) * log_q


def weights_swapped(log_p, log_q, weight):
    return torch.logaddexp(log_p + math.log(1 - weight), log_q + math.log(weight))


def not_weighted(log_p, log_q, weight):
    return torch.logaddexp(log_p, log_q)


def through_probabilities(log_p, log_q, weight):
    return (weight * log_p.exp() + (1 - weight) * log_q.exp()).log()


WRONG = {
    "receptive_field": [layers_only, forgot_the_present, product_of_the_kernels, full_kernels],
    "mix": [mean_of_the_logs, weights_swapped, not_weighted, through_probabilities],
}
