"""Wrong answers that the checkers of book/components/topics.md must refuse."""

import numpy as np
from scipy.special import digamma


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


def helped_by_a_tiny_number(x, gamma, lam, prior):
    phi = np.exp(logs_of(gamma, lam)) + 1e-12
    phi = phi / phi.sum(axis=0)
    return phi, prior + phi @ x


def perplexity_with_zeros(hidden, theta, beta):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.exp(-(hidden * np.log(theta @ beta)).sum() / hidden.sum()))


def perplexity_in_bits(hidden, theta, beta):
    p, at = theta @ beta, hidden > 0
    return float(np.exp(-(hidden[at] * np.log2(p[at])).sum() / hidden.sum()))


def perplexity_mean_of_documents(hidden, theta, beta):
    p = np.where(hidden > 0, theta @ beta, 1)
    return float(np.exp(-((hidden * np.log(p)).sum(axis=1) / hidden.sum(axis=1)).mean()))


def perplexity_without_counts(hidden, theta, beta):
    return float(np.exp(-np.log((theta @ beta)[hidden > 0]).mean()))


WRONG = {
    "update_document": [
        without_digamma,
        over_words,
        without_counts,
        without_prior,
        topics_not_normalised,
        underflows,
        helped_by_a_tiny_number,
        uniform_shares,
        from_the_new_gamma,
        uniform_for_absent_words,
    ],
    "perplexity": [
        perplexity_with_zeros,
        perplexity_in_bits,
        perplexity_mean_of_documents,
        perplexity_without_counts,
    ],
}
