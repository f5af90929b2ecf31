"""Wrong answers that the checkers of book/autoregressive/pixelrnn.md must refuse."""

import numpy as np


def no_zeros_around(image):
    return np.stack([np.roll(row, r) for r, row in enumerate(image)])


def to_the_left(image):
    height, width = image.shape
    skewed = np.zeros((height, height + width - 1), dtype=image.dtype)
    for r in range(height):
        skewed[r, height - 1 - r : height - 1 - r + width] = image[r]
    return skewed


def one_too_far(image):
    height, width = image.shape
    skewed = np.zeros((height, height + width), dtype=image.dtype)
    for r in range(height):
        skewed[r, r + 1 : r + 1 + width] = image[r]
    return skewed[:, :-1]


def turned_to_floats(image):
    height, width = image.shape
    skewed = np.zeros((height, height + width - 1))
    for r in range(height):
        skewed[r, r : r + width] = image[r]
    return skewed


def writes_into_the_image(image):
    height, width = image.shape
    skewed = np.zeros((height, height + width - 1), dtype=image.dtype)
    for r in range(height):
        skewed[r, r : r + width] = image[r]
    image[:] = 0
    return skewed


def hidden_from_the_old_cell(gates, cell):
    i, f, g, o = gates.chunk(4, dim=1)
    return o.sigmoid() * cell.tanh(), f.sigmoid() * cell + i.sigmoid() * g.tanh()


def no_tanh_of_the_cell(gates, cell):
    i, f, g, o = gates.chunk(4, dim=1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell, cell


def another_order_of_gates(gates, cell):
    i, f, o, g = gates.chunk(4, dim=1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def nothing_is_forgotten(gates, cell):
    i, _, g, o = gates.chunk(4, dim=1)
    cell = cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def cell_first(gates, cell):
    i, f, g, o = gates.chunk(4, dim=1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return cell, o.sigmoid() * cell.tanh()


WRONG = {
    "push_rows": [
        no_zeros_around,
        to_the_left,
        one_too_far,
        turned_to_floats,
        writes_into_the_image,
    ],
    "lstm_step": [
        hidden_from_the_old_cell,
        no_tanh_of_the_cell,
        another_order_of_gates,
        nothing_is_forgotten,
        cell_first,
    ],
}
