"""Wrong answers that the checkers of book/autoencoders/vae.md must refuse."""

import math

import torch


def log_std_for_log_variance(mean, log_std):
    return ((mean**2 + torch.exp(log_std) - 1 - log_std) / 2).sum(dim=1)


def mean_over_coordinates(mean, log_std):
    return ((mean**2 + torch.exp(2 * log_std) - 1) / 2 - log_std).mean(dim=1)


def one_number_for_all(mean, log_std):
    return ((mean**2 + torch.exp(2 * log_std) - 1) / 2 - log_std).sum()


def forgets_the_one(mean, log_std):
    return ((mean**2 + torch.exp(2 * log_std)) / 2 - log_std).sum(dim=1)


def wrong_sign_of_the_logarithm(mean, log_std):
    return ((mean**2 + torch.exp(2 * log_std) - 1) / 2 + log_std).sum(dim=1)


def mean_of_the_logs(log_weights):
    return log_weights.mean(dim=0)


def sum_without_division(log_weights):
    return torch.logsumexp(log_weights, dim=0)


def over_images(log_weights):
    return torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[1])


def underflows(log_weights):
    return log_weights.exp().mean(dim=0).log()


def largest_weight(log_weights):
    return log_weights.max(dim=0).values


WRONG = {
    "code_cost": [
        log_std_for_log_variance,
        mean_over_coordinates,
        one_number_for_all,
        forgets_the_one,
        wrong_sign_of_the_logarithm,
    ],
    "weighted_bound": [
        mean_of_the_logs,
        sum_without_division,
        over_images,
        underflows,
        largest_weight,
    ],
}
