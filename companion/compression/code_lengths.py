"""Lengths of codewords: which are possible, and which are best. Chapter: `codes`."""

import heapq
from fractions import Fraction

from companion.validation import check_integer


def kraft_sum(lengths):
    """Sum of ``2^-l`` over codeword lengths l, an exact Fraction: at most 1 for a prefix code.

    Kraft (1949). Chapter: compression/codes.

    >>> kraft_sum([1, 2, 3, 3])
    Fraction(1, 1)
    """
    lengths = [check_integer("length", length, low=0) for length in lengths]
    longest = max(lengths, default=0)
    return Fraction(sum(1 << longest - length for length in lengths), 1 << longest)


def canonical_codewords(lengths):
    """Codewords of given lengths, dict to dict: the shortest first, each right of the one before.

    A word of length l takes ``2^-l`` of the leaves below the root, from the left; while the sum is
    at most 1 there is room. The lengths alone say everything.

    >>> canonical_codewords({"a": 2, "b": 1, "c": 2})
    {'b': '0', 'a': '10', 'c': '11'}
    """
    if kraft_sum(lengths.values()) > 1:
        raise ValueError(
            f"lengths have the Kraft sum {float(kraft_sum(lengths.values())):g}: it must "
            "be at most 1, make some longer."
        )
    words, number, last = {}, 0, 0
    for symbol in sorted(lengths, key=lambda symbol: (lengths[symbol], symbol)):
        length = lengths[symbol]
        number <<= length - last
        words[symbol] = f"{number:0{length}b}" if length else ""
        number, last = number + 1, length
    return words


def huffman_lengths(frequencies):
    """Codeword lengths of least mean, as a dict; what has frequency 0 gets none (Huffman, 1952).

    The two rarest trees become the branches of one, until a single tree is left.

    >>> huffman_lengths([5, 2, 0, 1])
    {0: 1, 1: 2, 3: 2}
    """
    heap = [(f, k, [k]) for k, f in enumerate(frequencies) if f > 0]
    lengths = {k: 0 for _, k, _ in heap}
    heapq.heapify(heap)
    while len(heap) > 1:
        (rare, first, left), (other, second, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (rare + other, min(first, second), left + right))
    return lengths
