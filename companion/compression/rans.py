"""A stack of symbols in one number: asymmetric numeral systems, many lanes at a time.

Chapter: `bits_back`.
"""

import numpy as np

from companion.compression.frequencies import PRECISION, check_frequencies, cumulate
from companion.validation import check_integer

WORD = 2.0**16  # what leaves a state that has become too large, as one unsigned 16-bit number
LEAST, MOST = 2.0**32, 2.0**48  # states lie between them


class RansCoder:
    """A stack of symbols, kept as whole numbers: asymmetric numeral systems (Duda, 2013).

    A state t takes a symbol with share ``[start, start + f)`` of ``M = 2^precision`` by

    ``t -> (t // f) M + start + t % f``,

    which multiplies it by about ``M / f``, one over the symbol's probability; the inverse gives
    symbol and state back. What went in last comes out first. Each of `n_lanes` states takes a
    symbol of its own, all in a few numpy operations; the last 16 bits of a state that would reach
    2^48 go to a list of words that the lanes share.

    States are float64: it holds whole numbers below 2^53 exactly, and rounds the quotient of two
    of these sizes to the right side of every whole number. Chapter: compression/bits_back.

    Parameters
    ----------
    n_lanes : int
        Symbols pushed at a time.
    precision : int
        Frequencies sum to ``2**precision``, at most 2^16.

    Examples
    --------
    >>> coder = RansCoder(n_lanes=2, precision=4)
    >>> coder.encode([0, 1, 1, 0, 0], [12, 4])
    >>> coder.decode(5, [12, 4]).tolist()
    [0, 1, 1, 0, 0]
    >>> coder.check_empty()
    """

    def __init__(self, n_lanes=1, precision=PRECISION):
        self.n_lanes = check_integer("n_lanes", n_lanes)
        self.precision = check_integer("precision", precision, high=16)
        self.total = 2.0**precision
        self.state = np.full(self.n_lanes, LEAST)
        self.words, self.n_words = np.empty(256, np.uint16), 0

    def push(self, start, frequency):
        """Put a symbol on each of the first n lanes: their shares, integers (n,), n <= n_lanes."""
        self._push(*self._check_shares(start, frequency))

    def _push(self, start, frequency):
        t = self.state[: len(frequency)]
        full = (t >= frequency * (MOST / self.total)).nonzero()[0]
        large = t.take(full)
        self._write(large.astype(np.int64))
        t[full] = np.floor(large / WORD)
        quotient = t / frequency
        np.floor(quotient, out=quotient)
        quotient *= self.total - frequency
        quotient += start
        t += quotient  # (t // f) M + start + t % f, since t % f is t - (t // f) f

    def peek(self, n=None):
        """Where in ``[0, 2**precision)`` the top symbols of the first n lanes lie, int64 (n,)."""
        return self.state[:n].astype(np.int64) & (int(self.total) - 1)

    def pop(self, start, frequency):
        """Take the top symbols of the first n lanes off: the shares in which `peek` lies."""
        start, frequency = self._check_shares(start, frequency)
        slot = self.peek(len(frequency))
        if (slot < start).any() or (slot >= start + frequency).any():
            raise ValueError("start, frequency are not the shares in which the slots of peek lie.")
        self._pop(slot - start, frequency)

    def _pop(self, offset, frequency):
        t = self.state[: len(frequency)]
        t /= self.total
        np.floor(t, out=t)
        t *= frequency
        t += offset
        low = (t < LEAST).nonzero()[0]
        self.n_words -= len(low)
        if self.n_words < 0:
            raise ValueError(
                "the stack has no words left: its data was cut, or too much was popped."
            )
        t[low] = t.take(low) * WORD + self.words[self.n_words : self.n_words + len(low)]

    def encode(self, symbols, frequencies):
        """Push a message (n,) with the same frequencies (K,) for all, so that it pops in order."""
        frequencies = check_frequencies(frequencies, int(self.total))
        symbols = check_symbols(symbols, len(frequencies))
        start, frequency = cumulate(frequencies)[:-1].astype(float), frequencies.astype(float)
        for place in reversed(range(0, len(symbols), self.n_lanes)):
            some = symbols[place : place + self.n_lanes].astype(np.intp)
            self._push(start.take(some, mode="clip"), frequency.take(some, mode="clip"))

    def decode(self, n, frequencies):
        """Pop a message of n symbols that `encode` pushed, int64 (n,)."""
        frequencies = check_frequencies(frequencies, int(self.total))
        # For each slot: which symbol has it, where in the symbol's share it lies, how wide that is.
        symbol = np.repeat(np.arange(len(frequencies)), frequencies)
        offset = (np.arange(len(symbol)) - cumulate(frequencies)[symbol]).astype(float)
        frequency = frequencies[symbol].astype(float)
        out = np.empty(check_integer("n", n, low=0), np.int64)
        for place in range(0, n, self.n_lanes):
            some = out[place : place + self.n_lanes]
            slot = self.peek(len(some))
            symbol.take(slot, mode="clip", out=some)
            self._pop(offset.take(slot, mode="clip"), frequency.take(slot, mode="clip"))
        return out

    def check_empty(self):
        """Raise a `ValueError` unless all that was pushed has been popped, and nothing else.

        A message that was changed leaves other states behind: nearly always this sees it.
        """
        if self.n_words or (self.state != LEAST).any():
            raise ValueError(
                f"the stack is not empty: {self.n_words} words are left, or its data was changed."
            )

    def to_bytes(self):
        """Words from the bottom up, then six bytes a lane; little-endian."""
        states = self.state.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :6]
        return self.words[: self.n_words].astype("<u2").tobytes() + states.tobytes()

    @classmethod
    def from_bytes(cls, data, n_lanes=1, precision=PRECISION):
        """Return the coder whose `to_bytes` gave `data`."""
        size = len(data) - 6 * check_integer("n_lanes", n_lanes)
        if size < 0 or size % 2:
            raise ValueError(
                f"data has {len(data)} bytes, not 6 for each of {n_lanes} lanes and words of 2: "
                "it was cut."
            )
        coder = cls(n_lanes, precision)
        coder.words, coder.n_words = np.frombuffer(data[:size], "<u2").astype(np.uint16), size // 2
        states = np.zeros((coder.n_lanes, 8), np.uint8)
        states[:, :6] = np.frombuffer(data[size:], np.uint8).reshape(-1, 6)
        coder.state = states.view("<u8")[:, 0].astype(float)
        if (coder.state < LEAST).any():
            raise ValueError("data has a state below 2^32: it is no stack, or it was changed.")
        return coder

    def _write(self, words):
        """Put the last 16 bits of these numbers on top of the list."""
        top = self.n_words + len(words)
        if top > len(self.words):
            self.words = np.concatenate([self.words, np.empty(top, np.uint16)])
        self.words[self.n_words : top] = words
        self.n_words = top

    def _check_shares(self, start, frequency):
        start, frequency = np.broadcast_arrays(np.atleast_1d(start), frequency)
        integers = np.issubdtype(start.dtype, np.integer) and np.issubdtype(
            frequency.dtype, np.integer
        )
        end = start + frequency
        if not (
            integers
            and start.ndim == 1
            and len(start) <= self.n_lanes
            and (start >= 0).all()
            and (frequency > 0).all()
            and (end <= self.total).all()
        ):
            raise ValueError(
                f"start {start.shape}, frequency {frequency.shape} must be whole numbers for at "
                f"most {self.n_lanes} lanes, 0 <= start < start + frequency <= {self.total:.0f}: "
                "use quantize."
            )
        return start, frequency


def check_symbols(symbols, n_symbols):
    """Return symbols (n,), whole numbers from 0 to n_symbols - 1, or raise a `ValueError`."""
    symbols = np.asarray(symbols)
    if symbols.ndim != 1 or (symbols.size and not np.issubdtype(symbols.dtype, np.integer)):
        raise ValueError(
            f"symbols of shape {symbols.shape} and type {symbols.dtype} must be a list of whole "
            "numbers: flatten them, number the letters from 0."
        )
    if symbols.size and (symbols.min() < 0 or symbols.max() >= n_symbols):
        raise ValueError(
            f"symbols go from {symbols.min()} to {symbols.max()} but there are {n_symbols} "
            f"frequencies, for 0 to {n_symbols - 1}: add the others."
        )
    return symbols
