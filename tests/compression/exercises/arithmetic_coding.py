"""Wrong answers that the checkers of book/compression/arithmetic_coding.md must refuse."""

from fractions import Fraction


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


def never_magnifies(number, n, frequencies):
    message = []
    for _ in range(n):
        rest, symbol = number * sum(frequencies), 0
        while rest >= frequencies[symbol]:
            rest -= frequencies[symbol]
            symbol += 1
        message.append(symbol)
    return message


def beyond_the_lower_end(number, n, frequencies):
    message = []
    for _ in range(n):
        rest, symbol = number * sum(frequencies), 0
        while rest > frequencies[symbol]:
            rest -= frequencies[symbol]
            symbol += 1
        message.append(symbol)
        number = rest / frequencies[symbol]
    return message


def forgets_to_divide(number, n, frequencies):
    message = []
    for _ in range(n):
        rest, symbol = number * sum(frequencies), 0
        while rest >= frequencies[symbol]:
            rest -= frequencies[symbol]
            symbol += 1
        message.append(symbol)
        number = rest / sum(frequencies)
    return message


def backwards(number, n, frequencies):
    message = []
    for _ in range(n):
        rest, symbol = number * sum(frequencies), 0
        while rest >= frequencies[symbol]:
            rest -= frequencies[symbol]
            symbol += 1
        message.insert(0, symbol)
        number = rest / frequencies[symbol]
    return message


WRONG = {
    "interval": [
        width_before_low,
        always_of_the_whole,
        counts_the_symbol_itself,
        floats,
        last_width_only,
    ],
    "decode_number": [never_magnifies, beyond_the_lower_end, forgets_to_divide, backwards],
}
