"""From a text to numbered words, to pairs of neighbours, and to their counts.

Chapter: `words`.
"""

import re
from collections import Counter

import torch

from companion.validation import check_integer


def paragraphs(text):
    """Words of each paragraph, in lower case: a list of tuples. One that comes again is left out.

    A word is a run of letters, digits and underscores that begins with no digit; paragraphs end at
    an empty line or a form feed.

    >>> paragraphs("An x.\\n\\nThe y_2 of x:\\n3 of them.\\n\\nAn x!")
    [('an', 'x'), ('the', 'y_2', 'of', 'x', 'of', 'them')]
    """
    blocks = re.split(r"\n\s*\n|\f", text.lower())
    found = (tuple(re.findall(r"(?<!\w)[a-z_]\w*", block)) for block in blocks)
    return [words for words in dict.fromkeys(found) if words]


class Vocabulary:
    """The words that were seen often enough, numbered from the most frequent on.

    Three numbers more are no words: `other` stands for any rare word, `gap` between paragraphs,
    `mask` for a blank.

    Parameters
    ----------
    paragraphs : list of sequences of str
    min_count : int

    Attributes
    ----------
    words : list of str
    counts : int64 tensor (n_words,)
    """

    def __init__(self, paragraphs, min_count=5):
        check_integer("min_count", min_count)
        seen = Counter(word for words in paragraphs for word in words)
        frequent = [(word, n) for word, n in seen.most_common() if n >= min_count]
        if not frequent:
            raise ValueError(f"min_count={min_count} leaves no word: take a lower one.")
        self.words = [word for word, _ in frequent]
        self.counts = torch.tensor([n for _, n in frequent])
        self.index = {word: number for number, word in enumerate(self.words)}
        self.other, self.gap, self.mask = range(len(self), len(self) + 3)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, word):
        """Number of a word; one that is too rare raises a `ValueError`."""
        if word not in self.index:
            raise ValueError(f"word={word!r} is not among the {len(self)} words: try another.")
        return self.index[word]

    def encode(self, words):
        """Numbers of words, `other` for those unknown, `mask` for "?": int64 (n,)."""
        special = {"?": self.mask} | self.index
        return torch.tensor([special.get(word, self.other) for word in words], dtype=torch.int64)

    def stream(self, paragraphs, n_gaps=1):
        """Paragraphs one after the other; before, between and after stand `n_gaps`: int64 (T,)."""
        gap = torch.full((n_gaps,), self.gap)
        return torch.cat([gap, *(torch.cat([self.encode(p), gap]) for p in paragraphs)])


def neighbour_pairs(stream, n_words, window):
    """Each word with each word at most `window` places from it, int64 (n_pairs, 2).

    Numbers from `n_words` on, rare words and gaps, pair with nothing but keep their
    place. With ``n_gaps=window`` in the stream no pair joins two paragraphs.
    """
    pairs = []
    for lag in range(1, check_integer("window", window) + 1):
        left, right = stream[:-lag], stream[lag:]
        known = (left < n_words) & (right < n_words)
        ahead = torch.stack([left, right], dim=1)[known]
        pairs += [ahead, ahead.flip(1)]
    return torch.cat(pairs)


def pair_counts(pairs, n_words):
    """How often each pair was seen, float64 (n_words, n_words)."""
    code = pairs[:, 0] * n_words + pairs[:, 1]
    return torch.bincount(code, minlength=n_words**2).view(n_words, n_words).double()


def pointwise_mutual_information(counts):
    """``log p(w, c) / (p(w) p(c))`` of a table of counts, in nats; -inf where a pair is unseen.

    Church and Hanks, 1990.
    """
    chance = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    return torch.where(counts > 0, counts / chance, 0).log()
