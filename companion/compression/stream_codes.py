"""Codes for whole messages: an interval that shrinks, and (from `rans`) a stack of symbols.

Both see integer frequencies only, so that encoder and decoder cannot round differently.

Chapter: `arithmetic_coding`.
"""

from bisect import bisect_right

from companion.compression.rans import RansCoder

__all__ = ["ArithmeticDecoder", "ArithmeticEncoder", "Interval", "RansCoder"]

N_BYTES = 7  # of the window through which an arithmetic coder sees its interval
WHOLE = 1 << 8 * N_BYTES
SMALL = WHOLE >> 8  # narrower than this, the first byte of the window is settled
MAX_TOTAL = 1 << 32


class Interval:
    """What encoder and decoder do alike: ``[low, low + width)`` in units of ``1 / WHOLE``.

    A symbol with share ``[start, start + frequency) / total`` narrows the interval to that share.
    Seven bytes are kept: before it gets too narrow, the first goes out and the window moves on.
    """

    def __init__(self):
        self.low, self.width, self.n_settled = 0, WHOLE, 0

    def narrow(self, start, frequency, total):
        """Take the share of a symbol; return how far the lower end moves."""
        start, frequency, total = int(start), int(frequency), int(total)  # not NumPy's
        if not (0 <= start < start + frequency <= total <= MAX_TOTAL):
            raise ValueError(
                f"start={start}, frequency={frequency}, total={total} are no share: "
                f"0 <= start < start + frequency <= total <= {MAX_TOTAL} must hold."
            )
        step = self.width // total
        self.width = frequency * step
        self.low += start * step
        return start * step

    def shortest(self):
        """The fewest bytes that name a number of the interval, if zeros follow: (value, count)."""
        for n in range(N_BYTES + 1):
            unit = 1 << 8 * (N_BYTES - n)
            value = -(-self.low // unit) * unit
            if value < self.low + self.width:
                return value, n


class ArithmeticEncoder(Interval):
    """Write a message as the shortest number in an interval of the message's probability.

    The interval of a message of probability P has width P, and some number of about ``-log2 P``
    bits lies inside (Rissanen, 1976; Witten, Neal and Cleary, 1987; bytes instead of bits, with
    carries, as in Martin, 1979). Integers only: no rounding error grows with the message.

    Chapter: compression/arithmetic_coding.

    Examples
    --------
    >>> encoder = ArithmeticEncoder()
    >>> for symbol in [0, 2, 1, 0, 0]:
    ...     encoder.encode(symbol, [0, 5, 7, 8])  # edges of frequencies 5, 2, 1
    >>> data = encoder.finish()
    >>> decoder = ArithmeticDecoder(data)
    >>> [decoder.decode([0, 5, 7, 8]) for _ in range(5)], len(data)
    ([0, 2, 1, 0, 0], 1)
    """

    def __init__(self):
        super().__init__()
        self.out = bytearray()

    def encode(self, symbol, edges):
        """Write a symbol from 0 to K - 1; `edges` (K + 1 integers) are what `cumulate` returns."""
        if not 0 <= symbol < len(edges) - 1:
            raise ValueError(f"symbol={symbol} must be from 0 to {len(edges) - 2}: extend edges.")
        self.write(edges[symbol], edges[symbol + 1] - edges[symbol], edges[-1])

    def write(self, start, frequency, total):
        """Write the symbol whose share is ``[start, start + frequency)`` of `total`."""
        self.narrow(start, frequency, total)
        self.carry()
        while self.width < SMALL:
            self.out.append(self.low // SMALL)
            self.low, self.width = self.low % SMALL << 8, self.width << 8
            self.n_settled += 1

    def carry(self):
        """Add the 1 that overflowed from the window to the bytes that are out already."""
        if self.low >= WHOLE:
            self.low -= WHOLE
            place = len(self.out) - 1
            while self.out[place] == 255:
                self.out[place] = 0
                place -= 1
            self.out[place] += 1

    def finish(self):
        """Return the message as bytes."""
        self.low, n = self.shortest()
        self.carry()
        return bytes(self.out) + self.low.to_bytes(N_BYTES, "big")[:n]


class ArithmeticDecoder(Interval):
    """Read what an `ArithmeticEncoder` wrote, given the same edges in the same order.

    Parameters
    ----------
    data : bytes
        The message; how many symbols it has must be known from elsewhere.
    """

    def __init__(self, data):
        super().__init__()
        self.data = bytes(data)
        self.code = int.from_bytes(self.data[:N_BYTES].ljust(N_BYTES, b"\0"), "big")

    def decode(self, edges):
        """Read one symbol."""
        symbol = bisect_right(edges, self.peek(edges[-1])) - 1
        self.read(edges[symbol], edges[symbol + 1] - edges[symbol], edges[-1])
        return symbol

    def peek(self, total):
        """Say where in ``[0, total)`` the next symbol's share lies."""
        target = (self.code - self.low) // (self.width // int(total))
        if target >= total:
            raise ValueError("data is no message with these frequencies: it was cut or changed.")
        return target

    def read(self, start, frequency, total):
        """Take the symbol whose share is ``[start, start + frequency)`` of `total`."""
        self.narrow(start, frequency, total)
        while self.width < SMALL:
            first = self.low // SMALL * SMALL  # leaves the window on both sides
            place = N_BYTES + self.n_settled
            if place >= len(self.data) + N_BYTES:
                raise ValueError(f"data ({len(self.data)} bytes) ends too early: it was cut.")
            byte = self.data[place] if place < len(self.data) else 0
            self.code = (self.code - first << 8) + byte
            self.low, self.width = self.low - first << 8, self.width << 8
            self.n_settled += 1

    def finish(self):
        """Raise a `ValueError` unless the message ended here, to the byte.

        The encoder's last bytes follow from the interval, so that the decoder can tell.
        """
        value, n = self.shortest()
        if (self.n_settled + n, value) != (len(self.data), self.code):
            raise ValueError(
                f"data ({len(self.data)} bytes) does not end where the message does: it was cut, "
                "changed or continued."
            )
