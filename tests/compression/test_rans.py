"""A stack of symbols against one written with Python's exact integers, and against the entropy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compression import rans, stream_codes
from companion.compression.container import seal, unseal
from companion.compression.frequencies import quantize
from companion.compression.stream_codes import RansCoder

LEAST, MOST, WORD = 1 << 32, 1 << 48, 1 << 16


class ExactStack:
    """The definition, in integers of any size: one lane after another, the words in one list."""

    def __init__(self, n_lanes, precision):
        self.states, self.words, self.total = [LEAST] * n_lanes, [], 1 << precision

    def push(self, start, frequency):
        for lane, (s, f) in enumerate(zip(start, frequency, strict=True)):
            x = self.states[lane]
            if x // f * self.total + s + x % f >= MOST:
                self.words.append(x % WORD)
                x //= WORD
            self.states[lane] = x // f * self.total + s + x % f

    def to_bytes(self):
        words = b"".join(word.to_bytes(2, "little") for word in self.words)
        return words + b"".join(state.to_bytes(6, "little") for state in self.states)


def frequencies_of(rng, n_symbols, precision, concentration):
    """From one symbol that has nearly everything to all alike."""
    return quantize(rng.dirichlet(np.full(n_symbols, concentration)) + 1e-300, precision)


def shares_of(rng, n, total):
    """A share of its own for each lane, some of a single slot, some of all of them."""
    edges = np.sort(rng.integers(0, total + 1, (n, 2)), axis=1)
    start = np.minimum(edges[:, 0], total - 1)
    frequency = np.maximum(edges[:, 1] - start, 1)
    return np.where(rng.random(n) < 0.1, 0, start), np.where(
        rng.random(n) < 0.1, total - start, frequency
    ).clip(max=total - start)


def ideal_bits(symbols, frequencies):
    """Minus the logarithm of the message's probability."""
    return -np.log2(frequencies[symbols] / frequencies.sum()).sum()


def content(coder):
    """Logarithm of the number that a stack is."""
    return 16 * coder.n_words + np.log2(coder.state).sum()


MESSAGES = {
    "seed": st.integers(0, 2**32),
    "n_symbols": st.integers(1, 300),
    "precision": st.integers(1, 16),
    "n_lanes": st.integers(1, 20),
    "n": st.integers(0, 50),
    "concentration": st.sampled_from([0.01, 0.3, 1.0, 30.0]),
    "likely": st.booleans(),
}


@settings(settings.get_profile("many"))
@given(**MESSAGES)
def test_a_message_comes_back(seed, n_symbols, precision, n_lanes, n, concentration, likely):
    """Any alphabet, precision, lanes and length; letters as probable as they are, or all alike."""
    rng = np.random.default_rng(seed)
    n_symbols = min(n_symbols, 1 << precision)
    frequencies = frequencies_of(rng, n_symbols, precision, concentration)
    p = frequencies / frequencies.sum() if likely else None
    symbols = rng.choice(n_symbols, size=n, p=p)
    coder = RansCoder(n_lanes, precision)
    coder.encode(symbols, frequencies)
    coder = RansCoder.from_bytes(coder.to_bytes(), n_lanes, precision)
    decoded = coder.decode(n, frequencies)
    assert decoded.dtype == np.int64
    assert decoded.tolist() == symbols.tolist()
    coder.check_empty()


@settings(settings.get_profile("many"))
@given(st.integers(0, 2**32), st.integers(1, 16), st.integers(1, 6), st.integers(0, 8))
def test_every_lane_has_its_own_share_and_some_are_left_out(seed, precision, n_lanes, n_pushes):
    """The integers are those of the definition; what went in last comes out first."""
    rng = np.random.default_rng(seed)
    coder, exact, pushed = RansCoder(n_lanes, precision), ExactStack(n_lanes, precision), []
    for _ in range(n_pushes):
        share = shares_of(rng, rng.integers(1, n_lanes + 1), 1 << precision)
        coder.push(*share)
        exact.push(*(v.tolist() for v in share))
        pushed.append((*share, exact.to_bytes()))
    for start, frequency, data in reversed(pushed):
        assert coder.to_bytes() == data
        slot = coder.peek(len(start))
        assert slot.dtype == np.int64
        assert ((start <= slot) & (slot < start + frequency)).all()
        coder.pop(start, frequency)
    coder.check_empty()


