"""Gibbs sampling of the topics of words. Chapter: `sampled_topics`."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_random_state

from companion.validation import check_integer, check_real


def topic_weights(document, word, topics, alpha, eta, d):
    """Weights (k,) of the topics for one word, when those of all other words are known.

    Counts of the other words by topic: in its document, of the same word, of all; each is (k,).
    """
    return (document + alpha) * (word + eta) / (topics + d * eta)


def gibbs_sweep(owner, word, drawn, documents, words, alpha, eta, rng):
    """Draw a new topic for each word in turn; changes `drawn` and both tables.

    Word i of the corpus is `word[i]`, of document `owner[i]`, with topic `drawn[i]`;
    `documents` (n, k) and `words` (d, k) count the topics.
    """
    topics, chance, d = words.sum(axis=0), rng.uniform(size=len(word)), len(words)
    for i, (n, v) in enumerate(zip(owner, word, strict=True)):
        for table in (documents[n], words[v], topics):
            table[drawn[i]] -= 1  # all others
        weights = topic_weights(documents[n], words[v], topics, alpha, eta, d)
        heap = weights.cumsum()
        drawn[i] = heap.searchsorted(chance[i] * heap[-1], side="right")
        for table in (documents[n], words[v], topics):
            table[drawn[i]] += 1


def sample_topics(counts, n_components, *, alpha, eta, sweeps=50, burn=25, random_state=None):
    """Topics of documents by Gibbs sampling: mean counts, on top of their priors.

    Parameters
    ----------
    counts : array (n, d), dense or sparse
        How often each document has each word, whole numbers.
    n_components : int
        Number of topics k.
    alpha, eta : float
        Concentrations of the priors of the shares and of the topics.
    sweeps, burn : int
        Sweeps over all words, and how many of them are dropped at the beginning.
    random_state : int, RandomState or None

    Returns
    -------
    arrays (k, d), (n, k)
        As `components_` and the documents' concentrations of `LatentDirichletAllocation`.

    Raises
    ------
    ValueError
        If a count is no whole number or negative, or an argument is out of range.

    References
    ----------
    Griffiths and Steyvers (2004). Chapter: sampled_topics.
    """
    k = check_integer("n_components", n_components)
    check_real("alpha", alpha, low=0, inclusive=False)
    check_real("eta", eta, low=0, inclusive=False)
    check_integer("sweeps", sweeps)
    check_integer("burn", burn, low=0, high=sweeps - 1, remedy=f"sweeps={sweeps}: keep one.")
    counts = sparse.csr_array(check_array(counts, accept_sparse="csr"))
    times = counts.data.astype(int)
    if (times != counts.data).any() or (times < 0).any():
        raise ValueError("counts has a negative or broken number: pass how often a word occurs.")
    rng, (n, d) = check_random_state(random_state), counts.shape
    owner = np.repeat(np.arange(n), np.diff(counts.indptr)).repeat(times)
    word = counts.indices.repeat(times)
    drawn = rng.randint(k, size=len(word))
    documents, words = np.zeros((n, k)), np.zeros((d, k))
    np.add.at(documents, (owner, drawn), 1)
    np.add.at(words, (word, drawn), 1)
    topics, shares = np.zeros((k, d)), np.zeros((n, k))
    for sweep in range(sweeps):
        gibbs_sweep(owner.tolist(), word.tolist(), drawn, documents, words, alpha, eta, rng)
        if sweep >= burn:
            topics += words.T / (sweeps - burn)
            shares += documents / (sweeps - burn)
    return eta + topics, alpha + shares
