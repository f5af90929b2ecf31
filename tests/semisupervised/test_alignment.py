"""Marginals, Viterbi and drawn translations against enumeration; a cipher that is broken."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.semisupervised.alignment import (
    back_translation,
    bigram_model,
    decode,
    marginal_matching,
    symbol_shares,
    translation_table,
)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_matching_the_ranks_is_the_best_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(5), 2)
    key = marginal_matching(p, q)
    gaps = [abs(p - q[list(other)]).sum() for other in itertools.permutations(range(5))]
    assert abs(p - q[key]).sum() == pytest.approx(min(gaps))


def test_a_permutation_of_the_shares_is_found():
    rng = np.random.default_rng(0)
    q, key = rng.dirichlet(np.ones(8)), rng.permutation(8)
    assert marginal_matching(q[key], q).tolist() == key.tolist()
    assert marginal_matching([1, 1, 0], [0, 1, 1]).tolist() == [1, 2, 0]


def test_counts_of_symbols_and_pairs():
    x = np.array([0, 1, 1, 2, 0, 1])
    assert symbol_shares(x, 4).tolist() == [2 / 6, 3 / 6, 1 / 6, 0]
    first, after = bigram_model(x, 3, prior=1.0)
    np.testing.assert_allclose(np.exp(first), [3 / 9, 4 / 9, 2 / 9])
    np.testing.assert_allclose(np.exp(after[1]), [1 / 5, 2 / 5, 2 / 5])
    table = translation_table(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, prior=0.5)
    np.testing.assert_allclose(np.exp(table), [[0.5 / 3, 2.5 / 3], [1.5 / 2, 0.5 / 2]])


def small(seed=0, K=3, n=5):
    rng = np.random.default_rng(seed)
    first, after = np.log(rng.dirichlet(np.ones(K))), np.log(rng.dirichlet(np.ones(K), K))
    table, x = np.log(rng.dirichlet(np.ones(K), K)), rng.integers(K, size=n)
    every = np.array(list(itertools.product(range(K), repeat=n)))
    log_p = first[every[:, 0]] + table[x, every].sum(axis=1)
    log_p = log_p + after[every[:, :-1], every[:, 1:]].sum(axis=1)
    return x, table, (first, after), every, log_p


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_translation_by_enumeration(seed):
    x, table, language, every, log_p = small(seed)
    assert decode(x, table, language).tolist() == every[log_p.argmax()].tolist()


def test_drawn_translations_have_the_posterior_frequencies():
    x, table, language, every, log_p = small()
    pieces = np.tile(x, 4000)  # each piece is drawn by itself
    drawn = decode(pieces, table, language, length=5, random_state=0).reshape(-1, 5)
    codes = drawn @ 3 ** np.arange(4, -1, -1)
    found = np.bincount(codes, minlength=len(every)) / len(drawn)
    due = np.exp(log_p - np.logaddexp.reduce(log_p))
    assert abs(found - due).max() < 5 * np.sqrt(0.25 / 4000)
    assert abs(found - due).sum() < 0.15


def test_pieces_of_any_length_are_put_together_again():
    _, table, language, *_ = small()
    x = np.random.default_rng(1).integers(3, size=17)
    for length in (2, 5, 16, 17, 50):
        assert decode(x, table, language, length=length).shape == (17,)
    parts = [decode(x[i : i + 4], table, language, length=4) for i in (0, 4, 8, 12)]
    whole = decode(x[:16], table, language, length=4)
    assert whole.tolist() == np.concatenate(parts).tolist()


def chain(n, seed=0, K=6):
    """Text of a Markov chain with strong habits."""
    rng = np.random.default_rng(seed)
    after = np.random.default_rng(99).dirichlet(0.2 * np.ones(K), K)
    x = [0]
    for u in rng.random(n - 1):
        x.append(int(min(np.searchsorted(after[x[-1]].cumsum(), u), K - 1)))
    return np.array(x)


def test_a_cipher_is_broken_without_one_pair():
    plain, other = chain(3000), chain(3000, seed=1)
    key = np.random.default_rng(2).permutation(6)
    secret = key[plain]
    start = marginal_matching(symbol_shares(secret, 6), symbol_shares(other, 6))
    found = back_translation(secret, other, start, 15)
    assert (found.translated == plain).mean() > 0.97
    assert (found.forth.argmax(axis=1)[key] == np.arange(6)).all()
    again = back_translation(secret, other, start, 15)
    assert (again.translated == found.translated).all()


def test_any_one_to_one_key_is_consistent_in_a_cycle():
    """So the cycle alone cannot tell which key is right."""
    x, key = chain(500), np.random.default_rng(3).permutation(6)
    assert (np.argsort(key)[key[x]] == x).all()


def test_bad_input_names_the_remedy():
    with pytest.raises(ValueError, match="pad with zeros"):
        marginal_matching([0.5, 0.5], [1.0])
    with pytest.raises(ValueError, match="a permutation"):
        back_translation(chain(9), chain(9), [0, 0, 1, 2, 3, 4])
    with pytest.raises(ValueError, match="source has symbols from 0 to"):
        back_translation(np.arange(6), chain(9), [0, 1, 2])
    with pytest.raises(ValueError, match="give two symbols or more"):
        symbol_shares(np.array([0.5, 1.0]), 3)
