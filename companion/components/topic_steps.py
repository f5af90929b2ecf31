"""Steps of variational Bayes for topics: documents, topics, and the bound. Chapter: `topics`."""

import numpy as np
from scipy import sparse
from scipy.special import gammaln, logsumexp, psi

TINY = 1e-300  # keeps 0 / 0 out of the shares of a word that no topic explains
BLOCK = 300_000  # numbers (entry, topic) of a block of documents, so that they stay in the cache


def expected_log(a):
    """E log p for p ~ Dirichlet(a_m) of every row: psi(a_mj) - psi(sum_j a_mj), in nats."""
    return psi(a) - psi(a.sum(axis=1, keepdims=True))


def mixed(counts, theta, rows):
    """sum_k theta_nk rows_ik for every stored entry i, of document n: (entries,)."""
    return np.einsum("ik,ik->i", np.repeat(theta, np.diff(counts.indptr), axis=0), rows)


def blocks(lengths, size):
    """Rows of documents of like length, about `size` words a block.

    A block that `padded` would make much larger is cut where a length doubles: at most twice the
    larger of `size` and the words of the block come out of it.
    """
    order, parts = np.argsort(lengths, kind="stable"), []
    full = np.cumsum(lengths[order]) // size
    for part in np.split(order, np.flatnonzero(np.diff(full)) + 1):
        wide = len(part) * lengths[part].max(initial=0) > 2 * size
        octave = np.frexp(lengths[part])[1] * wide
        parts += np.split(part, np.flatnonzero(np.diff(octave)) + 1)
    return parts


def padded(counts, words):
    """Documents side by side, with zeros after the last word of each.

    Parameters
    ----------
    counts : csr_array (n, d)
    words : array (d, k)
        exp E log beta of every word.

    Returns
    -------
    arrays (n, w), (n, w, k)
        Counts and topics of the words that each document has; w is the length of the longest.
    """
    lengths = np.diff(counts.indptr)
    filled = np.arange(lengths.max(initial=0)) < lengths[:, None]
    x, topics = np.zeros(filled.shape), np.zeros((*filled.shape, words.shape[1]))
    x[filled], topics[filled] = counts.data, words[counts.indices]
    return x, topics


def explained(counts, topics, theta):
    """sum_i x_ni / (topics_ni . theta_n) topics_ni over the words i of every document: (n, k)."""
    mixed = np.matmul(topics, theta[:, :, None])[:, :, 0] + TINY
    return np.matmul((counts / mixed)[:, None], topics)[:, 0]


def documents_step(counts, topics, gamma, prior):
    """Concentrations (n, k) of the documents' mixtures after one update.

    Shares phi_k ~ exp(E log theta_k + E log beta_k); then gamma = prior + sum phi.

    Parameters
    ----------
    counts : array (n, w)
        How often the words of each document occur in it.
    topics : array (n, w, k)
        exp E log beta of these words.
    gamma : array (n, k)
    prior : float
    """
    theta = np.exp(expected_log(gamma))
    return prior + theta * explained(counts, topics, theta)


def e_step(counts, topics, gamma, prior, tol=1e-3, max_iter=100):
    """Update documents (n, d) until the mean change of each is below `tol`: gamma (n, k).

    Each document stops by itself; those that have stopped are taken out when they are many.
    """
    result, here = gamma.copy(), np.arange(len(gamma))
    done, (x, rows) = np.zeros(len(gamma), dtype=bool), padded(counts, topics.T)
    for _ in range(max_iter):
        last, gamma = gamma, documents_step(x, rows, gamma, prior)
        result[here[~done]] = gamma[~done]
        done |= np.abs(gamma - last).mean(axis=1) < tol
        if done.all():
            break
        if done.mean() > 0.3:
            x, rows, gamma, here = x[~done], rows[~done], gamma[~done], here[~done]
            done = np.zeros(len(gamma), dtype=bool)
    return result


def expected_counts(counts, topics, gamma):
    """How often each topic is expected to have made each word: (k, d)."""
    theta = np.exp(expected_log(gamma))
    ratio = counts.data / (mixed(counts, theta, topics.T[counts.indices]) + TINY)
    shares = sparse.csr_array((ratio, counts.indices, counts.indptr), shape=counts.shape)
    return (shares.T @ theta).T * topics


def dirichlet_terms(prior, a):
    """E_q(log p - log q) for p = Dirichlet(prior, prior, ...), q = Dirichlet(a_m), of each row."""
    size = a.shape[1]
    terms = ((prior - a) * expected_log(a) + gammaln(a) - gammaln(prior)).sum(axis=1)
    return terms + gammaln(prior * size) - gammaln(a.sum(axis=1))


def documents_bound(counts, components, gamma, prior):
    """Lower bound (n,), in nats, of each document's expected log probability given the topics."""
    log_theta, log_topics = expected_log(gamma), expected_log(components).T
    documents = np.repeat(np.arange(len(gamma)), np.diff(counts.indptr))
    step, parts = max(1, BLOCK // gamma.shape[1]), []
    for start in range(0, len(documents), step):
        at = slice(start, start + step)
        logs = log_theta[documents[at]] + log_topics[counts.indices[at]]
        parts.append(counts.data[at] * logsumexp(logs, axis=1))
    words = np.bincount(documents, np.concatenate([[], *parts]), minlength=len(gamma))
    return words + dirichlet_terms(prior, gamma)


def completion_perplexity(model, seen, held_out):
    """exp of minus the mean log probability of held-out words, given seen words of the same texts.

    Parameters
    ----------
    model : fitted topic model with `transform` and `components_`
    seen, held_out : arrays (n, d)
        Counts: the mixtures are inferred from `seen`, and tried on `held_out`.

    Returns
    -------
    float
        A model that guesses among d words without a clue has d.
    """
    words = sparse.csr_array(held_out)
    beta = model.components_ / model.components_.sum(axis=1, keepdims=True)
    probability = mixed(words, model.transform(seen), beta.T[words.indices])
    return float(np.exp(-words.data @ np.log(probability) / words.data.sum()))
