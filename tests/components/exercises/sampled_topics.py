"""Wrong answers that the checkers of book/components/sampled_topics.md must refuse."""

import numpy as np
from scipy.special import gammaln


def weights(which, i, owner, word, drawn, k, d, alpha, eta):
    counts = [
        np.bincount(drawn[which & mask], minlength=k)
        for mask in (owner == owner[i], word == word[i], np.ones(len(drawn), dtype=bool))
    ]
    return (counts[0] + alpha) * (counts[1] + eta) / (counts[2] + d * eta)


def with_the_word_itself(i, owner, word, drawn, k, d, alpha, eta):
    found = weights(np.ones(len(drawn), dtype=bool), i, owner, word, drawn, k, d, alpha, eta)
    return found / found.sum()


def not_normalised(i, owner, word, drawn, k, d, alpha, eta):
    return weights(np.arange(len(drawn)) != i, i, owner, word, drawn, k, d, alpha, eta)


def without_denominator(i, owner, word, drawn, k, d, alpha, eta):
    other = np.arange(len(drawn)) != i
    found = weights(other, i, owner, word, drawn, k, d, alpha, eta)
    found = found * (np.bincount(drawn[other], minlength=k) + d * eta)
    return found / found.sum()


def priors_exchanged(i, owner, word, drawn, k, d, alpha, eta):
    found = weights(np.arange(len(drawn)) != i, i, owner, word, drawn, k, d, eta, alpha)
    return found / found.sum()


def document_alone(i, owner, word, drawn, k, d, alpha, eta):
    same = (owner == owner[i]) & (np.arange(len(drawn)) != i)
    found = np.bincount(drawn[same], minlength=k) + alpha
    return found / found.sum()


def counts_of(owner, word, drawn, k, d):
    documents, words = np.zeros((owner.max() + 1, k)), np.zeros((d, k))
    np.add.at(documents, (owner, drawn), 1)
    np.add.at(words, (word, drawn), 1)
    return documents, words


def without_third_product(owner, word, drawn, k, d, alpha, eta):
    documents, words = counts_of(owner, word, drawn, k, d)
    return float(gammaln(alpha + documents).sum() + gammaln(eta + words).sum())


def words_alone(owner, word, drawn, k, d, alpha, eta):
    words = counts_of(owner, word, drawn, k, d)[1]
    return float(gammaln(eta + words).sum() - gammaln(d * eta + words.sum(axis=0)).sum())


def sum_over_topics(owner, word, drawn, k, d, alpha, eta):
    documents, words = counts_of(owner, word, drawn, k, d)
    top = gammaln(alpha + documents).sum() + gammaln(eta + words).sum()
    return float(top - gammaln(d * eta + words.sum(axis=1)).sum())


def one_eta(owner, word, drawn, k, d, alpha, eta):
    documents, words = counts_of(owner, word, drawn, k, d)
    top = gammaln(alpha + documents).sum() + gammaln(eta + words).sum()
    return float(top - gammaln(eta + words.sum(axis=0)).sum())


WRONG = {
    "word_topics": [
        with_the_word_itself,
        not_normalised,
        without_denominator,
        priors_exchanged,
        document_alone,
    ],
    "log_probability": [without_third_product, words_alone, sum_over_topics, one_eta],
}
