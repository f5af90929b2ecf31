"""Kraft's inequality and Huffman's optimum by brute force (chapter `codes`)."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compression.code_lengths import canonical_codewords, huffman_lengths, kraft_sum
from companion.compression.frequencies import entropy


def prefix_free(words):
    return not any(a != b and b.startswith(a) for a in words for b in words)


def some_prefix_code(lengths):
    """Try all words of these lengths, one after the other; True if some choice is prefix-free."""

    def extend(chosen, rest):
        if not rest:
            return True
        words = ("".join(bits) for bits in itertools.product("01", repeat=rest[0]))
        return any(
            extend([*chosen, word], rest[1:])
            for word in words
            if not any(word.startswith(c) or c.startswith(word) for c in chosen)
        )

    return extend([], list(lengths))


def test_kraft_by_enumeration():
    """A prefix code with given lengths exists if and only if eq-codes-kraft holds."""
    outcomes = []
    for k in range(1, 6):
        for lengths in itertools.combinations_with_replacement(range(1, 5), k):
            exists = some_prefix_code(lengths)
            outcomes.append(exists)
            assert exists == (sum(2.0**-length for length in lengths) <= 1)
            assert exists == (kraft_sum(lengths) <= 1)
    assert {True, False} == set(outcomes)


def test_the_sum_is_exact():
    assert kraft_sum([1, 2, 3, 3]) == 1
    assert kraft_sum([1] + [60] * 3) == Fraction(1, 2) + Fraction(3, 2**60)
    assert kraft_sum(range(1, 200)) == 1 - Fraction(1, 2**199)
    assert kraft_sum([0]) == 1
    assert kraft_sum([]) == 0


@settings(max_examples=300)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=20))
def test_canonical_words_have_their_lengths_or_do_not_exist(lengths):
    table = dict(enumerate(lengths))
    if kraft_sum(lengths) > 1:
        with pytest.raises(ValueError, match=r"Kraft sum .* make some longer"):
            canonical_codewords(table)
        return
    words = canonical_codewords(table)
    assert {symbol: len(word) for symbol, word in words.items()} == table
    assert prefix_free(list(words.values()))
    assert len(set(words.values())) == len(words)
    numbers = [int(word.ljust(8, "0"), 2) for word in words.values()]  # left to right
    assert numbers == sorted(numbers)


def least_mean_length(frequencies):
    """The best of all tuples of lengths that satisfy eq-codes-kraft."""
    k = len(frequencies)
    return min(
        sum(f * length for f, length in zip(frequencies, lengths, strict=True))
        for lengths in itertools.product(range(1, k), repeat=k)
        if sum(2.0**-length for length in lengths) <= 1
    )


@settings(max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_huffman_is_optimal(frequencies):
    lengths = huffman_lengths(frequencies)
    mine = sum(f * lengths[k] for k, f in enumerate(frequencies))
    assert mine == least_mean_length(frequencies)
    assert kraft_sum(lengths.values()) == 1


@settings(max_examples=300)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_huffman_lies_between_the_entropy_and_one_bit_more(frequencies):
    """eq-codes-huffman-bound."""
    lengths = huffman_lengths(frequencies)
    mean = sum(frequencies[k] * length for k, length in lengths.items()) / sum(frequencies)
    assert entropy(frequencies) - 1e-9 <= mean < entropy(frequencies) + 1
    assert set(lengths) == set(np.flatnonzero(frequencies))


def test_powers_of_two_reach_the_entropy():
    assert huffman_lengths([8, 4, 2, 1, 1]) == {0: 1, 1: 2, 2: 3, 3: 4, 4: 4}


def test_fibonacci_frequencies_give_the_deepest_tree():
    """1, 1, 2, 3, 5, ...: each merged tree is as frequent as the next symbol."""
    f = [1, 1]
    while len(f) < 80:
        f.append(f[-1] + f[-2])
    assert max(huffman_lengths(f).values()) == 79


def test_a_single_symbol_needs_no_bits():
    assert huffman_lengths([0, 7]) == {1: 0}
    assert canonical_codewords({1: 0}) == {1: ""}


def test_bad_lengths():
    for bad in (-1, 1.5):
        with pytest.raises(ValueError, match=f"length={bad} must be an integer of at least 0"):
            kraft_sum([1, bad])
