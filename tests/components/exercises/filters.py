"""Wrong answers that the checkers of book/components/filters.md must refuse."""

import numpy as np


def on_a_sheet(i, j, rows, columns):
    return max(abs(i // columns - j // columns), abs(i % columns - j % columns))


def steps_of_a_rook(i, j, rows, columns):
    down, across = abs(i // columns - j // columns), abs(i % columns - j % columns)
    return min(down, rows - down) + min(across, columns - across)


def column_by_column(i, j, rows, columns):
    down, across = abs(i % rows - j % rows), abs(i // rows - j // rows)
    return max(min(down, rows - down), min(across, columns - across))


def round_the_wrong_way(i, j, rows, columns):
    down, across = abs(i // columns - j // columns), abs(i % columns - j % columns)
    return max(min(down, columns - down), min(across, rows - across))


def along_the_list(i, j, rows, columns):
    return abs(i - j)


def root_of_each(S, near, c):
    return float((np.sqrt(c + S**2) @ near).sum(axis=1).mean())


def root_of_the_whole(S, near, c):
    return float(np.sqrt(c + (S**2 @ near).sum(axis=1)).mean())


def summed_over_rows(S, near, c):
    return float(np.sqrt(c + S**2 @ near).sum())


def mean_of_all(S, near, c):
    return float(np.sqrt(c + S**2 @ near).mean())


def absolute_for_square(S, near, c):
    return float(np.sqrt(c + np.abs(S) @ near).sum(axis=1).mean())


def outside_the_root(S, near, c):
    return float((c + np.sqrt(S**2 @ near)).sum(axis=1).mean())


def one_for_each_row(S, near, c):
    return np.sqrt(c + S**2 @ near).sum(axis=1)


WRONG = {
    "steps_apart": [
        on_a_sheet,
        steps_of_a_rook,
        column_by_column,
        round_the_wrong_way,
        along_the_list,
    ],
    "map_cost": [
        root_of_each,
        root_of_the_whole,
        summed_over_rows,
        mean_of_all,
        absolute_for_square,
        outside_the_root,
        one_for_each_row,
    ],
}
