"""Wrong answers that the checkers of book/components/discriminants.md must refuse."""

import numpy as np


def parts(X, y):
    return [X[y == c] for c in np.unique(y)]


def unit(u):
    return u / np.linalg.norm(u)


def difference_of_means(X, y):
    first, second = parts(X, y)
    return unit(second.mean(axis=0) - first.mean(axis=0))


def not_of_length_one(X, y):
    first, second = parts(X, y)
    S_w = (len(first) * np.cov(first.T) + len(second) * np.cov(second.T)) / len(X)
    return np.linalg.solve(S_w, second.mean(axis=0) - first.mean(axis=0))


def wrong_way_round(X, y):
    return -unit(not_of_length_one(X, y))


def times_the_spread(X, y):
    first, second = parts(X, y)
    S_w = np.cov(first.T) + np.cov(second.T)
    return unit(S_w @ (second.mean(axis=0) - first.mean(axis=0)))


def classes_of_equal_weight(X, y):
    first, second = parts(X, y)
    S_w = np.cov(first.T) + np.cov(second.T)
    return unit(np.linalg.solve(S_w, second.mean(axis=0) - first.mean(axis=0)))


def largest_variance(X, y):
    first, second = parts(X, y)
    u = np.linalg.eigh(np.cov(X.T))[1][:, -1]
    return u * np.sign(u @ (second.mean(axis=0) - first.mean(axis=0)))


def without_priors(X, means, S_w, priors):
    weights = np.linalg.solve(S_w, means.T)
    return X @ weights - 0.5 * (means.T * weights).sum(axis=0)


def without_the_half(X, means, S_w, priors):
    weights = np.linalg.solve(S_w, means.T)
    return X @ weights - (means.T * weights).sum(axis=0) + np.log(priors)


def priors_themselves(X, means, S_w, priors):
    return without_priors(X, means, S_w, priors) + priors


def spread_not_inverted(X, means, S_w, priors):
    weights = S_w @ means.T
    return X @ weights - 0.5 * (means.T * weights).sum(axis=0) + np.log(priors)


def euclidean(X, means, S_w, priors):
    return -0.5 * ((X[:, None] - means) ** 2).sum(axis=-1) + np.log(priors)


def probabilities(X, means, S_w, priors):
    scores = without_priors(X, means, S_w, priors) + np.log(priors)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def one_row_a_class(X, means, S_w, priors):
    return (without_priors(X, means, S_w, priors) + np.log(priors)).T


WRONG = {
    "fisher_direction": [
        difference_of_means,
        not_of_length_one,
        wrong_way_round,
        times_the_spread,
        classes_of_equal_weight,
        largest_variance,
    ],
    "class_scores": [
        without_priors,
        without_the_half,
        priors_themselves,
        spread_not_inverted,
        euclidean,
        probabilities,
        one_row_a_class,
    ],
}
