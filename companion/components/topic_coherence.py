"""How far the likeliest words of a topic go together. Chapter: `topics`."""

import numpy as np
from scipy import sparse

from companion.validation import check_choice, check_integer


def coherence(topics, counts, top=10, measure="lift"):
    """How far the likeliest words of each topic come together in documents: (k,).

    Of n documents n_a have word a and n_ab have both, over pairs of the `top` likeliest words.
    'lift' is sum n_ab / sum (n_a n_b / n), 1 by chance; 'npmi' is the mean of
    log(n n_ab / n_a n_b) / log(n / n_ab), from -1 (never) over 0 (chance) to 1 (always together);
    'umass' is the mean of log((n_ab + 1) / n_a), a the likelier word, at most about 0.

    Parameters
    ----------
    topics : array (k, d)
        Weight of each word in each topic; larger is likelier.
    counts : array (n, d), dense or sparse
        Documents, best others than those of the fit.
    top : int
    measure : 'lift', 'npmi' or 'umass'

    Returns
    -------
    array (k,)
        Pairs with a word that is in no document are left out; nan if no pair is left.

    References
    ----------
    Mimno et al. (2011) for 'umass', Bouma (2009) for 'npmi'. Chapter: topics.
    """
    topics = np.asarray(topics, dtype=float)
    check_integer("top", top, low=2, high=topics.shape[1], remedy="there are no more words.")
    check_choice("measure", measure, ("lift", "npmi", "umass"))
    has = sparse.csr_array((sparse.csr_array(counts) > 0).astype(float))
    n, scores = has.shape[0], np.full(len(topics), np.nan)
    for j, row in enumerate(topics):
        words = has[:, np.argsort(-row, kind="stable")[:top]].toarray()
        together, alone = words.T @ words, words.sum(axis=0)
        first, second = np.triu_indices(top, 1)
        seen = (alone[first] > 0) & (alone[second] > 0)
        pairs = together[first, second][seen], alone[first][seen], alone[second][seen]
        if seen.any():
            scores[j] = {"lift": lift, "npmi": npmi, "umass": umass}[measure](*pairs, n)
    return scores


def lift(both, a, b, n):
    """Pairs of words in one document, over the number that chance would give."""
    return both.sum() / (a * b / n).sum()


def npmi(both, a, b, n):
    """Mean of normalised pointwise mutual information over pairs of words."""
    inside = (both > 0) & (both < n)
    safe = np.where(inside, both, 0.5)
    values = np.log(n * safe / (a * b)) / np.log(n / safe)
    return np.where(inside, values, np.where(both > 0, 1.0, -1.0)).mean()


def umass(both, a, b, n):
    """Mean log share of the documents of a, the likelier word, that have b, with one added."""
    return np.log((both + 1) / a).mean()
