"""Wrong answers that the checkers of book/compression/arithmetic_coding.md must refuse."""

from fractions import Fraction
from math import ceil, log2
from operator import ge, gt


def width_before_low(message, frequencies):
    low, width, total = Fraction(0), Fraction(1), sum(frequencies)
    for symbol in message:
        width *= Fraction(frequencies[symbol], total)
        low += width * Fraction(sum(frequencies[:symbol]), total)
    return low, width


def always_of_the_whole(message, frequencies):
    low, width, total = Fraction(0), Fraction(1), sum(frequencies)
    for symbol in message:
        low = Fraction(sum(frequencies[:symbol]), total)
        width *= Fraction(frequencies[symbol], total)
    return low, width


def counts_the_symbol_itself(message, frequencies):
    low, width, total = Fraction(0), Fraction(1), sum(frequencies)
    for symbol in message:
        low += width * Fraction(sum(frequencies[: symbol + 1]), total)
        width *= Fraction(frequencies[symbol], total)
    return low, width


def floats(message, frequencies):
    low, width, total = 0.0, 1.0, sum(frequencies)
    for symbol in message:
        low += width * sum(frequencies[:symbol]) / total
        width *= frequencies[symbol] / total
    return low, width


def last_width_only(message, frequencies):
    low, width, total = Fraction(0), Fraction(1), sum(frequencies)
    for symbol in message:
        low += width * Fraction(sum(frequencies[:symbol]), total)
        width = Fraction(frequencies[symbol], total)
    return low, width


def both_ends(message, frequencies):
    low, width, total = Fraction(0), Fraction(1), sum(frequencies)
    for symbol in message:
        low += width * Fraction(sum(frequencies[:symbol]), total)
        width *= Fraction(frequencies[symbol], total)
    return low, low + width


def decoded(number, n, frequencies, after, leaves=ge):
    """What a decoder reads that goes on with ``after(number, rest, frequency, total)``."""
    message, total = [], sum(frequencies)
    for _ in range(n):
        rest, symbol = number * total, 0
        while symbol < len(frequencies) - 1 and leaves(rest, frequencies[symbol]):
            rest -= frequencies[symbol]
            symbol += 1
        message.append(symbol)
        number = after(number, rest, frequencies[symbol], total)
    return message


def rightly(number, rest, frequency, total):
    return rest / frequency


def never_magnifies(number, n, frequencies):
    return decoded(number, n, frequencies, lambda number, rest, frequency, total: number)


def beyond_the_lower_end(number, n, frequencies):
    return decoded(number, n, frequencies, rightly, gt)


def forgets_to_divide(number, n, frequencies):
    return decoded(number, n, frequencies, lambda number, rest, frequency, total: rest / total)


def backwards(number, n, frequencies):
    return decoded(number, n, frequencies, rightly)[::-1]


def reads_floats(number, n, frequencies):
    return decoded(float(number), n, frequencies, rightly)


def one_bit_less(low, width):
    n_bits = ceil(-log2(width))
    return format(int((low + width / 2) * 2**n_bits), f"0{n_bits}b")


def lower_end_cut_off(low, width):
    n_bits = ceil(-log2(width)) + 1
    return format(int(low * 2**n_bits), f"0{n_bits}b")


def no_leading_zeros(low, width):
    return format(int((low + width / 2) * 2 ** (ceil(-log2(width)) + 1)), "b")


def middle_in_floats(low, width):
    n_bits = ceil(-log2(width)) + 1
    return format(int(float(low + width / 2) * 2**n_bits), f"0{n_bits}b")


def far_too_long(low, width):
    n_bits = ceil(-log2(width)) + 3
    return format(int((low + width / 2) * 2**n_bits), f"0{n_bits}b")


WRONG = {
    "interval": [
        width_before_low,
        always_of_the_whole,
        counts_the_symbol_itself,
        floats,
        last_width_only,
        both_ends,
    ],
    "decode_number": [
        never_magnifies,
        beyond_the_lower_end,
        forgets_to_divide,
        backwards,
        reads_floats,
    ],
    "word_of": [
        one_bit_less,
        lower_end_cut_off,
        no_leading_zeros,
        middle_in_floats,
        far_too_long,
    ],
}
