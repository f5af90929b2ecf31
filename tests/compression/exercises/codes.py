"""Wrong answers that the checkers of book/compression/codes.md must refuse."""

import itertools


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


def joins_the_first_two(forest):
    (f, first), (g, second), *others = forest
    return [(f + g, first + second), *others]


def joins_the_most_frequent(forest):
    *others, (f, first), (g, second) = sorted(forest)
    return [*others, (f + g, first + second)]


def forgets_the_sum(forest):
    (f, first), (_, second), *others = sorted(forest)
    return [*others, (f, first + second)]


def keeps_the_two(forest):
    (f, first), (g, second), *others = sorted(forest)
    return [*others, (f, first), (g, second), (f + g, first + second)]


def sorts_in_place(forest):
    forest.sort()
    (f, first), (g, second), *others = forest
    return [*others, (f + g, first + second)]


def counts_up_only(lengths):
    return [f"{number:0{length}b}" for number, length in enumerate(lengths)]


def without_zeros_in_front(lengths):
    start, longest, found = 0, max(lengths), []
    for length in lengths:
        found.append(f"{start >> longest - length:b}")
        start += 1 << longest - length
    return found


def doubles_once(lengths):
    words, number = [], 0
    for i, length in enumerate(lengths):
        if i and length > lengths[i - 1]:
            number <<= 1
        words.append(f"{number:0{length}b}")
        number += 1
    return words


def from_the_right(lengths):
    start, longest, found = 1 << max(lengths), max(lengths), []
    for length in lengths:
        start -= 1 << longest - length
        found.append(f"{start >> longest - length:0{length}b}")
    return found


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
    "merge": [
        joins_the_first_two,
        joins_the_most_frequent,
        forgets_the_sum,
        keeps_the_two,
        sorts_in_place,
    ],
    "canonical": [counts_up_only, without_zeros_in_front, doubles_once, from_the_right],
}
