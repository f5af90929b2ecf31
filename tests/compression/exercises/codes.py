"""Wrong answers that the checkers of book/compression/codes.md must refuse."""

import itertools
from fractions import Fraction


def lengths_alone(codewords):
    return sum(2.0 ** -len(word) for word in codewords) <= 1


def only_different(codewords):
    return len(set(codewords)) == len(codewords)


def neighbours_without_sorting(codewords):
    return not any(b.startswith(a) for a, b in itertools.pairwise(codewords))


def one_letter_longer(codewords):
    return not any(word + bit in codewords for word in codewords for bit in "01")


def forgets_the_empty_word(codewords):
    ordered = sorted(word for word in codewords if word)
    return not any(b.startswith(a) for a, b in itertools.pairwise(ordered))


def every_word_begins_itself(codewords):
    return not any(b.startswith(a) for a in codewords for b in codewords)


def anywhere_in_the_word(codewords):
    return not any(a != b and a in b for a in codewords for b in codewords)


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


WRONG = {
    "is_prefix_free": [
        lengths_alone,
        only_different,
        neighbours_without_sorting,
        one_letter_longer,
        forgets_the_empty_word,
        every_word_begins_itself,
        anywhere_in_the_word,
    ],
    "interval": [
        width_before_low,
        always_of_the_whole,
        counts_the_symbol_itself,
        floats,
        last_width_only,
    ],
}
