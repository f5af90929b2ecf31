"""The mixture of contexts: against its formula in floats, and as files (chapter `codes`)."""

import bz2
import copy
import lzma
import math
import zlib
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import data
from companion.compression.container import seal, unseal
from companion.compression.context_mixing import (
    AFTER,
    LOGIT,
    SHARE,
    BitDecoder,
    BitEncoder,
    ContextMixer,
    TextPast,
    compress_bytes,
    compress_pictures,
    decompress_bytes,
    decompress_pictures,
    enough,
    pixel_contexts,
)
from companion.compression.prefix_codes import HuffmanCode
from tests.compression.damage import assert_damage_is_seen

TEXT = data.text().encode()


class Ledger:
    """Stands in for a coder: adds up what the answers cost, in bits."""

    def __init__(self):
        self.bits, self.shares = 0.0, []

    def answer(self, share, bit):
        self.shares.append(share)
        self.bits -= math.log2((share if bit else 65536 - share) / 65536)
        return bit


def float_bits(raw, code):
    """What the mixture should cost: eq-context_models-mix in floats, with a dict for the counts."""
    counts, weights, bits = defaultdict(lambda: [0, 0]), np.full(4, 0.3), 0.0
    past = TextPast()

    def ask(contexts, question, bit):
        nonlocal weights, bits
        cells = [counts[i, context, question] for i, context in enumerate(contexts)]
        logits = np.array([math.log((yes + 0.15) / (no + 0.15)) for no, yes in cells])
        p = 1 / (1 + math.exp(-max(-8, min(8, weights @ logits))))
        bits -= math.log2(p if bit else 1 - p)
        weights = weights + (bit - p) * logits / 128
        for cell in cells:
            cell[bit] += 1
            if cell[1 - bit] > 4:
                cell[1 - bit] = (cell[1 - bit] + 4) // 2

    for byte in raw:
        contexts, guess = past.predict()
        if guess is not None:
            ask(contexts, ("guess", guess), int(byte == guess))
        if byte != guess:
            word = code.codewords[byte]
            for i, bit in enumerate(word):
                ask(contexts, word[:i], int(bit))
        past.add(byte)
    return bits


def test_it_costs_what_the_formula_says():
    """Whole numbers and shared places change less than one percent (eq-context_models-mix)."""
    raw = TEXT[:6000]
    code = HuffmanCode(np.bincount(np.frombuffer(raw, np.uint8)))
    mixer, past, ledger = ContextMixer(code, 4, enough(len(raw))), TextPast(), Ledger()
    for byte in raw:
        contexts, guess = past.predict()
        past.add(mixer.code(ledger, contexts, byte, guess))
    assert ledger.bits == pytest.approx(float_bits(raw, code), rel=0.01)
    coded = len(compress_bytes(raw)) - 8 - 2 - len(code.description())
    assert -1 <= coded - ledger.bits / 8 <= 2


def test_probabilities_sum_to_one():
    """Over all symbols, by enumeration; the first question makes a guess costlier otherwise."""
    code = HuffmanCode([9, 5, 3, 2, 2, 1, 1])
    mixer, rng = ContextMixer(code, 2, size=18), np.random.default_rng(0)
    for _ in range(200):
        mixer.code(Ledger(), rng.integers(3, size=2).tolist(), int(rng.integers(7)))
    for guess in (None, 2):
        total = 0.0
        for symbol in range(7):
            trial, ledger = copy.deepcopy(mixer), Ledger()
            assert trial.code(ledger, [1, 2], symbol, guess) == symbol
            total += 2**-ledger.bits
        if guess is None:
            assert total == pytest.approx(1, abs=1e-9)
        else:
            assert 0.8 < total < 1


def test_a_guess_is_a_question_of_its_own():
    """Right guesses teach nothing about the questions of the tree, and those nothing about it."""
    code, ledger = HuffmanCode([5, 5, 5, 5, 5, 5, 5, 5]), Ledger()
    mixer = ContextMixer(code, 1, size=18)
    for guess in range(8):
        for _ in range(20):
            assert mixer.code(ledger, [7], guess, guess) == guess
    ledger.shares.clear()
    mixer.code(ledger, [7], symbol=0)
    assert all(abs(share - 32768) <= 1 for share in ledger.shares)
    assert len(ledger.shares) == 3
    ledger.shares.clear()
    mixer.code(ledger, [7], symbol=0, guess=0)
    assert ledger.shares[0] > 60_000
    assert len(ledger.shares) == 1


def test_tables():
    """Counts, logits and shares against their definitions."""
    for no, yes in ((0, 0), (1, 0), (3, 200), (255, 255), (255, 0)):
        pair = 256 * no + yes
        logit = 256 * math.log((yes + 0.15) / (no + 0.15))
        assert abs(LOGIT[pair] - max(-2047, min(logit, 2047))) <= 0.5
        less = no if no <= 4 else (no + 4) // 2
        assert AFTER[1][pair] == 256 * less + min(yes + 1, 255)
        less = yes if yes <= 4 else (yes + 4) // 2
        assert AFTER[0][pair] == 256 * min(no + 1, 255) + less
    assert len(SHARE) == 4095
    for mixed in (-2047, -300, 0, 5, 2047):
        exact = 65536 / (1 + math.exp(-mixed / 256))
        assert abs(SHARE[mixed + 2047] - exact) <= 2
    assert np.diff(SHARE).min() >= 0
    assert min(SHARE) >= 1
    assert max(SHARE) < 65536


