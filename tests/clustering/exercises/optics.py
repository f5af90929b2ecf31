"""Wrong answers that the checkers of book/clustering/optics.md must refuse."""

import numpy as np


def plain_distance(X, core, p):
    return np.linalg.norm(X - X[p], axis=1)


def core_of_the_other(X, core, p):
    return np.maximum(core, np.linalg.norm(X - X[p], axis=1))


def smaller_of_both(X, core, p):
    return np.minimum(core[p], np.linalg.norm(X - X[p], axis=1))


def of_the_radii(leaves_at, appears_at):
    return (appears_at - np.asarray(leaves_at)).sum()


def the_mean(leaves_at, appears_at):
    return (1 / np.asarray(leaves_at) - 1 / appears_at).mean()


def the_birth_once(leaves_at, appears_at):
    return (1 / np.asarray(leaves_at)).sum() - 1 / appears_at


def divided_as_whole_numbers(leaves_at, appears_at):
    return (1 // np.asarray(leaves_at) - 1 // appears_at).sum()


WRONG = {
    "reachability": [plain_distance, core_of_the_other, smaller_of_both],
    "stability": [of_the_radii, the_mean, the_birth_once, divided_as_whole_numbers],
}
