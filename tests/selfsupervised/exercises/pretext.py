"""Wrong answers that the checkers of book/selfsupervised/pretext.md must refuse."""

import numpy as np


def turns_all_by_the_first(images, turns):
    return np.rot90(images, turns[0], axes=(1, 2))


def clockwise(images, turns):
    return np.stack([np.rot90(image, -k) for image, k in zip(images, turns, strict=True)])


def mirrored_as_well(images, turns):
    return np.stack([np.rot90(image, k)[:, ::-1] for image, k in zip(images, turns, strict=True)])


def flipped_at_random(images, turns):
    return np.stack([np.rot90(image.T, k) for image, k in zip(images, turns, strict=True)])


def half_turns(images, turns):
    return np.stack([np.rot90(image, 2 * k) for image, k in zip(images, turns, strict=True)])


def all_pixels(x, guess, hidden):
    return ((x - guess) ** 2).mean()


def hidden_over_all(x, guess, hidden):
    return ((x - guess) ** 2 * hidden).mean()


def seen_pixels(x, guess, hidden):
    return ((x - guess) ** 2)[~hidden].mean()


def absolute(x, guess, hidden):
    return np.abs(x - guess)[hidden].mean()


def summed(x, guess, hidden):
    return ((x - guess) ** 2)[hidden].sum()


def over_columns(here, there, colors, T):
    s = np.exp(here @ there.T / T)
    return (s / s.sum(axis=0, keepdims=True)) @ colors


def no_temperature(here, there, colors, T):
    s = np.exp(here @ there.T)
    return (s / s.sum(axis=1, keepdims=True)) @ colors


def points_back(here, there, colors, T):
    s = np.exp(there @ here.T / T)
    return (s / s.sum(axis=1, keepdims=True)) @ colors


def overflows(here, there, colors, T):
    with np.errstate(all="ignore"):
        s = np.exp(here @ there.T / T)
        return (s / s.sum(axis=1, keepdims=True)) @ colors


def times_temperature(here, there, colors, T):
    s = here @ there.T * T
    s = np.exp(s - s.max(axis=1, keepdims=True))
    return (s / s.sum(axis=1, keepdims=True)) @ colors


def largest_of_all(here, there, colors, T):
    s = here @ there.T / T
    s = np.exp(s - s.max())
    with np.errstate(all="ignore"):
        return (s / s.sum(axis=1, keepdims=True)) @ colors


def mean_of_means(x, guess, hidden):
    return np.mean([((a - b)[m] ** 2).mean() for a, b, m in zip(x, guess, hidden, strict=True)])


WRONG = {
    "turned": [
        turns_all_by_the_first,
        clockwise,
        mirrored_as_well,
        flipped_at_random,
        half_turns,
    ],
    "hidden_error": [all_pixels, hidden_over_all, seen_pixels, absolute, summed, mean_of_means],
    "pointed": [
        over_columns,
        no_temperature,
        points_back,
        overflows,
        times_temperature,
        largest_of_all,
    ],
}
