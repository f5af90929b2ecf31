"""Wrong answers that the checkers of book/compression/neural_compression.md must refuse."""

import numpy as np


def push(x, symbol, edges):
    start, f = edges[symbol], edges[symbol + 1] - edges[symbol]
    return x // f * edges[-1] + start + x % f


def first_symbol_first(symbols, tables):
    x = 2**32
    for symbol, edges in zip(symbols, tables, strict=True):
        x = push(x, symbol, edges)
    return x


def tables_left_in_order(symbols, tables):
    x = 2**32
    for symbol, edges in zip(reversed(symbols), tables, strict=True):
        x = push(x, symbol, edges)
    return x


def one_table_for_all(symbols, tables):
    x = 2**32
    for symbol in reversed(symbols):
        x = push(x, symbol, tables[0])
    return x


def digits_of_equal_worth(symbols, tables):
    x = 2**32
    for symbol, edges in zip(reversed(symbols), reversed(tables), strict=True):
        x = x * edges[-1] + edges[symbol]
    return x


def rounded_one_by_one(p, total):
    return np.maximum(np.rint(p * total), 1).astype(np.int64)


def without_a_floor(p, total):
    return np.diff(np.rint(np.cumsum(p) / p.sum() * total).astype(np.int64), prepend=0)


def the_last_takes_the_rest(p, total):
    f = np.maximum(np.floor(p * total), 1).astype(np.int64)
    f[-1] = total - f[:-1].sum()
    return f


def all_alike(p, total):
    f = np.full(len(p), total // len(p))
    f[: total - f.sum()] += 1
    return f


def fractions(p, total):
    return p / p.sum() * (total - len(p)) + 1


def the_first_takes_the_rest(p, total):
    f = np.ones(len(p), dtype=np.int64)
    f[0] = total - len(p) + 1
    return f


WRONG = {
    "stack_message": [
        first_symbol_first,
        tables_left_in_order,
        one_table_for_all,
        digits_of_equal_worth,
    ],
    "to_integers": [
        rounded_one_by_one,
        without_a_floor,
        the_last_takes_the_rest,
        all_alike,
        fractions,
        the_first_takes_the_rest,
    ],
}
