"""Wrong answers that the checkers of book/compression/bits_back.md must refuse."""


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


def pop(x, edges):
    quotient, slot = divmod(x, edges[-1])
    symbol = next(k for k in range(len(edges)) if slot < edges[k + 1])
    start, f = edges[symbol], edges[symbol + 1] - edges[symbol]
    return symbol, quotient * f + slot - start


PRIOR = [0, 8, 16]
GIVEN_Z = [[0, 12, 15, 16], [0, 1, 4, 16]]
GIVEN_Y = [[0, 15, 16], [0, 8, 16], [0, 1, 16]]


def first_image_first(images, t):
    for y in images:
        z, t = pop(t, GIVEN_Y[y])
        t = push(push(t, y, GIVEN_Z[z]), z, PRIOR)
    return t


def a_code_of_our_choice(images, t):
    for y in reversed(images):
        z = int(y == 2)
        t = push(push(t, y, GIVEN_Z[z]), z, PRIOR)
    return t


def code_below_the_image(images, t):
    for y in reversed(images):
        z, t = pop(t, GIVEN_Y[y])
        t = push(push(t, z, PRIOR), y, GIVEN_Z[z])
    return t


WRONG = {
    "stack_message": [
        first_symbol_first,
        tables_left_in_order,
        one_table_for_all,
        digits_of_equal_worth,
    ],
    "write_chain": [first_image_first, a_code_of_our_choice, code_below_the_image],
}
