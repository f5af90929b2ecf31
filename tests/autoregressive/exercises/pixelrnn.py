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


def always_three_rows(image):
    skewed = np.zeros((3, 2 + image.shape[1]), dtype=image.dtype)
    for r in range(3):
        skewed[r, r : r + image.shape[1]] = image[r]
    return skewed


def always_whole_numbers(image):
    height, width = image.shape
    skewed = np.zeros((height, height + width - 1), dtype=int)
    for r in range(height):
        skewed[r, r : r + width] = image[r]
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


def changed_at(predict, x, j):
    changed = x.copy()
    changed[j] += 1
    return np.array(predict(changed)) != np.array(predict(x))


def looks_at_own_place_only(predict, x):
    return any(changed_at(predict, x, j)[j] for j in range(len(x)))


def looks_at_later_places_only(predict, x):
    return any(changed_at(predict, x, j)[:j].any() for j in range(len(x)))


def any_change_is_peeking(predict, x):
    return any(changed_at(predict, x, j).any() for j in range(len(x)))


def all_numbers_at_once(predict, x):
    return bool((np.array(predict(x + 1)) != np.array(predict(x))).any())


def forgets_the_last_number(predict, x):
    return any(changed_at(predict, x, j)[: j + 1].any() for j in range(len(x) - 1))


def changes_x(predict, x):
    before = np.array(predict(x))
    for j in range(len(x)):
        x[j] += 1
        if (np.array(predict(x))[: j + 1] != before[: j + 1]).any():
            return True
    return False


WRONG = {
    "push_rows": [
        no_zeros_around,
        to_the_left,
        one_too_far,
        turned_to_floats,
        writes_into_the_image,
        always_three_rows,
        always_whole_numbers,
    ],
    "lstm_step": [
        hidden_from_the_old_cell,
        no_tanh_of_the_cell,
        another_order_of_gates,
        nothing_is_forgotten,
        cell_first,
    ],
    "peeks": [
        looks_at_own_place_only,
        looks_at_later_places_only,
        any_change_is_peeking,
        all_numbers_at_once,
        forgets_the_last_number,
        changes_x,
    ],
}
