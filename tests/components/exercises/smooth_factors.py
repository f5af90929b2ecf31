"""Wrong answers that the checkers of book/components/smooth_factors.md must refuse."""

import numpy as np


def push(f, mean, variance, kappa, *, step=None, weights=None, tangent=False):
    step = np.sqrt((1 + kappa) * variance) if step is None else step
    weights = np.array([kappa, 0.5, 0.5]) / (1 + kappa) if weights is None else weights
    images = np.asarray(f(mean + step * np.array([0, 1, -1])))
    center = f(mean) if tangent else weights @ images
    return center, weights @ (images - center) ** 2


def forgets_the_root(f, mean, variance, kappa):
    return push(f, mean, variance, kappa, step=(1 + kappa) * variance)


def weighs_alike(f, mean, variance, kappa):
    return push(f, mean, variance, kappa, weights=np.ones(3) / 3)


def sends_the_mean_alone(f, mean, variance, kappa):
    return push(f, mean, variance, kappa, tangent=True)


def ignores_kappa(f, mean, variance, kappa):
    return push(f, mean, variance, 2.0)


def returns_the_deviation(f, mean, variance, kappa):
    center, spread = push(f, mean, variance, kappa)
    return center, np.sqrt(spread)


def smooth(x, time_scale, noise, *, fill=False, half=0.5, power=2, square=False):
    t = np.arange(len(x))
    seen = np.ones(len(x), bool) if fill else ~np.isnan(x)
    gap = np.abs(np.subtract.outer(t, t) / time_scale) ** power
    covariance = np.exp(-half * gap)
    both = covariance[np.ix_(seen, seen)] + (noise**2 if square else noise) * np.eye(seen.sum())
    return covariance[:, seen] @ np.linalg.solve(both, np.nan_to_num(x)[seen])


def takes_nan_for_zero(x, time_scale, noise):
    return smooth(x, time_scale, noise, fill=True)


def forgets_the_two(x, time_scale, noise):
    return smooth(x, time_scale, noise, half=1)


def takes_another_kernel(x, time_scale, noise):
    return smooth(x, time_scale, noise, half=1, power=1)


def squares_the_noise(x, time_scale, noise):
    return smooth(x, time_scale, noise, square=True)


def returns_only_what_was_seen(x, time_scale, noise):
    return smooth(x, time_scale, noise)[~np.isnan(x)]


def keeps_nan(x, time_scale, noise):
    return np.where(np.isnan(x), np.nan, smooth(x, time_scale, noise))


WRONG = {
    "push_points": [
        forgets_the_root,
        weighs_alike,
        sends_the_mean_alone,
        ignores_kappa,
        returns_the_deviation,
    ],
    "smooth_path": [
        takes_nan_for_zero,
        forgets_the_two,
        takes_another_kernel,
        squares_the_noise,
        returns_only_what_was_seen,
        keeps_nan,
    ],
}