def test_encode_is_the_pushes_of_its_groups_from_the_last_to_the_first():
    frequencies = np.array([9, 4, 2, 1])
    symbols = np.random.default_rng(0).integers(0, 4, 31)
    start = np.array([0, 9, 13, 15])
    one, other = RansCoder(4, precision=4), RansCoder(4, precision=4)
    one.encode(symbols, frequencies)
    for place in (28, 24, 20, 16, 12, 8, 4, 0):
        some = symbols[place : place + 4]
        other.push(start[some], frequencies[some])
    assert one.to_bytes() == other.to_bytes()


def test_the_message_that_went_in_last_comes_out_first():
    coder, rng, messages = RansCoder(5, precision=12), np.random.default_rng(1), []
    for n_symbols in (2, 50, 7, 1, 300):
        frequencies = frequencies_of(rng, n_symbols, 12, 1.0)
        symbols = rng.integers(0, n_symbols, 123)
        coder.encode(symbols, frequencies)
        messages.append((symbols, frequencies))
    for symbols, frequencies in reversed(messages):
        np.testing.assert_array_equal(coder.decode(123, frequencies), symbols)
    coder.check_empty()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint64, list])
def test_letters_may_have_any_integer_type(dtype):
    letters = [0, 1, 1, 0, 2]
    coder, plain = RansCoder(2), RansCoder(2)
    plain.encode(np.array(letters), quantize([5, 3, 1]))
    coder.encode(letters if dtype is list else np.array(letters, dtype), quantize([5, 3, 1]))
    assert coder.to_bytes() == plain.to_bytes()


# Lengths.


@pytest.mark.parametrize("n_lanes", [1, 16, 256])
@pytest.mark.parametrize("concentration", [0.05, 1.0, 100.0])
def test_the_length_is_the_information_content(n_lanes, concentration):
    """At most a hundredth more than minus log2 of the probability, and 6 bytes a lane; not less."""
    rng = np.random.default_rng(2)
    frequencies = frequencies_of(rng, 64, 16, concentration)
    symbols = rng.choice(64, size=20_000, p=frequencies / frequencies.sum())
    coder = RansCoder(n_lanes)
    coder.encode(symbols, frequencies)
    ideal = ideal_bits(symbols, frequencies)
    assert 8 * len(coder.to_bytes()) <= 1.01 * ideal + 48 * n_lanes
    assert content(coder) - 32 * n_lanes == pytest.approx(ideal, rel=1e-4)


