"""Models that learn while they code: the decoder sees the same past, so it learns the same.

Chapter: `context_models`.
"""

from operator import index

import numpy as np

from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.prefix_codes import MAX_SYMBOLS, listed
from companion.compression.stream_codes import MAX_TOTAL, ArithmeticDecoder, ArithmeticEncoder
from companion.validation import check_integer


class FenwickTree:
    """Counts whose running sums are found and changed in ``O(log K)`` steps (Fenwick, 1994).

    ``sums[i]`` holds the counts of the last ``i & -i`` places up to i (counting from 1): a sum from
    the start is made of one block for each bit of i that is 1.

    Parameters
    ----------
    counts : sequence of K ints

    Examples
    --------
    >>> tree = FenwickTree([3, 1, 4, 1])
    >>> tree.add(1, 10)
    >>> tree.prefix(3), tree.find(13), tree.find(14)
    (18, 1, 2)
    """

    def __init__(self, counts):
        self.sums = [0, *map(index, counts)]  # Python integers do not overflow
        for i in range(1, len(self.sums)):
            above = i + (i & -i)
            if above < len(self.sums):
                self.sums[above] += self.sums[i]
        self.top = 1 << len(counts).bit_length() - 1

    def add(self, place, amount):
        """Raise the count of a place, 0 to K - 1."""
        i, amount = index(place) + 1, index(amount)
        while i < len(self.sums):
            self.sums[i] += amount
            i += i & -i

    def prefix(self, n):
        """Sum of the first n counts."""
        total, n = 0, index(n)
        while n:
            total += self.sums[n]
            n &= n - 1
        return total

    def find(self, target):
        """Return the place in whose share ``[prefix(k), prefix(k + 1))`` the target lies."""
        place, step = 0, self.top
        while step:
            if place + step < len(self.sums) and self.sums[place + step] <= target:
                place += step
                target -= self.sums[place]
            step >>= 1
        return place


class AdaptiveModel:
    """Frequencies of symbols so far: ``p(k) = (n_k + 1/2) / (n + K/2)``, doubled to be integers.

    Parameters
    ----------
    n_symbols : int K
        At most 65,536.
    limit : int
        When the frequencies sum to more, all are halved: with a small limit the model forgets.

    Examples
    --------
    >>> model, encoder = AdaptiveModel(4), ArithmeticEncoder()
    >>> for symbol in [3, 3, 1, 3]:
    ...     _ = model.encode(symbol, encoder)
    >>> model, decoder = AdaptiveModel(4), ArithmeticDecoder(encoder.finish())
    >>> [model.decode(decoder) for _ in range(4)]
    [3, 3, 1, 3]
    """

    def __init__(self, n_symbols, limit=MAX_TOTAL):
        n_symbols = check_integer("n_symbols", n_symbols, high=MAX_SYMBOLS)
        self.limit = check_integer("limit", limit, low=2 * n_symbols + 2, high=MAX_TOTAL)
        self.frequencies, self.total = [1] * n_symbols, n_symbols
        self.tree = FenwickTree(self.frequencies)

    def encode(self, symbol, encoder):
        """Write a symbol with its share so far, then count it."""
        symbol = index(symbol)
        if not 0 <= symbol < len(self.frequencies):
            raise ValueError(
                f"symbol={symbol} must be from 0 to {len(self.frequencies) - 1}: raise n_symbols."
            )
        encoder.write(self.tree.prefix(symbol), self.frequencies[symbol], self.total)
        self.update(symbol)

    def decode(self, decoder):
        """Read a symbol, then count it."""
        symbol = self.tree.find(decoder.peek(self.total))
        decoder.read(self.tree.prefix(symbol), self.frequencies[symbol], self.total)
        self.update(symbol)
        return symbol

    def update(self, symbol):
        """Count a symbol."""
        self.frequencies[symbol] += 2
        self.total += 2
        if self.total > self.limit:
            self.frequencies = [(f + 1) // 2 for f in self.frequencies]
            self.total = sum(self.frequencies)
            self.tree = FenwickTree(self.frequencies)
        else:
            self.tree.add(symbol, 2)


def compress_symbols(symbols, n_symbols):
    """Write integers (n,) from 0 to n_symbols - 1 with an `AdaptiveModel`: no table goes along."""
    model, encoder = AdaptiveModel(n_symbols), ArithmeticEncoder()
    symbols = listed(symbols)
    for symbol in symbols:
        model.encode(symbol, encoder)
    return seal(b"Ada1", write_integers(n_symbols, len(symbols)) + encoder.finish())


def decompress_symbols(blob):
    """Read what `compress_symbols` wrote, int64 (n,), or raise a `ValueError`."""
    (n_symbols, n), data = read_integers(unseal(b"Ada1", blob), 2)
    model, decoder = AdaptiveModel(n_symbols), ArithmeticDecoder(data)
    symbols = [model.decode(decoder) for _ in range(n)]
    decoder.finish()
    return np.array(symbols, np.int64)
