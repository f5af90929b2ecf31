"""Wrong answers that the checkers of book/inference/expectation_propagation.md must refuse."""

import numpy as np
from scipy import stats
from scipy.special import log_ndtr


def parts(mean, variance, precision, shift):
    """The cavity: its precision and shift."""
    return 1 / variance - precision, mean / variance - shift


def divides_by_q_and_not_by_the_cavity(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    if left <= 0:
        return precision, shift
    _, m, v = moments(rest / left, 1 / left)
    return 1 / v - 1 / variance, m / v - mean / variance


def asks_q_and_not_the_cavity(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    if left <= 0:
        return precision, shift
    _, m, v = moments(mean, variance)
    return 1 / v - left, m / v - rest


def clips_the_precision(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    if left <= 0:
        return precision, shift
    _, m, v = moments(rest / left, 1 / left)
    return max(1 / v - left, 0.0), m / v - rest


def returns_a_mean(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    if left <= 0:
        return precision, shift
    _, m, v = moments(rest / left, 1 / left)
    return 1 / v - left, (m / v - rest) / (1 / v - left)


def never_skips(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    _, m, v = moments(rest / left, 1 / left)
    return 1 / v - left, m / v - rest


def skips_to_zero(moments, mean, variance, precision, shift):
    left, rest = parts(mean, variance, precision, shift)
    if left <= 0:
        return 0.0, 0.0
    _, m, v = moments(rest / left, 1 / left)
    return 1 / v - left, m / v - rest


def not_in_logarithms(mean, variance):
    std = variance**0.5
    t = mean / std
    with np.errstate(all="ignore"):
        z = stats.norm.cdf(t) if t > -8 else 0.0
        r = np.float64(stats.norm.pdf(t)) / z
        return np.log(z), mean + std * r, variance * (1 - r * (t + r))


def ratio(t):
    return np.exp(-(t**2) / 2 - np.log(2 * np.pi) / 2 - log_ndtr(t))


def integral_and_not_its_logarithm(mean, variance):
    t = mean / variance**0.5
    r = ratio(t)
    return np.exp(log_ndtr(t)), mean + variance**0.5 * r, variance * (1 - r * (t + r))


def keeps_the_variance(mean, variance):
    t = mean / variance**0.5
    return log_ndtr(t), mean + variance**0.5 * ratio(t), variance


def forgets_the_scale(mean, variance):
    t = mean / variance**0.5
    r = ratio(t)
    return log_ndtr(t), mean + r, variance * (1 - r * (t + r))


def wrong_side(mean, variance):
    t = -mean / variance**0.5
    r = ratio(t)
    return log_ndtr(t), mean - variance**0.5 * r, variance * (1 - r * (t + r))


def standard_deviation(mean, variance):
    t = mean / variance**0.5
    r = ratio(t)
    new = variance * (1 - r * (t + r))
    return log_ndtr(t), mean + variance**0.5 * r, abs(new) ** 0.5


WRONG = {
    "new_site": [
        divides_by_q_and_not_by_the_cavity,
        asks_q_and_not_the_cavity,
        clips_the_precision,
        returns_a_mean,
        never_skips,
        skips_to_zero,
    ],
    "wall_moments": [
        not_in_logarithms,
        integral_and_not_its_logarithm,
        keeps_the_variance,
        forgets_the_scale,
        wrong_side,
        standard_deviation,
    ],
}