def test_a_push_multiplies_the_state_by_one_over_the_probability():
    """With exact integers of any size, and with states that are cut into words."""
    rng = np.random.default_rng(3)
    frequencies = frequencies_of(rng, 20, 16, 0.5)
    edges = np.append(0, frequencies.cumsum())
    coder, x = RansCoder(), LEAST
    for symbol in rng.integers(0, 20, 300):
        s, f = int(edges[symbol]), int(frequencies[symbol])
        before, x = x, (x // f << 16) + s + x % f
        assert abs(x * f / (before << 16) - 1) <= f / before  # x // f is off by less than 1
        coder.push([s], [f])
        assert content(coder) == pytest.approx(math.log2(x), abs=0.01)


def test_what_is_certain_costs_nothing():
    coder = RansCoder(3, precision=5)
    coder.encode(np.zeros(1000, int), [32])
    coder.check_empty()
    assert coder.decode(7, [32]).tolist() == [0] * 7


# Exactness of the division.


def hard_states(f, precision):
    """Multiples of f, one less and one more, near both ends of what a state of f can be."""
    top = f << 48 - precision  # a state at or above loses a word first
    near = [LEAST, top, MOST, (LEAST + top) // 2, (top + MOST) // 2, (1 << 47), (1 << 40)]
    multiples = [n // f * f + k * f + i for n in near for k in (-1, 0, 1) for i in (-1, 0, 1)]
    states = [*multiples, *(n + i for n in near for i in (-2, -1, 0, 1, 2))]
    return sorted({x for x in states if LEAST <= x < MOST})


def check_push_and_pop(states, start, frequency, precision):
    """A state a lane takes its share, and gives it back, as exact integers do."""
    coder, exact = (kind(len(states), precision) for kind in (RansCoder, ExactStack))
    coder.state, exact.states = np.array(states, float), list(states)
    coder.push(start, frequency)
    exact.push(start.tolist(), frequency.tolist())
    assert coder.to_bytes() == exact.to_bytes()
    assert min(exact.states) >= LEAST
    assert max(exact.states) < MOST
    coder.pop(start, frequency)
    assert coder.state.tolist() == states


@pytest.mark.parametrize("precision", [1, 2, 7, 15, 16])
def test_quotients_of_floats_are_exact_where_they_are_hardest(precision):
    """One below a multiple of the frequency must not be rounded up to it."""
    total = 1 << precision
    near = {1, 2, 3, total // 3, total // 2 + 1, total - 1, total, 32749, 65521}
    for f in sorted(f for f in near if 1 <= f <= total):
        states = hard_states(f, precision)
        for start in {0, total - f}:
            check_push_and_pop(states, *np.full((2, len(states)), [[start], [f]]), precision)


@pytest.mark.parametrize("precision", [1, 8, 16])
def test_quotients_of_floats_are_exact_everywhere(precision):
    """A hundred thousand states of any size, of which a third are multiples, a third one less."""
    rng, n = np.random.default_rng(8), 100_000
    start, f = shares_of(rng, n, 1 << precision)
    x = np.exp2(rng.uniform(32, 48, n)).astype(np.int64)
    kind = rng.integers(0, 3, n)
    x = np.where(kind == 0, x, x // f * f - (kind == 2)).clip(LEAST, MOST - 1)
    check_push_and_pop(x.tolist(), start, f, precision)


# The format.

GOLDEN = "1857a018f132b61e250587ff5eb75801"


def test_the_format_stays_what_it_is():
    """Words from the bottom up, then 6 bytes a lane, the lowest first."""
    coder, exact = RansCoder(2), ExactStack(2, 16)
    symbols = [0, 3, 1, 2, 0, 0, 1, 3, 3, 2, 0, 1, 3, 0, 3]
    frequencies, start = [40000, 20000, 5000, 536], [0, 40000, 60000, 65000]
    coder.encode(symbols, frequencies)
    for place in reversed(range(0, 15, 2)):
        some = symbols[place : place + 2]
        exact.push([start[k] for k in some], [frequencies[k] for k in some])
    assert exact.to_bytes().hex() == GOLDEN
    assert coder.to_bytes().hex() == GOLDEN
    again = RansCoder.from_bytes(bytes.fromhex(GOLDEN), 2)
    assert again.decode(15, frequencies).tolist() == symbols
    again.check_empty()


def test_an_empty_stack_is_its_states():
    assert RansCoder(2).to_bytes().hex() == "000000000100" * 2
    RansCoder.from_bytes(RansCoder(3).to_bytes(), 3).check_empty()


# Damage.


def odd_message(n_lanes):
    """Forty letters with no simple frequencies, and their stack as bytes."""
    rng = np.random.default_rng(4)
    frequencies, symbols = frequencies_of(rng, 30, 10, 1.0), rng.integers(0, 30, 40)
    return stacked(symbols, frequencies, n_lanes)


def even_message():
    """Forty bytes, all alike, and their stack as bytes."""
    return stacked(np.random.default_rng(5).integers(0, 256, 40), np.full(256, 4), 1)


def stacked(symbols, frequencies, n_lanes):
    coder = RansCoder(n_lanes, precision=10)
    coder.encode(symbols, frequencies)
    return coder.to_bytes(), (symbols, frequencies, n_lanes)


def outcome(data, symbols, frequencies, n_lanes):
    """What comes of bytes: "error", "same" message, or a "wrong" one without any error."""
    try:
        coder = RansCoder.from_bytes(data, n_lanes, precision=10)
        decoded = coder.decode(len(symbols), frequencies)
        coder.check_empty()
    except ValueError:
        return "error"
    return "same" if np.array_equal(decoded, symbols) else "wrong"


def damaged(data, n=1000):
    """The bytes with one of them changed, n times."""
    rng = np.random.default_rng(6)
    places, changes = rng.integers(0, len(data), n), rng.integers(1, 256, n)
    for place, change in zip(places.tolist(), changes.tolist(), strict=True):
        yield data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]


@pytest.mark.parametrize("n_lanes", [1, 4])
def test_a_cut_stream_is_an_error_wherever_it_is_cut(n_lanes):
    data, message = odd_message(n_lanes)
    assert outcome(data, *message) == "same"
    for place in range(1, len(data)):
        assert outcome(data[:place], *message) == "error"
        assert outcome(data[place:], *message) == "error"


def test_a_changed_byte_is_nearly_always_an_error_where_frequencies_are_odd():
    data, message = odd_message(1)
    seen = [outcome(changed, *message) for changed in damaged(data)]
    assert "same" not in seen
    assert seen.count("wrong") <= 10


def test_a_raw_stream_cannot_tell_a_changed_byte_where_frequencies_are_powers_of_two():
    """Then the stack is the symbols' bits in a row, and every row of bits is a message."""
    data, message = even_message()
    assert [outcome(changed, *message) for changed in damaged(data)].count("wrong") > 800


def test_the_checksum_of_a_file_sees_every_changed_byte():
    for blob in damaged(seal(b"Tst1", even_message()[0])):
        with pytest.raises(ValueError, match="blob"):
            unseal(b"Tst1", blob)


# Wrong arguments.


def test_both_names_are_the_same_class():
    assert stream_codes.RansCoder is rans.RansCoder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_lanes": 0}, "n_lanes=0 must be an integer of at least 1"),
        ({"n_lanes": 2.0}, "n_lanes=2.0 must be an integer"),
        ({"precision": 17}, "precision=17 must be .* at most 16"),
        ({"precision": 0}, "precision=0 must be an integer of at least 1"),
    ],
)
def test_wrong_lanes_and_precisions(arguments, message):
    with pytest.raises(ValueError, match=message):
        RansCoder(**arguments)
    with pytest.raises(ValueError, match=message):
        RansCoder.from_bytes(bytes(6), **arguments)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ([0, 3], "symbols go from 0 to 3 but there are 3 frequencies, for 0 to 2: add"),
        ([-1, 0], "symbols go from -1 to 0"),
        ([0.5], r"symbols of shape \(1,\) and type float64 must be a list of whole numbers"),
        ([[0, 1]], r"symbols of shape \(1, 2\).*flatten"),
    ],
)
def test_wrong_symbols(symbols, message):
    with pytest.raises(ValueError, match=message):
        RansCoder().encode(symbols, quantize([1, 1, 1]))


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        ([8, 9], "frequencies sum to 17 but must sum to 16: use quantize"),
        ([16, 0], "frequencies .* at least 1: make them with quantize"),
        ([0.5, 0.5], "frequencies .* whole numbers"),
    ],
)
def test_wrong_frequencies(frequencies, message):
    coder = RansCoder(precision=4)
    with pytest.raises(ValueError, match=message):
        coder.encode([0], frequencies)
    with pytest.raises(ValueError, match=message):
        coder.decode(1, frequencies)


