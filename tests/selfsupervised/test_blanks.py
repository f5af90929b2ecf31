"""Blanks, and counts that fill them, against dictionaries."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from companion.layers import initialize
from companion.selfsupervised.blanks import KneserNey, blanks, company, fill_blanks
from companion.selfsupervised.words import MaskedLanguageModel
from tests.contracts import seeded

N = 5  # words; 5 is any other, 6 a gap, 7 a blank


def test_every_word_is_hidden_once_in_the_middle():
    stream = torch.tensor([6, 0, 4, 5, 1, 6])
    places, hidden = blanks(stream, N, 5)
    assert hidden.tolist() == [0, 4, 1]
    assert places.tolist() == [[6, 6, 7, 4, 5], [6, 0, 7, 5, 1], [4, 5, 7, 6, 6]]
    assert stream.tolist() == [6, 0, 4, 5, 1, 6]
    with pytest.raises(ValueError, match="length=4 must be odd"):
        blanks(stream, N, 4)


def text(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.choice(7, n, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05]))


def by_hand(stream, n_levels, a, b, c, d2, d3):
    """The docstring's formula with dictionaries."""
    x = stream.tolist()
    pairs, triples = Counter(pairwise(x)), Counter(zip(x[:-2], x[1:-1], x[2:], strict=True))
    before = [len({p for p in pairs if p[1] == w}) + 0.5 for w in range(n_levels)]
    base = before[c] / sum(before)

    def mix(some, past, d, shorter):
        seen = {key: n for key, n in some.items() if key[:-1] == past}
        total = sum(seen.values())
        if not total:
            return shorter
        return (max(some[(*past, c)] - d, 0) + d * len(seen) * shorter) / total

    return mix(triples, (a, b), d3, mix(pairs, (b,), d2, base))


@pytest.mark.parametrize("n", [3, 30, 400])
def test_counts_are_those_of_the_formula_and_sum_to_one(n):
    stream = text(n)
    model = KneserNey(7, (0.6, 0.9)).fit(stream)
    for a, b in ((0, 0), (1, 2), (6, 0), (5, 6)):
        found = model.next_word(a, b, np.arange(7))
        right = [by_hand(stream, 7, a, b, c, 0.6, 0.9) for c in range(7)]
        np.testing.assert_allclose(found, right, rtol=1e-5)
        assert found.sum() == pytest.approx(1, rel=1e-5)
        assert (found > 0).all()


@pytest.mark.parametrize("n_sides", [1, 2])
def test_a_blank_is_filled_as_the_whole_sentence_is_probable(n_sides):
    """Equal to scoring the sentence with each word in it, factor by factor."""
    stream = text(300, 1)
    model = KneserNey(7).fit(stream)
    places, _ = blanks(text(40, 2), N, 5)
    found = model.fill(places, N, n_sides=n_sides).exp()
    assert torch.allclose(found.sum(1), torch.ones(len(found)))
    for row, some in zip(places[:10].tolist(), found, strict=False):
        whole = []
        for w in range(N):
            x = [*row[:2], w, *row[3:]]
            if n_sides == 1:
                value = model.pairs[x[1], w] * model.pairs[w, x[3]]
            else:
                value = math.prod(float(model.next_word(*x[i : i + 3])) for i in range(3))
            whole.append(value)
        np.testing.assert_allclose(some, np.array(whole) / sum(whole), rtol=1e-4)


def test_discounts_are_shares():
    with pytest.raises(ValueError, match=r"discounts=1\.5"):
        KneserNey(7, (0.5, 1.5))


def test_networks_fill_blanks_batch_by_batch():
    told = {"n_units": 8, "n_heads": 2, "max_length": 5}
    model = initialize(MaskedLanguageModel(torch.ones(N), **told), generator=seeded()).eval()
    places, _ = blanks(text(40), N, 5)
    logs = fill_blanks(model, places, batch_size=7)
    assert torch.allclose(logs, fill_blanks(model, places), atol=1e-6)
    assert torch.allclose(logs.exp().sum(1), torch.ones(len(logs)))
    one = model.guess(model.encode(places[3:4])[:, 2]).log_softmax(-1)[0]
    torch.testing.assert_close(logs[3], one)


def test_company_is_a_sum_over_the_words_around():
    counts = torch.tensor([[4.0, 2, 0], [2, 0, 1], [0, 1, 2]]).double()
    found = company(torch.tensor([[0, 5, 2], [3, 5, 4]]), counts)
    total, margin = counts.sum().item(), counts.sum(0).tolist()

    def ratio(w, c):
        return math.log((counts[w, c].item() + 1) / (margin[w] * margin[c] / total + 1))

    right = [ratio(w, 0) + ratio(w, 2) for w in range(3)]
    np.testing.assert_allclose(found[0], right, rtol=1e-5)
    assert found[1].tolist() == [0, 0, 0]  # other words, gaps and blanks say nothing
    even = company(torch.tensor([[0, 5, 2]]), torch.ones(3, 3).double())
    assert torch.allclose(even, torch.zeros(1, 3))
