"""Words, their pairs and the counts of pairs, against loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import data
from companion.selfsupervised.vocabulary import (
    Vocabulary,
    neighbour_pairs,
    pair_counts,
    paragraphs,
    pointwise_mutual_information,
)

SMALL = [("a", "b", "a", "c"), ("b", "a", "d")]


def test_the_help_topics_have_the_words_that_the_page_speaks_of():
    found = paragraphs(data.text())
    assert len(found) == len(set(found))
    assert found[0] == ("the", "assert", "statement")
    assert all("\f" not in word and word == word.lower() for words in found for word in words)


def test_numbers_are_by_frequency_and_three_more_are_no_words():
    words = Vocabulary(SMALL, min_count=2)
    assert words.words == ["a", "b"]
    assert words.counts.tolist() == [3, 2]
    assert (len(words), words.other, words.gap, words.mask) == (2, 2, 3, 4)
    assert words.encode(["a", "d", "?", "b"]).tolist() == [0, 2, 4, 1]
    assert words.stream(SMALL, 2).tolist() == [3, 3, 0, 1, 0, 2, 3, 3, 1, 0, 2, 3, 3]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="min_count=9 leaves no word"):
        Vocabulary(SMALL, min_count=9)
    with pytest.raises(ValueError, match="min_count=0"):
        Vocabulary(SMALL, min_count=0)
    with pytest.raises(ValueError, match="word='d' is not among"):
        Vocabulary(SMALL, min_count=2)["d"]
    with pytest.raises(ValueError, match="window=0"):
        neighbour_pairs(torch.arange(3), 3, 0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 4))
def test_pairs_are_those_of_a_loop(numbers, window):
    n_words = 4  # 4 and 5 are none
    loop = [
        (a, b)
        for i, a in enumerate(numbers)
        for j, b in enumerate(numbers)
        if 0 < abs(i - j) <= window and a < n_words and b < n_words
    ]
    pairs = neighbour_pairs(torch.tensor(numbers), n_words, window)
    assert sorted(map(tuple, pairs.tolist())) == sorted(loop)
    counts = pair_counts(pairs, n_words)
    assert counts.sum() == len(loop)
    assert torch.equal(counts, counts.T)
    for a, b in loop:
        assert counts[a, b] == loop.count((a, b))


def test_no_pair_reaches_into_the_next_paragraph():
    words = Vocabulary([("a", "a"), ("b", "b")], min_count=1)
    pairs = neighbour_pairs(words.stream([("a", "a"), ("b", "b")], 3), 2, 3)
    assert {tuple(pair) for pair in pairs.tolist()} == {(0, 0), (1, 1)}


def test_mutual_information_is_that_of_the_definition():
    """`eq-words-pmi`, with words that were never seen."""
    counts = torch.tensor([[0, 3, 0], [1, 4, 0], [0, 0, 0]]).double()
    found = pointwise_mutual_information(counts)
    for i in range(3):
        for j in range(3):
            if counts[i, j] == 0:
                assert found[i, j] == -math.inf
            else:
                p, q = counts[i].sum() / 8, counts[:, j].sum() / 8
                assert found[i, j] == pytest.approx(math.log(counts[i, j] / 8 / (p * q)))
    torch.testing.assert_close(found, pointwise_mutual_information(7 * counts))