def test_the_match_is_the_last_place_where_five_bytes_stood():
    past = TextPast()
    raw = b"abcde1 abcde2 abcde"
    for i, byte in enumerate(raw):
        _, guess = past.predict()
        places = [j for j in range(5, i) if raw[j - 5 : j] == raw[i - 5 : i]]
        if i >= 5 and past.length == 0:
            assert guess == (raw[places[-1]] if places else None)
        past.add(byte)
    contexts, guess = past.predict()
    assert guess == ord("2")
    assert contexts[:3] == (ord("e"), int.from_bytes(b"de", "big"), int.from_bytes(b"cde", "big"))


def test_contexts_of_a_pixel_see_only_what_is_known():
    rng = np.random.default_rng(0)
    image = rng.integers(17, size=(4, 5)).tolist()
    for row in range(4):
        for column in range(5):
            before = pixel_contexts(image, row, column, 17)
            later = copy.deepcopy(image)
            for place in range(row * 5 + column, 20):
                later[place // 5][place % 5] = 16 - later[place // 5][place % 5]
            assert pixel_contexts(later, row, column, 17) == before
    assert pixel_contexts([[0, 0], [3, 0]], 1, 1, 17) == (3, 771, 768, 768, 6 * 6 * 6)


@settings(settings.get_profile("many"))
@given(st.integers(0, 2**32))
def test_every_message_comes_back(seed):
    """Bytes with and without repetitions, with any alphabet."""
    rng = np.random.default_rng(seed)
    alphabet = rng.integers(256, size=rng.integers(1, 20)).astype(np.uint8)
    raw = rng.choice(alphabet, size=rng.integers(25)).tobytes() * int(rng.integers(1, 3))
    assert decompress_bytes(compress_bytes(raw)) == raw


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_every_picture_comes_back(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, 4), *rng.integers(1, 6, size=2)
    images = rng.integers(rng.integers(1, 257), size=shape)
    back = decompress_pictures(compress_pictures(images))
    assert back.dtype == np.uint8
    assert back.shape == images.shape
    assert np.array_equal(back, images)


def test_text_is_shorter_than_by_the_usual_programs():
    raw = TEXT[:60_000]
    blob = compress_bytes(raw)
    assert decompress_bytes(blob) == raw
    others = zlib.compress(raw, 9), bz2.compress(raw), lzma.compress(raw, preset=9)
    assert len(blob) < 0.95 * min(map(len, others))


def test_digits_are_shorter_than_by_the_usual_programs():
    images = data.digits().x_test[:, 0]
    blob = compress_pictures(images)
    assert np.array_equal(decompress_pictures(blob), images)
    raw = images.tobytes()
    others = zlib.compress(raw, 9), bz2.compress(raw), lzma.compress(raw, preset=9)
    assert len(blob) < 0.85 * min(map(len, others))


def test_golden_words():
    assert compress_bytes(b"").hex() == "4d697831" + "00" + "010101" + "19747add"
    assert compress_bytes(b"abracadabra abracadabra").hex() == (
        "4d697831" + "17090020050100400201040105010401000d0401a34971e22c" + "ede80d25"
    )
    assert compress_pictures(np.arange(12).reshape(1, 3, 4) % 5).hex() == (
        "50696331" + "010304" + "03030204020301cfffc19d" + "6fb79b9f"
    )


def test_damage_to_files_is_seen():
    raw = TEXT[:150]
    assert_damage_is_seen(
        compress_bytes(raw), lambda b: list(decompress_bytes(b)), list(raw), n_changes=1000
    )
    images = data.digits().x_test[:4, 0]
    assert_damage_is_seen(compress_pictures(images), decompress_pictures, images)


@pytest.mark.parametrize(
    ("magic", "blob", "decode"),
    [
        (b"Mix1", compress_bytes(TEXT[:50]), decompress_bytes),
        (b"Pic1", compress_pictures(data.digits().x_test[:2, 0]), decompress_pictures),
    ],
)
def test_a_file_that_goes_on_is_seen_without_the_checksum(magic, blob, decode):
    """Sealed anew with one byte more: the coder knows where its message ends."""
    with pytest.raises(ValueError, match="does not end where the message does"):
        decode(seal(magic, unseal(magic, blob) + b"\0"))


def test_bits_alone():
    rng = np.random.default_rng(0)
    shares, bits = rng.integers(1, 65536, 500).tolist(), rng.integers(2, size=500).tolist()
    encoder = BitEncoder()
    assert [encoder.answer(*pair) for pair in zip(shares, bits, strict=True)] == bits
    decoder = BitDecoder(encoder.finish())
    assert [decoder.answer(share) for share in shares] == bits
    decoder.finish()


def test_bad_input():
    mixer = ContextMixer(HuffmanCode([1, 1]), 3, size=18)
    with pytest.raises(ValueError, match="contexts has 2 entries, not 3"):
        mixer.code(BitEncoder(), [0, 0], 1)
    with pytest.raises(ValueError, match="symbol=5 has no codeword: build the code with it"):
        mixer.code(BitEncoder(), [0, 0, 0], 5)
    with pytest.raises(ValueError, match="size=40 must be an integer"):
        ContextMixer(HuffmanCode([1, 1]), 3, size=40)
    with pytest.raises(ValueError, match="n_contexts=0 must be an integer"):
        ContextMixer(HuffmanCode([1, 1]), 0)
    for bad in (
        np.zeros((2, 3)),
        np.zeros(3, int),
        np.full((1, 2, 2), 256),
        -np.ones((1, 1, 1), int),
    ):
        with pytest.raises(ValueError, match=r"images has shape .* leave out the axis of channels"):
            compress_pictures(bad)
    assert [enough(n) for n in (0, 10_000, 20_000, 10**6)] == [18, 18, 19, 22]
