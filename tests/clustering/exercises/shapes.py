"""Wrong answers that the checkers of book/clustering/shapes.md must refuse."""

import numpy as np


def count(kind, k, d, one=None, centers=None, weights=None):
    one = d * (d + 1) // 2 if one is None else one
    shape = {"full": k * one, "tied": one, "diag": k * d, "spherical": k}[kind]
    return shape + (k * d if centers is None else centers) + (k - 1 if weights is None else weights)


def all_weights_free(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + count(kind, k, d, weights=k) * np.log(n)


def without_weights(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + count(kind, k, d, weights=0) * np.log(n)


def square_matrices(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + count(kind, k, d, one=d * d) * np.log(n)


def without_centres(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + count(kind, k, d, centers=0) * np.log(n)


def akaike(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + 2 * count(kind, k, d)


def sign_turned(log_likelihood, kind, k, d, n):
    return 2 * log_likelihood - count(kind, k, d) * np.log(n)


def tied_like_full(log_likelihood, kind, k, d, n):
    return -2 * log_likelihood + count("full" if kind == "tied" else kind, k, d) * np.log(n)


def parts(X, shares):
    counts = shares.sum(axis=0)[:, None]
    means = shares.T @ X / counts
    return counts, np.einsum("nk,nkd->kd", shares, (X[:, None] - means) ** 2)


def guess_added(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    return squares / counts + strength * guess


def not_divided_by_the_strength(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    return (squares + strength * guess) / counts


def half_and_half(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    share = strength / (1 + strength)
    return (1 - share) * squares / counts + share * guess


def strength_against_all_points(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    n = len(X)
    return (n * squares / counts + strength * guess) / (n + strength)


def mean_of_the_guess(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    return (squares + strength * np.mean(guess)) / (counts + strength)


def without_prior(X, shares, guess, strength):
    counts, squares = parts(X, shares)
    return squares / counts


WRONG = {
    "bic_of": [
        all_weights_free,
        without_weights,
        square_matrices,
        without_centres,
        akaike,
        sign_turned,
        tied_like_full,
    ],
    "map_variances": [
        guess_added,
        not_divided_by_the_strength,
        half_and_half,
        strength_against_all_points,
        mean_of_the_guess,
        without_prior,
    ],
}
