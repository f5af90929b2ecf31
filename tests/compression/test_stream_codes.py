"""The arithmetic coder against exact fractions and the entropy (chapter `codes`)."""

from fractions import Fraction
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data
from companion.compression.container import read_integers, seal, unseal, write_integers
from companion.compression.frequencies import cumulate, entropy, quantize
from companion.compression.stream_codes import (
    MAX_TOTAL,
    ArithmeticDecoder,
    ArithmeticEncoder,
)
from tests.compression.damage import assert_damage_is_seen


def encode(symbols, edges):
    encoder = ArithmeticEncoder()
    for symbol in symbols:
        encoder.encode(symbol, edges)
    return encoder.finish()


def decode(data, n, edges):
    decoder = ArithmeticDecoder(data)
    symbols = [decoder.decode(edges) for _ in range(n)]
    decoder.finish()
    return symbols


def file_of(symbols, frequencies):
    """A static file, as in the chapter."""
    head = write_integers(len(frequencies), len(symbols), *frequencies)
    return seal(b"Ari1", head + encode(symbols, cumulate(frequencies).tolist()))


def read_file(blob):
    (n_symbols, n), body = read_integers(unseal(b"Ari1", blob), 2)
    frequencies, body = read_integers(body, n_symbols)
    return decode(body, n, cumulate(frequencies).tolist())


def bits_of(symbols, frequencies):
    """Ideal length: minus the logarithm of the probability."""
    f = np.asarray(frequencies)
    return float(-np.log2(f[symbols] / f.sum()).sum())


def random_message(seed):
    """Any alphabet, any distribution, any precision, 0 to 60 symbols, some of them unlikely."""
    rng = np.random.default_rng(seed)
    n_symbols = int(2 ** rng.uniform(0, 10))
    p = rng.dirichlet(np.full(n_symbols, 10 ** rng.uniform(-2, 1))) + 1e-12
    frequencies = quantize(p, int(rng.integers(10, 32)))
    size = rng.integers(61)
    likely = rng.choice(n_symbols, size=size, p=frequencies / frequencies.sum())
    return np.where(
        rng.random(size) < rng.random(), rng.integers(n_symbols, size=size), likely
    ), frequencies


