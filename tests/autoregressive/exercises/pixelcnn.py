"""Wrong answers that the checkers of book/autoregressive/pixelcnn.md must refuse."""

import numpy as np
import torch


def the_same_for_both(kind):
    return torch.ones(3, 3).tril()


def sees_what_comes_later(kind):
    return torch.ones(3, 3).triu(0 if kind == "B" else 1)


def sees_everything_in_b(kind):
    return torch.ones(3, 3) if kind == "B" else torch.ones(3, 3).tril(-1)


def only_itself(kind):
    return torch.eye(3) * (kind == "B")


def without_tails(mean, scale, n_levels):
    edges = np.arange(n_levels + 1) - 0.5
    return np.diff(1 / (1 + np.exp(-(edges - mean) / scale)))


def density_at_the_level(mean, scale, n_levels):
    s = 1 / (1 + np.exp(-(np.arange(n_levels) - mean) / scale))
    return s * (1 - s) / scale


def edges_one_half_too_low(mean, scale, n_levels):
    edges = np.arange(n_levels - 1)
    return np.diff(np.r_[0.0, 1 / (1 + np.exp(-(edges - mean) / scale)), 1.0])


def normalised_without_tails(mean, scale, n_levels):
    mass = without_tails(mean, scale, n_levels)
    return mass / mass.sum()


WRONG = {
    "center_mask": [the_same_for_both, sees_what_comes_later, sees_everything_in_b, only_itself],
    "level_mass": [
        without_tails,
        density_at_the_level,
        edges_one_half_too_low,
        normalised_without_tails,
    ],
}
