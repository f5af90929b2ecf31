"""Adaptive counts against numpy and the closed form of their probability (chapter `codes`)."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from companion import data
from companion.compression.adaptive import (
    AdaptiveModel,
    FenwickTree,
    compress_symbols,
    decompress_symbols,
)
from companion.compression.container import seal, unseal
from companion.compression.frequencies import entropy
from companion.compression.stream_codes import ArithmeticDecoder, ArithmeticEncoder
from tests.compression.damage import assert_damage_is_seen


def bits_of_counts(counts):
    """Ideal length by eq-context_models-adaptive: a Dirichlet-multinomial, by gamma functions."""
    counts, k = np.asarray(counts), len(counts)
    log_p = gammaln(k / 2) - gammaln(counts.sum() + k / 2)
    return -(log_p + (gammaln(counts + 0.5) - gammaln(0.5)).sum()) / np.log(2)


@settings(max_examples=500)
@given(st.integers(0, 2**32))
def test_running_sums_are_numpys(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, size=rng.integers(1, 70))
    tree = FenwickTree(counts.tolist())
    for place in rng.integers(len(counts), size=8).tolist():
        tree.add(place, 3)
        counts[place] += 3
    edges = np.concatenate([[0], np.cumsum(counts)])
    assert [tree.prefix(n) for n in range(len(edges))] == edges.tolist()
    targets = range(int(edges[-1]))
    found = np.searchsorted(edges, targets, side="right") - 1
    assert [tree.find(t) for t in targets] == found.tolist()


@settings(settings.get_profile("many"))
@given(st.integers(0, 2**32))
def test_every_message_comes_back_with_the_length_of_the_closed_form(seed):
    """eq-context_models-adaptive; 17 bytes are the frame: name, sizes, checksum, 2 of the coder."""
    rng = np.random.default_rng(seed)
    n_symbols = int(2 ** rng.uniform(0, 8))
    p = rng.dirichlet(np.full(n_symbols, 10 ** rng.uniform(-2, 1)))
    symbols = rng.choice(n_symbols, size=rng.integers(61), p=p)
    blob = compress_symbols(symbols, n_symbols)
    assert np.array_equal(decompress_symbols(blob), symbols)
    ideal = bits_of_counts(np.bincount(symbols, minlength=n_symbols)) / 8
    assert len(blob) <= ideal + 8 + 3 + 2


def test_the_order_does_not_matter():
    """All orders of a message are equally likely, so equally long, but for the last byte."""
    symbols = np.random.default_rng(0).geometric(0.3, size=3000) % 20
    ideal = bits_of_counts(np.bincount(symbols, minlength=20)) / 8
    for order in (symbols, np.sort(symbols), symbols[::-1]):
        assert abs(len(compress_symbols(order, 20)) - ideal - 8 - 3) <= 2


def test_the_price_of_not_knowing_is_half_a_logarithm_a_symbol():
    """At most ``(K - 1)/2 log2 n + K`` bits above the entropy of the counts, on real images."""
    levels = data.digits().x_train.ravel()
    blob = compress_symbols(levels, 17)
    assert np.array_equal(decompress_symbols(blob), levels)
    bound = len(levels) * entropy(np.bincount(levels)) / 8
    assert bound < len(blob) <= bound + (8 * np.log2(len(levels)) + 17) / 8 + 13


def test_the_largest_alphabet():
    n = 1 << 16
    symbols = np.concatenate([[n - 1, 0], np.random.default_rng(0).integers(n, size=3000)])
    blob = compress_symbols(symbols, n)
    assert np.array_equal(decompress_symbols(blob), symbols)
    counts = np.bincount(symbols, minlength=n)
    assert abs(len(blob) - bits_of_counts(counts) / 8 - 8 - 5) <= 2


def test_a_limit_halves_the_frequencies():
    model = AdaptiveModel(3, limit=20)
    seen = np.ones(3, int)
    for symbol in [0] * 8 + [2] * 5 + [1]:
        model.update(symbol)
        seen[symbol] += 2
        if seen.sum() > 20:
            seen = (seen + 1) // 2
        assert model.frequencies == seen.tolist()
        assert model.total == seen.sum() <= 20
        assert [model.tree.prefix(n) for n in range(4)] == [0, *np.cumsum(seen)]


def test_a_model_that_forgets_follows_a_change():
    """The first half says 0 and 1, the second 2 and 3."""
    rng = np.random.default_rng(1)
    symbols = np.concatenate([rng.integers(0, 2, 4000), rng.integers(2, 4, 4000)]).tolist()
    sizes = []
    for limit in (1 << 32, 64):
        model, encoder = AdaptiveModel(4, limit), ArithmeticEncoder()
        for symbol in symbols:
            model.encode(symbol, encoder)
        coded = encoder.finish()
        sizes.append(len(coded))
        model, decoder = AdaptiveModel(4, limit), ArithmeticDecoder(coded)
        assert [model.decode(decoder) for _ in symbols] == symbols
        decoder.finish()
    assert sizes[1] < 0.9 * sizes[0]


def test_probabilities_by_hand():
    """(n_k + 1/2) / (n + K/2) after 0, 0, 1: 5/9, 3/9, 1/9."""
    model = AdaptiveModel(3)
    for symbol in (0, 0, 1):
        model.update(symbol)
    shares = [Fraction(f, model.total) for f in model.frequencies]
    assert shares == [Fraction(5, 9), Fraction(3, 9), Fraction(1, 9)]


def test_golden_words():
    assert compress_symbols([], 3).hex() == "41646131" + "0300" + "e5e56a94"
    assert compress_symbols([0, 2, 1, 0, 0], 3).hex() == "41646131" + "0305" + "4b95" + "25a49327"
    assert (
        compress_symbols([300] * 9, 1000).hex()
        == "41646131" + "e80709" + "4ce07b00c4ccedac" + "90cd9ff7"
    )


def test_damage_to_a_file_is_seen():
    symbols = np.random.default_rng(2).geometric(0.2, size=150) % 30
    assert_damage_is_seen(compress_symbols(symbols, 30), decompress_symbols, symbols)


def test_a_file_that_goes_on_is_seen_without_the_checksum():
    body = unseal(b"Ada1", compress_symbols([0, 2, 1, 0, 0], 3))
    with pytest.raises(ValueError, match="does not end where the message does"):
        decompress_symbols(seal(b"Ada1", body + b"\0"))


def test_bad_input():
    with pytest.raises(ValueError, match="symbol=3 must be from 0 to 2: raise n_symbols"):
        compress_symbols([0, 3], 3)
    with pytest.raises(ValueError, match="symbol=-1 must be from 0 to 2"):
        compress_symbols([-1], 3)
    with pytest.raises(ValueError, match="n_symbols=65537 must be an integer"):
        compress_symbols([], 65537)
    with pytest.raises(ValueError, match="n_symbols=0 must be an integer"):
        AdaptiveModel(0)
    with pytest.raises(ValueError, match="limit=7 must be an integer of at least 8"):
        AdaptiveModel(3, limit=7)
    with pytest.raises(ValueError, match=r"symbols has shape \(1, 2\) and type float64"):
        compress_symbols([[0.5, 1.0]], 3)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_sums_of_small_integers_do_not_overflow(kind):
    tree = FenwickTree(np.full(9, 100, kind))
    tree.add(kind(3), kind(100))
    place = np.array(9, kind)  # arithmetic in place would change it
    assert tree.prefix(place) == 1000
    assert place == 9
