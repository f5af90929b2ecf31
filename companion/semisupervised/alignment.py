"""Two texts without pairs: match how often symbols come, then let two translations teach another.

Chapter: `semisupervised`.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from companion.validation import check_integer, check_real


def symbol_shares(x, n_symbols):
    """How frequent each of the symbols 0, 1, ... is in x, (n_symbols,)."""
    return np.bincount(_check("x", x, n_symbols), minlength=n_symbols) / len(x)


def marginal_matching(source_shares, target_shares):
    """Translate the most frequent symbol into the most frequent, and so on.

    Of all one-to-one maps this one makes the marginals most alike: it minimises
    ``sum_s |p(s) - q(key[s])|``, as sorting does for any convex gap.

    Parameters
    ----------
    source_shares, target_shares : array (n_symbols,)
        How frequent the symbols are on each side.

    Returns
    -------
    key : int64 array (n_symbols,)
        ``key[s]`` is the target for s; of equally frequent ones the lower first.
    """
    p, q = np.asarray(source_shares), np.asarray(target_shares)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(
            f"source_shares has shape {p.shape}, target_shares {q.shape}: "
            "give a share for each symbol of both sides; pad with zeros."
        )
    key = np.empty(len(p), dtype=np.int64)
    key[np.argsort(-p, kind="stable")] = np.argsort(-q, kind="stable")
    return key


def bigram_model(x, n_symbols, prior=0.5):
    """Log-probabilities of the first symbol (K,) and of each after each (K, K), smoothed."""
    x = _check("x", x, n_symbols)
    check_real("prior", prior, 0, inclusive=False)
    pairs = np.bincount(n_symbols * x[:-1] + x[1:], minlength=n_symbols**2)
    pairs = pairs.reshape(n_symbols, n_symbols) + prior
    first = np.bincount(x, minlength=n_symbols) + prior
    return np.log(first / first.sum()), np.log(pairs / pairs.sum(axis=1, keepdims=True))


def decode(x, table, language, *, length=50, random_state=None):
    """Translate x, int (n,), in pieces: draw from the posterior, or take the likeliest if None.

    ``p(z | x) ~ language(z) prod_i exp(table[x_i, z_i])``: what each symbol translates into, and
    what is a text on the other side. Forward sums or maxima, then backwards (as in an HMM).

    Parameters
    ----------
    x : int array (n,)
    table : array (K, K)
        Log-probability of the translation (column) of a symbol (row).
    language : tuple
        Of `bigram_model`.
    length : int
        Of a piece.
    random_state : int, RandomState or None
        None: the likeliest translation (Viterbi); otherwise one is drawn.

    Returns
    -------
    z : int64 array (n,)
    """
    first, after = language
    n, likeliest = len(x), random_state is None
    rng = None if likeliest else check_random_state(random_state)
    length = min(check_integer("length", length, 2), n)
    pieces = np.concatenate([x, np.full(-n % length, -1)]).reshape(-1, length).T
    fits = np.where(pieces[..., None] >= 0, table[pieces], 0.0)  # (length, n_pieces, K)
    so_far = [first + fits[0]]
    for fit in fits[1:]:
        if likeliest:
            reached = (so_far[-1][:, :, None] + after).max(axis=1)
        else:
            top = so_far[-1].max(axis=1, keepdims=True)
            reached = top + np.log(np.exp(so_far[-1] - top) @ np.exp(after))
        so_far.append(reached + fit)
    found = [_pick(so_far[-1], rng)]
    for scores in so_far[-2::-1]:
        found.append(_pick(scores + after[:, found[-1]].T, rng))
    return np.array(found[::-1]).T.ravel()[:n]


def _pick(scores, rng):
    """One column for each row of log-scores: the best one if rng is None, else by a draw."""
    if rng is None:
        return scores.argmax(axis=1)
    p = np.exp(scores - scores.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (rng.random_sample((len(p), 1)) * p[:, -1:] < p).argmax(axis=1)


def translation_table(x, z, n_symbols, prior=0.1):
    """Log-probability of z (column) given x (row), counted from pairs, (K, K)."""
    counts = np.bincount(n_symbols * x + z, minlength=n_symbols**2).reshape(n_symbols, -1) + prior
    return np.log(counts / counts.sum(axis=1, keepdims=True))


class Translation(NamedTuple):
    """What `back_translation` returns: the text translated, and log-probabilities each way."""

    translated: np.ndarray
    forth: np.ndarray
    back: np.ndarray


def back_translation(
    source, target, key, n_rounds=15, *, trust=0.5, drawn=True, both=True, random_state=0
):
    """Two translations teach each other, without one true pair (Lample et al., 2018).

    In each round the source is translated. These made-up targets, with the real source as the
    answer, teach the way back. Then the target is translated back, and teaches the way forth. So
    what is learned is to write real text; the made-up side is only read.

    Parameters
    ----------
    source, target : int arrays (n,), (m,)
        Symbols 0, 1, ...; the texts say different things.
    key : int array (n_symbols,)
        The first translation of each symbol, as `marginal_matching` finds it.
    n_rounds : int
    trust : float in (0, 1)
        Probability of the key's translation at the start; the others share the rest.
    drawn : bool
        Whether the made-up side is drawn, or the likeliest one.
    both : bool
        False: the way forth is learned from the source's own translations, turned round.
    random_state : int, RandomState or None

    Returns
    -------
    Translation
        The source in its likeliest translation at the end.
    """
    key = np.asarray(key)
    n_symbols = len(key)
    if sorted(key.tolist()) != list(range(n_symbols)):
        raise ValueError(f"key={key} must hold each of 0 to {n_symbols - 1} once: a permutation.")
    source, target = _check("source", source, n_symbols), _check("target", target, n_symbols)
    trust = check_real("trust", trust, 0, 1, inclusive=False)
    rng = check_random_state(random_state) if drawn else None
    languages = bigram_model(source, n_symbols), bigram_model(target, n_symbols)
    forth = np.full((n_symbols, n_symbols), np.log((1 - trust) / (n_symbols - 1)))
    forth[np.arange(n_symbols), key] = np.log(trust)
    for _ in range(check_integer("n_rounds", n_rounds)):
        translated = decode(source, forth, languages[1], random_state=rng)
        back = translation_table(translated, source, n_symbols)
        if both:
            returned = decode(target, back, languages[0], random_state=rng)
            forth = translation_table(returned, target, n_symbols)
        else:
            forth = back.T
    return Translation(decode(source, forth, languages[1]), forth, back)


def _check(name, x, n_symbols):
    x = np.asarray(x)
    if x.ndim != 1 or x.dtype.kind not in "iu" or len(x) < 2:
        raise ValueError(
            f"{name} has shape {x.shape} and type {x.dtype}: give two symbols or more."
        )
    if x.min() < 0 or x.max() >= n_symbols:
        raise ValueError(
            f"{name} has symbols from {x.min()} to {x.max()}, but there are {n_symbols}: number "
            "them from 0."
        )
    return x.astype(np.int64)
