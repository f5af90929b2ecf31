"""Sentences with a blank, and who fills it: counts, or a network.

Chapter: `words`.
"""

import numpy as np
import torch
from torch.nn import functional

from companion.validation import check_integer, check_real


def blanks(stream, n_words, length):
    """Each word of a text hidden in turn, in the middle of `length` places.

    Parameters
    ----------
    stream : int64 tensor (T,)
        As from `Vocabulary.stream`: words below `n_words`, then those of "other", "gap", "mask".
    length : int
        Odd.

    Returns
    -------
    seen : int64 tensor (n, length)
        Beyond the ends of the text stands the number of a gap.
    hidden : int64 tensor (n,)
        The words in the middle; what is no word is never hidden.
    """
    if check_integer("length", length) % 2 == 0:
        raise ValueError(f"length={length} must be odd: the blank is in the middle.")
    side = length // 2
    places = functional.pad(stream, (side, side), value=n_words + 1).unfold(0, length, 1)
    places = places[stream < n_words].clone()
    hidden = places[:, side].clone()
    places[:, side] = n_words + 2
    return places, hidden


class KneserNey:
    """Counts of three words in a row, with a discount that shorter counts share out.

    ``p(c | a, b) = (max(n(a, b, c) - d, 0) + d r(a, b) p(c | b)) / n(a, b)``, where r is how many
    different words came after a, b; the same for pairs; at the end stands the share of different
    words before c. Kneser and Ney, 1995; in this form Chen and Goodman, 1999.

    Parameters
    ----------
    n_levels : int
        Words, and what counts as one: other words, gaps.
    discounts : pair of float
        Taken off counts of pairs and of triples.
    """

    def __init__(self, n_levels, discounts=(0.9, 0.95)):
        self.n_levels = check_integer("n_levels", n_levels)
        self.discounts = tuple(check_real("discounts", d, 0, 1) for d in discounts)

    def fit(self, stream):
        """Count, in int64 (T,); return the model."""
        x, n = np.asarray(stream), self.n_levels
        pairs, triples = (np.stack([x[i : len(x) - k + i] for i in range(k + 1)]) for k in (1, 2))
        counts = np.zeros((n, n), dtype=np.float32)
        np.add.at(counts, tuple(pairs), 1)
        # Half a word more: no word is impossible.
        before = (counts > 0).sum(axis=0, dtype=np.float32) + 0.5
        total = counts.sum(axis=1, keepdims=True)
        after = (counts > 0).sum(axis=1, keepdims=True, dtype=np.float32)
        first = self.discounts[0]
        share = np.where(total > 0, first * after, 1) * before / before.sum()
        self.pairs = (np.maximum(counts - first, 0) + share) / np.maximum(total, 1)
        self.keys, self.counts = np.unique(self.code(*triples), return_counts=True)
        self.total, self.after = np.zeros((2, n, n), dtype=np.float32)
        a, b = self.keys // n**2, self.keys // n % n
        np.add.at(self.total, (a, b), self.counts)
        np.add.at(self.after, (a, b), 1)
        return self

    def code(self, a, b, c):
        """One number for three words."""
        return (np.asarray(a, dtype=np.int64) * self.n_levels + b) * self.n_levels + c

    def next_word(self, a, b, c):
        """``p(c | a, b)`` of int arrays that can be broadcast against each other."""
        code = self.code(a, b, c)
        row = np.searchsorted(self.keys, code).clip(max=len(self.keys) - 1)
        count = np.where(self.keys[row] == code, self.counts[row], 0)
        total, shorter, d = self.total[a, b], self.pairs[b, c], self.discounts[1]
        seen = np.maximum(count - d, 0) + d * self.after[a, b] * shorter
        return np.where(total > 0, seen / np.maximum(total, 1), shorter)

    def fill(self, places, n_words, *, n_sides=2):
        """Log-probabilities of all words for blanks in the middle, float (n, n_words).

        A word is as probable as the sentence with it. With ``n_sides=1`` that is
        ``p(w | left) p(right | w)``, with 2 the three triples that hold the blank.
        """
        middle = places.shape[1] // 2
        x, w = np.asarray(places), np.arange(n_words)[None]
        left2, left, right, right2 = (x[:, middle + lag, None] for lag in (-2, -1, 1, 2))
        if n_sides == 1:
            logs = np.log(self.pairs[left, w]) + np.log(self.pairs[w, right])
        else:
            triples = (left2, left, w), (left, w, right), (w, right, right2)
            logs = sum(np.log(self.next_word(*three)) for three in triples)
        return torch.from_numpy(logs.astype(np.float32)).log_softmax(dim=1)


def company(places, counts, *, extra=1.0):
    """How well each word fits the words around a blank, wherever they stand, float (n, n_words).

    The sum of ``log (n(w, c) + extra) / (m(w, c) + extra)`` over the words c of each row, where m
    is how often the pair would be seen by chance; what is no word adds nothing.

    Parameters
    ----------
    places : int64 tensor (n, length)
    counts : float tensor (n_words, n_words)
        Of pairs, as by `pair_counts`.
    extra : float
        Added to counts: pairs seldom seen, or seldom expected, say little.
    """
    chance = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    ratio = ((counts + extra) / (chance + extra)).log().float()
    ratio = functional.pad(ratio, (0, 0, 0, 3))  # other words, gaps, blanks
    return sum(ratio[column] for column in places.T)


@torch.no_grad()
def fill_blanks(model, places, *, batch_size=500):
    """Log-probabilities of all words for the place in the middle, by a `MaskedLanguageModel`.

    int64 (n, length) to float (n, n_words).
    """
    middle = places.shape[1] // 2
    codes = (model.encode(some)[:, middle] for some in places.split(batch_size))
    return torch.cat([model.guess(code).log_softmax(dim=-1) for code in codes])
