"""Wrong answers that the checkers of book/components/parts.md must refuse."""

import numpy as np
from scipy.special import digamma


def upside_down(X, W, H):
    return H * ((W.T @ W) @ H) / (W.T @ X)


def gradient_step(X, W, H):
    return H - 0.01 * (W.T @ W @ H - W.T @ X)


def in_place(X, W, H):
    H *= (W.T @ X) / (W.T @ W @ H)
    return H


def without_a_guard(X, W, H):
    with np.errstate(invalid="ignore"):
        return H * (W.T @ X) / (W.T @ W @ H)


def updates_the_codes(X, W, H):
    return W * (X @ H.T) / (W @ H @ H.T)


def root_of_the_ratio(X, W, H):
    return H * np.sqrt((W.T @ X) / np.maximum(W.T @ W @ H, 1e-12))


def logs_of(gamma, lam):
    log_beta = digamma(lam) - digamma(lam.sum(axis=1, keepdims=True))
    return (digamma(gamma) - digamma(gamma.sum()))[:, None] + log_beta


def without_digamma(x, gamma, lam, prior):
    phi = gamma[:, None] / gamma.sum() * lam / lam.sum(axis=1, keepdims=True)
    phi = phi / phi.sum(axis=0)
    return phi, prior + phi @ x


def over_words(x, gamma, lam, prior):
    phi = np.exp(logs_of(gamma, lam))
    phi = phi / phi.sum(axis=1, keepdims=True)
    return phi, prior + phi @ x


def without_counts(x, gamma, lam, prior):
    phi = np.exp(logs_of(gamma, lam))
    phi = phi / phi.sum(axis=0)
    return phi, prior + phi @ (x > 0)


def without_prior(x, gamma, lam, prior):
    phi = np.exp(logs_of(gamma, lam))
    phi = phi / phi.sum(axis=0)
    return phi, phi @ x


def topics_not_normalised(x, gamma, lam, prior):
    phi = np.exp(digamma(gamma)[:, None] + digamma(lam))
    phi = phi / phi.sum(axis=0)
    return phi, prior + phi @ x


def shares_of(gamma, lam):
    phi = np.exp(logs_of(gamma, lam) - logs_of(gamma, lam).max(axis=0))
    return phi / phi.sum(axis=0)


def uniform_shares(x, gamma, lam, prior):
    return np.full(lam.shape, 1 / len(lam)), prior + shares_of(gamma, lam) @ x


def from_the_new_gamma(x, gamma, lam, prior):
    new = prior + shares_of(gamma, lam) @ x
    return shares_of(new, lam), new


def uniform_for_absent_words(x, gamma, lam, prior):
    phi = np.where(x > 0, shares_of(gamma, lam), 1 / len(lam))
    return phi, prior + phi @ x


def underflows(x, gamma, lam, prior):
    phi = np.exp(logs_of(gamma, lam))
    with np.errstate(invalid="ignore"):
        phi = phi / phi.sum(axis=0)
    return phi, prior + phi @ x


WRONG = {
    "update_parts": [
        upside_down,
        gradient_step,
        in_place,
        without_a_guard,
        updates_the_codes,
        root_of_the_ratio,
    ],
    "update_document": [
        without_digamma,
        over_words,
        without_counts,
        without_prior,
        topics_not_normalised,
        underflows,
        uniform_shares,
        from_the_new_gamma,
        uniform_for_absent_words,
    ],
}
