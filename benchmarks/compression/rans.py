"""Asymmetric numeral systems against constriction, which is written in Rust."""

import constriction
import numpy as np

from benchmarks.harness import case  # first: it asks for one thread
from companion.compression.frequencies import entropy, quantize
from companion.compression.rans import RansCoder

N_SYMBOLS, N_LETTERS, N_LANES = 8_000_000, 64, 4096


def message():
    """Probabilities of 64 letters from a flat Dirichlet, and eight million letters."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(N_LETTERS))
    return p, rng.choice(N_LETTERS, size=N_SYMBOLS, p=p)


def encode(symbols, frequencies):
    coder = RansCoder(N_LANES)
    coder.encode(symbols, frequencies)
    return coder.to_bytes()


def decode(data, frequencies):
    coder = RansCoder.from_bytes(data, N_LANES)
    symbols = coder.decode(N_SYMBOLS, frequencies)
    coder.check_empty()
    return symbols


def their_encode(symbols, model):
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, model)
    return coder.get_compressed()


def their_decode(data, model):
    return constriction.stream.stack.AnsCoder(data).decode(model, N_SYMBOLS)


def both():
    """Each side's letters and model: ours as bytes, theirs as int32, which it demands."""
    p, symbols = message()
    model = constriction.stream.model.Categorical(p.astype(np.float32), perfect=False)
    return p, (symbols.astype(np.uint8), quantize(p)), (symbols.astype(np.int32), model)


def check_size(p, data):
    assert len(data) <= 1.01 * N_SYMBOLS * entropy(p) / 8


@case("rANS, 8 million symbols, decode", "constriction", bar=1.0)
def decoding():
    p, ours, theirs = both()
    data, their_data = encode(*ours), their_encode(*theirs)

    def same(mine, other):
        np.testing.assert_array_equal(mine, ours[0])
        np.testing.assert_array_equal(other, ours[0])
        check_size(p, data)

    return (
        lambda: decode(data, ours[1]),
        lambda: their_decode(their_data, theirs[1]),
        same,
    )


@case(
    "rANS, 8 million symbols, encode",
    "constriction",
    bar=2.0,
    note="Ours goes over the 4,096 states in a dozen numpy operations; constriction, in Rust, "
    "keeps its one state in a register.",
)
def encoding():
    p, ours, theirs = both()

    def round_trip(mine, other):
        np.testing.assert_array_equal(decode(mine, ours[1]), ours[0])
        np.testing.assert_array_equal(their_decode(other, theirs[1]), ours[0])
        check_size(p, mine)

    return lambda: encode(*ours), lambda: their_encode(*theirs), round_trip