@pytest.mark.parametrize(
    ("start", "frequency"),
    [
        ([-1], [3]),
        ([0], [0]),
        ([15], [2]),
        ([0.0], [1]),
        ([0], [1.0]),
        ([0, 0, 0], [1, 1, 1]),
        ([[0]], [[1]]),
    ],
)
def test_wrong_shares(start, frequency):
    coder = RansCoder(2, precision=4)
    for move in (coder.push, coder.pop):
        with pytest.raises(ValueError, match=r"start .* whole numbers for at most 2 lanes.*16"):
            move(start, frequency)
    coder.check_empty()


def test_a_share_in_which_the_top_does_not_lie_is_not_popped():
    coder = RansCoder(precision=4)
    coder.push([3], [5])
    before = coder.to_bytes()
    for share in (([0], [3]), ([8], [8])):
        with pytest.raises(ValueError, match=r"start, frequency are not the shares .* peek"):
            coder.pop(*share)
    assert coder.to_bytes() == before


def test_more_than_there_is_cannot_be_popped():
    coder = RansCoder()
    coder.encode([0, 1, 0], quantize([1, 3]))
    with pytest.raises(ValueError, match=r"no words left: .* too much was popped"):
        coder.decode(400, quantize([1, 3]))
    with pytest.raises(ValueError, match="n=-1 must be an integer of at least 0"):
        coder.decode(-1, quantize([1, 3]))


def test_a_stack_that_is_not_empty_says_so():
    coder = RansCoder(3)
    coder.push([1], [2])
    with pytest.raises(ValueError, match="stack is not empty: 0 words are left"):
        coder.check_empty()
    coder.encode(np.ones(1000, int), quantize([1, 1]))
    with pytest.raises(ValueError, match=f"stack is not empty: {coder.n_words} words are left"):
        coder.check_empty()


@pytest.mark.parametrize("data", [b"", b"\0" * 11, b"\0" * 13])
def test_bytes_that_are_no_stack(data):
    with pytest.raises(ValueError, match=f"data has {len(data)} bytes, not 6 .* 2 lanes .* cut"):
        RansCoder.from_bytes(data, 2)


def test_bytes_with_a_state_that_is_too_small():
    with pytest.raises(ValueError, match=r"data has a state below 2\^32"):
        RansCoder.from_bytes(b"\0" * 12, 2)