@pytest.mark.parametrize("kind", [list, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_edges_of_any_integer_type_make_the_same_message(kind):
    edges, symbols = np.array([0, 5, 8, 10]), [0, 2, 1, 0] * 50
    given = edges.tolist() if kind is list else edges.astype(kind)
    data = encode(symbols, given)
    assert data == encode(symbols, edges.tolist())
    assert decode(data, len(symbols), given) == symbols


@settings(settings.get_profile("many"))
@given(st.integers(0, 2**32))
def test_round_trip_and_length(seed):
    """Two bytes more than ``-log2 P`` at most (eq-arithmetic_coding-length)."""
    symbols, frequencies = random_message(seed)
    edges = cumulate(frequencies).tolist()
    data = encode(symbols.tolist(), edges)
    assert decode(data, len(symbols), edges) == symbols.tolist()
    assert len(data) <= bits_of(symbols, frequencies) / 8 + 2


@settings(max_examples=500)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([(0, 1, 2, 4, 8), (0, 4, 5, 6, 8)]))))
def test_the_bytes_are_the_shortest_in_the_exact_interval(message):
    """Where all shares are powers of 2 the integers lose nothing: fractions give the same number.

    Zeros at the end change no number; some had gone out before the message was known to end.
    """
    encoder, low, width = ArithmeticEncoder(), Fraction(0), Fraction(1)
    for symbol, edges in message:
        encoder.encode(symbol, edges)
        low += width * Fraction(edges[symbol], edges[-1])
        width *= Fraction(edges[symbol + 1] - edges[symbol], edges[-1])
    n = 0
    while -(-low * 256**n // 1) >= (low + width) * 256**n:  # no multiple of 256^-n inside
        n += 1
    number = int(-(-low * 256**n // 1)).to_bytes(n, "big")
    assert encoder.finish().rstrip(b"\0") == number.rstrip(b"\0")


def test_a_carry_runs_through_a_row_of_full_bytes():
    """The middle half again and again stays astride 1/2: 7f ff ff ..., until the top decides."""
    encoder = ArithmeticEncoder()
    for _ in range(400):
        encoder.write(1, 2, 4)
    before = bytes(encoder.out)
    assert before == b"\x7f" + b"\xff" * (len(before) - 1)
    assert len(before) >= 40
    encoder.write(3, 1, 4)
    assert bytes(encoder.out[: len(before)]) == b"\x80" + bytes(len(before) - 1)
    decoder = ArithmeticDecoder(encoder.finish())
    for _ in range(400):
        assert 1 <= decoder.peek(4) < 3
        decoder.read(1, 2, 4)
    assert decoder.peek(4) == 3
    decoder.read(3, 1, 4)
    decoder.finish()


def test_the_largest_alphabet():
    n = 1 << 16
    symbols = np.random.default_rng(0).permutation(n)
    edges = list(range(n + 1))
    data = encode(symbols.tolist(), edges)
    assert decode(data, n, edges) == symbols.tolist()
    assert n * 2 <= len(data) <= n * 2 + 2
    assert data[: n * 2] == symbols.astype(">u2").tobytes()  # each takes its two bytes


@pytest.mark.parametrize("total", [3, 1000, MAX_TOTAL - 1, MAX_TOTAL])
def test_a_long_message_loses_nothing(total):
    """No drift: 100,000 symbols, and still within 0.001 % + 2 bytes."""
    rng = np.random.default_rng(1)
    edges = [0, 1, total - 1, total]
    symbols = rng.choice(3, size=100_000, p=[0.3, 0.4, 0.3] if total < 9 else [0.01, 0.98, 0.01])
    data = encode(symbols.tolist(), edges)
    assert decode(data, len(symbols), edges) == symbols.tolist()
    ideal = bits_of(symbols, np.diff(edges)) / 8
    assert ideal - 1 <= len(data) <= 1.00001 * ideal + 2


def test_digits_within_two_bytes_and_a_thousandth():
    """The bar: the entropy of the grey levels, on real images."""
    levels = data.digits().x_test.ravel()
    counts = np.bincount(levels, minlength=17)
    edges = cumulate(quantize(counts)).tolist()
    coded = encode(levels.tolist(), edges)
    assert decode(coded, len(levels), edges) == levels.tolist()
    bound = len(levels) * entropy(counts) / 8
    assert bound <= len(coded) <= 1.001 * bound + 2


def test_golden_words():
    edges = [0, 5, 7, 8]
    assert encode([], edges).hex() == ""
    assert encode([0, 2, 1, 0, 0], edges).hex() == "99"
    assert encode([2, 1, 0] * 10, edges).hex() == "f8dc4d8391d93e"
    assert encode([0, 1, 2], [0, 1, 2**32 - 1, 2**32]).hex() == "00000000ffffff0001"
    blob = file_of([0, 2, 1, 0, 0], [5, 2, 1])
    assert blob.hex() == "41726931" + "0305050201" + "99" + "ee39f167"


def test_damage_to_a_file_is_seen():
    frequencies = quantize([0.5, 0.3, 0.1, 0.1], 8).tolist()
    symbols = np.random.default_rng(2).choice(4, size=150, p=[0.5, 0.3, 0.1, 0.1]).tolist()
    assert_damage_is_seen(file_of(symbols, frequencies), read_file, symbols)


@settings(max_examples=300)
@given(st.binary(max_size=30), st.integers(0, 60))
def test_any_bytes_end_in_a_message_or_an_error(data, n):
    """A decoder of bytes without a seal: never a hang, and a message that gives these bytes."""
    edges = [0, 5, 7, 8]
    try:
        symbols = decode(data, n, edges)
    except ValueError:
        return
    assert encode(symbols, edges) == data


def test_a_message_that_is_cut_or_continued():
    edges = [0, 5, 7, 8]
    symbols = [2, 1, 0, 0, 1] * 20
    data = encode(symbols, edges)
    for bad in (data[:10], b"", data + b"\0", data + b"\1"):
        with pytest.raises(ValueError, match=r"data .* cut"):
            decode(bad, len(symbols), edges)
    for n in (len(symbols) - 3, 3 * len(symbols)):
        with pytest.raises(ValueError, match=r"data \(\d+ bytes\)"):
            decode(data, n, edges)


def test_bad_input():
    encoder = ArithmeticEncoder()
    with pytest.raises(ValueError, match=r"symbol=3 must be from 0 to 2: extend edges"):
        encoder.encode(3, [0, 5, 7, 8])
    with pytest.raises(ValueError, match=r"symbol=-1 must be from 0 to 2"):
        encoder.encode(-1, [0, 5, 7, 8])
    for share in ((0, 0, 4), (3, 2, 4), (-1, 2, 4), (0, 1, MAX_TOTAL + 1)):
        with pytest.raises(ValueError, match=r"start=.* are no share"):
            encoder.write(*share)
    assert encoder.finish() == b""


def test_the_price_of_one_symbol_at_a_time():
    """With .9 and .1 a prefix code pays 1 bit, this one the entropy (notes, lines 415-416)."""
    rng = np.random.default_rng(3)
    symbols = (rng.random(20_000) < 0.1).astype(int)
    ideal = sum(-log2(0.1 if symbol else 0.9) for symbol in symbols) / 8
    assert len(encode(symbols.tolist(), [0, 9, 10])) <= ideal + 2 < len(symbols) / 8 * 0.49


@pytest.mark.parametrize("kind", [np.int32, np.uint32, np.int64])
def test_edges_may_be_integers_of_numpy(kind):
    edges, message = np.array([0, 9, 10], dtype=kind), [0, 1, 0, 0, 1] * 40
    encoder = ArithmeticEncoder()
    for symbol in message:
        encoder.encode(symbol, edges)
    decoder = ArithmeticDecoder(encoder.finish())
    assert [decoder.decode(edges) for _ in message] == message
