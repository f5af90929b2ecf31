"""A string of bits for every symbol, such that a message falls apart in one way only.

Chapter: `codes`.
"""

from itertools import count, groupby, pairwise, product

import numpy as np

from companion.compression.code_lengths import canonical_codewords, huffman_lengths, kraft_sum
from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.validation import check_integer

__all__ = [
    "FixedLengthCode",
    "HuffmanCode",
    "PrefixTree",
    "StopCharacterCode",
    "UnaryCode",
    "kraft_sum",
]

MAX_SYMBOLS = 1 << 16
MAX_UNARY = 1 << 12  # the codewords of n symbols have n^2 / 2 bits together
NOBODY = ~MAX_SYMBOLS  # the leaf where no symbol lives
MAGIC = b"Pfx1"


class PrefixTree:
    """Any prefix-free code: a binary trie whose leaves are the symbols.

    A codeword is the path from the root to a leaf, 0 to the left and 1 to the right. No codeword
    begins another one: below a leaf there is nothing. Chapter: compression/codes.

    Parameters
    ----------
    codewords : dict of int to str, or sequence of str
        The bits of each symbol, symbols from 0 to 65,535; a sequence numbers them 0, 1, ...

    Attributes
    ----------
    codewords : dict of int to str
    children : list of [int, int]
        Where 0 and 1 lead from each inner node: the number of another inner node, or ``~symbol``
        for a leaf; ``NOBODY`` where no codeword goes on.
    root : int
        0, or ``~symbol`` if the only codeword is empty.

    Examples
    --------
    >>> code = PrefixTree(["0", "10", "11"])
    >>> code.encode([0, 2, 1]).hex(), code.decode(code.encode([0, 2, 1]), 3).tolist()
    ('70', [0, 2, 1])
    """

    KIND = 0

    def __init__(self, codewords):
        words = codewords if isinstance(codewords, dict) else dict(enumerate(codewords))
        if not words:
            raise ValueError("codewords is empty: give at least one.")
        self.codewords = {}
        for symbol, word in words.items():
            if not isinstance(word, str) or word.strip("01"):
                raise ValueError(f"codewords[{symbol!r}]={word!r} must be a string of 0 and 1.")
            self.codewords[check_integer("symbol", symbol, low=0, high=MAX_SYMBOLS - 1)] = word
        ordered = sorted(self.codewords.values())
        for word, after in pairwise(ordered):  # what begins with it is next
            if after.startswith(word):
                raise ValueError(f"codewords: {word!r} begins {after!r}; make them prefix-free.")
        self.children, self.root = [[NOBODY, NOBODY]], 0
        for symbol, word in self.codewords.items():
            self._insert(symbol, word)

    def _insert(self, symbol, word):
        if not word:
            self.root = ~symbol
            return
        node = 0
        for bit in map(int, word[:-1]):
            if self.children[node][bit] == NOBODY:
                self.children[node][bit] = len(self.children)
                self.children.append([NOBODY, NOBODY])
            node = self.children[node][bit]
        self.children[node][int(word[-1])] = ~symbol

    def mean_length(self, frequencies):
        """Bits a symbol, on average over frequencies or probabilities (K,)."""
        f = np.asarray(frequencies)
        used = f.nonzero()[0].tolist()
        return float(sum(f[k] * len(self._word(k)) for k in used) / f.sum())

    def encode(self, symbols):
        """Write the codewords one behind the other; the last byte is filled with zeros."""
        bits = "".join(self._word(symbol) for symbol in listed(symbols))
        return np.packbits(np.frombuffer(bits.encode(), np.uint8) & 1).tobytes()

    def decode(self, data, n):
        """Read n symbols, int64 (n,): walk from the root to a leaf for each.

        Raises a `ValueError` if the data ends early or late, or a path leads nowhere.
        """
        bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
        children, place, out = self.children, 0, []
        for _ in range(check_integer("n", n, low=0)):
            node = self.root
            while node >= 0:
                if place == len(bits):
                    raise ValueError(
                        f"data ({len(data)} bytes) ends after {len(out)} of {n} symbols: it was "
                        "cut, or changed."
                    )
                node = children[node][bits[place]]
                place += 1
            if node == NOBODY:
                raise ValueError(f"data leads nowhere at symbol {len(out)}: it was changed.")
            out.append(~node)
        if len(data) != -(-place // 8) or any(bits[place:]):
            raise ValueError(
                f"data ({len(data)} bytes) does not end with its {n} symbols: it was changed."
            )
        return np.array(out, np.int64)

    def compress(self, symbols):
        """Write a file that says everything: the code, the number of symbols, a checksum."""
        symbols = listed(symbols)
        head = write_integers(self.KIND, len(symbols)) + self.description()
        return seal(MAGIC, head + self.encode(symbols))

    @staticmethod
    def decompress(blob):
        """Read what `compress` of any prefix code wrote, int64 (n,), or raise a `ValueError`."""
        (kind, n), body = read_integers(unseal(MAGIC, blob), 2)
        if kind >= len(KINDS):
            raise ValueError(f"blob has a code of kind {kind}; this reader knows {len(KINDS)}.")
        code, data = KINDS[kind].from_description(body)
        return code.decode(data, n)

    def description(self):
        """How many codewords, each symbol with its length, then all words, filled to a byte."""
        pairs = [x for symbol, word in self.codewords.items() for x in (symbol, len(word))]
        return write_integers(len(self.codewords), *pairs) + self.encode(list(self.codewords))

    @classmethod
    def from_description(cls, body):
        """Return the code at the start of `body`, and the bytes that follow."""
        (n,), body = read_integers(body, 1)
        pairs, body = read_integers(body, 2 * min(n, MAX_SYMBOLS))
        size = -(-sum(pairs[1::2]) // 8)
        bits = "".join(f"{byte:08b}" for byte in body[:size])
        words, place = {}, 0
        for symbol, length in zip(pairs[::2], pairs[1::2], strict=True):
            words[symbol] = bits[place : place + length]
            place += length
        return cls(words), body[size:]

    def _word(self, symbol):
        word = self.codewords.get(symbol)
        if word is None:
            raise ValueError(
                f"symbols contains {symbol!r}, which has no codeword: build the code with it."
            )
        return word


class FixedLengthCode(PrefixTree):
    """All codewords equally long: ``ceil(log2 K)`` bits, the place of the symbol in the list.

    Parameters
    ----------
    symbols : int K, or sequence of K ints
        An integer means ``0, ..., K - 1``.
    """

    def __init__(self, symbols):
        symbols = _alphabet(symbols)
        width = (len(symbols) - 1).bit_length()
        words = (f"{place:0{width}b}" if width else "" for place in range(len(symbols)))
        super().__init__(dict(zip(symbols, words, strict=True)))


class StopCharacterCode(PrefixTree):
    """Words of any length, each ended by a character that stands nowhere else.

    A character is `character_bits` bits; all zeros is the stop. The shortest words go to the
    symbols that are listed first.

    Parameters
    ----------
    symbols : int K, or sequence of K ints
        From the most to the least frequent.
    character_bits : int
        With b bits there are ``2^b - 1`` characters to spell with.
    """

    def __init__(self, symbols, character_bits=2):
        check_integer("character_bits", character_bits, high=16)
        symbols = _alphabet(symbols, MAX_UNARY if character_bits == 1 else MAX_SYMBOLS)
        stop, *letters = (f"{i:0{character_bits}b}" for i in range(1 << character_bits))
        words = ("".join(word) + stop for n in count() for word in product(letters, repeat=n))
        super().__init__(dict(zip(symbols, words, strict=False)))


class UnaryCode(StopCharacterCode):
    """The place in the list as so many ones, then a zero: one letter and one stop.

    Parameters
    ----------
    symbols : int K, or sequence of K ints
        From the most to the least frequent; at most 4,096.
    """

    def __init__(self, symbols):
        super().__init__(symbols, character_bits=1)


class HuffmanCode(PrefixTree):
    """The prefix code of least mean length, below entropy + 1 (Huffman, 1952), in canonical form.

    Parameters
    ----------
    frequencies : array (K,)
        Counts or probabilities; a symbol of frequency 0 gets no codeword.

    Examples
    --------
    >>> HuffmanCode([5, 2, 0, 1]).codewords
    {0: '0', 1: '10', 3: '11'}
    """

    KIND = 1

    def __init__(self, frequencies):
        f = np.asarray(frequencies)
        if f.ndim != 1 or not 1 <= len(f) <= MAX_SYMBOLS:
            raise ValueError(f"frequencies has shape {f.shape} but must be (K,), K <= 65,536.")
        if f.dtype.kind not in "iuf" or not np.isfinite(f).all() or f.min() < 0 or not f.any():
            raise ValueError("frequencies must be finite, not negative, and not all of them 0.")
        super().__init__(canonical_codewords(huffman_lengths(f.tolist())))

    def description(self):
        """How many lengths, then each length + 1 (0: no codeword) with how often it is repeated."""
        lengths = [0] * (max(self.codewords) + 1)
        for symbol, word in self.codewords.items():
            lengths[symbol] = len(word) + 1
        runs = [(length, len([*run])) for length, run in groupby(lengths)]
        return write_integers(len(runs), *(x for run in runs for x in run))

    @classmethod
    def from_description(cls, body):
        """Return the code at the start of `body`, as a PrefixTree, and the bytes that follow."""
        (n,), body = read_integers(body, 1)
        runs, body = read_integers(body, 2 * min(n, MAX_SYMBOLS))
        if sum(runs[1::2]) > MAX_SYMBOLS:
            raise ValueError("blob has more than 65,536 codeword lengths: it was changed.")
        lengths = np.repeat(np.array(runs[::2]) - 1, runs[1::2]).tolist()
        used = {symbol: length for symbol, length in enumerate(lengths) if length >= 0}
        return PrefixTree(canonical_codewords(used)), body


KINDS = (PrefixTree, HuffmanCode)  # how a file describes its code


def _alphabet(symbols, high=MAX_SYMBOLS):
    if np.ndim(symbols) == 0:
        return list(range(check_integer("symbols", symbols, high=high)))
    symbols = listed(symbols)
    if not 1 <= len(set(symbols)) == len(symbols) <= high:
        raise ValueError(
            f"symbols has {len(symbols)} entries, {len(set(symbols))} different: list 1 to {high}, "
            "each once."
        )
    return symbols


def listed(symbols):
    """Return a message, integers (n,) or bytes, as a list, or raise a `ValueError`."""
    if isinstance(symbols, bytes):
        return list(symbols)
    array = np.asarray(symbols)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"symbols has shape {array.shape} and type {array.dtype}: integers (n,).")
    return array.tolist()
