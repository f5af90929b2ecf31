"""Wrong answers that the checkers of book/components/dynamics.md must refuse."""

import numpy as np


def follow(x, q, r, mean, variance, *, first=False, skip=True, swapped=False, grow=True):
    means, variances = [], []
    for t, row in enumerate(x):
        if (t or first) and (grow or not np.isnan(row)):
            variance = variance + q
        if not (skip and np.isnan(row)):
            gain = (r if swapped else variance) / (variance + r)
            mean, variance = mean + gain * (row - mean), (1 - gain) * variance
        means.append(mean)
        variances.append(variance)
    return np.array(means), np.array(variances)


def predicts_before_the_first_row(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, first=True)


def believes_nan(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, skip=False)


def always_corrects_the_first_row(x, q, r, mean, variance):
    seen = np.array(x)
    seen[0] = np.nan_to_num(seen[0])
    return follow(seen, q, r, mean, variance)


def swaps_the_weights(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, swapped=True)


def stands_still_in_the_fog(x, q, r, mean, variance):
    return follow(x, q, r, mean, variance, grow=False)


def keeps_the_predicted_mean(x, q, r, mean, variance):
    means, variances = follow(x, q, r, mean, variance)
    return np.append(mean, means[:-1]), variances


def as_columns(x, q, r, mean, variance):
    return tuple(part[:, None] for part in follow(x, q, r, mean, variance))


def smooth(means, variances, q, *, filtered=False, root=False, forget=False, in_place=False):
    m, v = (means, variances) if in_place else (np.array(means, float), np.array(variances, float))
    given, known = np.array(means, float), np.array(variances, float)
    for t in reversed(range(len(m) - 1)):
        predicted = known[t] + q
        gain = known[t] / predicted
        m[t] = given[t] + gain * ((given if filtered else m)[t + 1] - given[t])
        v[t] = known[t] + (gain if root else gain**2) * (v[t + 1] - (0 if forget else predicted))
    return m, v


def looks_at_the_filter_of_the_next_row(means, variances, q):
    return smooth(means, variances, q, filtered=True)


def forgets_the_square(means, variances, q):
    return smooth(means, variances, q, root=True)


def forgets_what_was_predicted(means, variances, q):
    return smooth(means, variances, q, forget=True)


def writes_into_its_arguments(means, variances, q):
    return smooth(means, variances, q, in_place=True)


def returns_the_filter(means, variances, q):
    return means, variances


def leaves_the_last_row_out(means, variances, q):
    return tuple(part[:-1] for part in smooth(means, variances, q))


WRONG = {
    "follow_walk": [
        predicts_before_the_first_row,
        believes_nan,
        always_corrects_the_first_row,
        swaps_the_weights,
        stands_still_in_the_fog,
        keeps_the_predicted_mean,
        as_columns,
    ],
    "look_back": [
        looks_at_the_filter_of_the_next_row,
        forgets_the_square,
        forgets_what_was_predicted,
        writes_into_its_arguments,
        returns_the_filter,
        leaves_the_last_row_out,
    ],
}
