"""Wrong answers that the checkers of book/selfsupervised/words.md must refuse."""

import numpy as np


def logarithm_of_a_sum(w, c, strangers):
    return np.logaddexp(0, -(w @ c)) + np.logaddexp(0, (strangers @ w).sum())


def overflows(w, c, strangers):
    with np.errstate(all="ignore"):
        return np.log(1 + np.exp(-(w @ c))) + np.log(1 + np.exp(strangers @ w)).sum()


def mean_over_strangers(w, c, strangers):
    return np.logaddexp(0, -(w @ c)) + np.logaddexp(0, strangers @ w).mean()


def signs_swapped(w, c, strangers):
    return np.logaddexp(0, w @ c) + np.logaddexp(0, -(strangers @ w)).sum()


def strangers_as_true_pairs(w, c, strangers):
    return np.logaddexp(0, -(w @ c)) + np.logaddexp(0, -(strangers @ w)).sum()


def strangers_of_the_neighbour(w, c, strangers):
    return np.logaddexp(0, -(w @ c)) + np.logaddexp(0, strangers @ c).sum()


def table(counts, k, *, base=1.0, shift_after=False, columns=False):
    """The right answer, with room for faults."""
    n = np.asarray(counts, dtype=float)
    rows, cols = n.sum(axis=1, keepdims=True), n.sum(axis=0)
    chance = (cols[:, None] * cols if columns else rows * cols) / n.sum()
    ratio = np.divide(n, chance, out=np.ones_like(n), where=n > 0)
    log = np.log(ratio) / base
    value = np.maximum(log, 0) - np.log(k) if shift_after else np.maximum(log - np.log(k), 0)
    return np.where(n > 0, value, 0)


def warns(counts, k):
    n = np.asarray(counts, dtype=float)
    chance = n.sum(axis=1, keepdims=True) * n.sum(axis=0) / n.sum()
    return np.nan_to_num(np.maximum(np.log(n / chance) - np.log(k), 0))


def bits(counts, k):
    return table(counts, k, base=np.log(2))


def shifted_after_the_maximum(counts, k):
    return table(counts, k, shift_after=True)


def sums_of_columns_twice(counts, k):
    return table(counts, k, columns=True)


def no_total(counts, k):
    n = np.asarray(counts, dtype=float)
    log = np.log(np.where(n > 0, n, 1) / np.maximum(np.outer(n.sum(1), n.sum(0)), 1))
    return np.where(n > 0, np.maximum(log - np.log(k), 0), 0)


def logarithms_of_counts(counts, k):
    return np.maximum(np.log(np.maximum(counts, 1)) - np.log(k), 0)


def one_number_for_both(x, chance, fate, drawn, mask):
    selected = chance < 0.15
    seen = np.where(selected & (chance < 0.8 * 0.15), mask, x)
    return np.where(selected & (chance >= 0.12) & (chance < 0.135), drawn, seen), selected


def never_hides(x, chance, fate, drawn, mask):
    selected = chance < 0.15
    seen = np.where(selected & (chance >= 0.8), mask, x)
    return np.where(selected & (fate >= 0.8) & (fate < 0.9), drawn, seen), selected


def only_the_changed_are_selected(x, chance, fate, drawn, mask):
    seen, selected = right(x, chance, fate, drawn, mask)
    return seen, selected & (fate < 0.9)


def hides_in_place(x, chance, fate, drawn, mask):
    selected = chance < 0.15
    random = selected & (fate >= 0.8) & (fate < 0.9)
    x[selected & (fate < 0.8)] = mask
    x[random] = drawn[random]
    return x, selected


def right(x, chance, fate, drawn, mask):
    """The right answer."""
    selected = chance < 0.15
    seen = np.where(selected & (fate < 0.8), mask, x)
    return np.where(selected & (fate >= 0.8) & (fate < 0.9), drawn, seen), selected


def random_words_everywhere(x, chance, fate, drawn, mask):
    seen, selected = right(x, chance, fate, drawn, mask)
    return np.where((fate >= 0.8) & (fate < 0.9), drawn, seen), selected


WRONG = {
    "loss_of_pair": [
        logarithm_of_a_sum,
        overflows,
        mean_over_strangers,
        signs_swapped,
        strangers_as_true_pairs,
        strangers_of_the_neighbour,
    ],
    "shifted_information": [
        warns,
        bits,
        shifted_after_the_maximum,
        sums_of_columns_twice,
        logarithms_of_counts,
        no_total,
    ],
    "hide": [
        one_number_for_both,
        never_hides,
        only_the_changed_are_selected,
        hides_in_place,
        random_words_everywhere,
    ],
}
