"""Wrong answers that the checkers of book/inference/graphical_models.md must refuse."""

import numpy as np


def not_scaled(table, incoming):
    return np.asarray(incoming) @ np.asarray(table)


def ignores_what_was_heard(table, incoming):
    said = np.asarray(table).sum(axis=0)
    return said / said.sum()


def the_largest_in_place_of_the_sum(table, incoming):
    said = (np.asarray(incoming)[:, None] * np.asarray(table)).max(axis=0)
    return said / said.sum()


def over_the_second_variable(table, incoming):
    said = np.asarray(table).sum(axis=1) * np.asarray(incoming)
    return said / said.sum()


def scales_the_rows_first(table, incoming):
    table = np.asarray(table, dtype=float)
    said = np.asarray(incoming) @ (table / table.sum(axis=1, keepdims=True))
    return said / said.sum()


def sweeps(field, coupling, near, n_rounds=60):
    """Row by row with a rule for the sum of the neighbours."""
    field = np.asarray(field, dtype=float)
    s = np.where(field >= 0, 1, -1)
    for _ in range(n_rounds):
        for i, j in np.ndindex(*s.shape):
            pull = coupling * near(s, i, j) + field[i, j]
            s[i, j] = np.sign(pull) if pull != 0 else s[i, j]
    return s


def four(s, i, j):
    padded = np.pad(s, 1)
    return padded[i, j + 1] + padded[i + 2, j + 1] + padded[i + 1, j] + padded[i + 1, j + 2]


def across_the_border(field, coupling):
    def near(s, i, j):
        h, w = s.shape
        return s[i - 1, j] + s[(i + 1) % h, j] + s[i, j - 1] + s[i, (j + 1) % w]

    return sweeps(field, coupling, near)


def eight_neighbours(field, coupling):
    return sweeps(
        field, coupling, lambda s, i, j: np.pad(s, 1)[i : i + 3, j : j + 3].sum() - s[i, j]
    )


def one_round_only(field, coupling):
    return sweeps(field, coupling, four, 1)


def all_at_once(field, coupling):
    field = np.asarray(field, dtype=float)
    s = np.where(field >= 0, 1, -1)
    for _ in range(60):
        padded = np.pad(s, 1)
        near = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        pull = coupling * near + field
        s = np.where(pull == 0, s, np.sign(pull)).astype(int)
    return s


def from_the_last_pixel(field, coupling):
    return sweeps(np.asarray(field)[::-1, ::-1], coupling, four)[::-1, ::-1]


def ties_go_up(field, coupling):
    field = np.asarray(field, dtype=float)
    s = np.where(field >= 0, 1, -1)
    for _ in range(60):
        for i, j in np.ndindex(*s.shape):
            s[i, j] = 1 if coupling * four(s, i, j) + field[i, j] > 0 else -1
    return s


def zero_counts_as_minus(field, coupling):
    return sweeps(np.where(np.asarray(field) == 0, -1e-300, field), coupling, four)


def into_the_field(field, coupling):
    found = sweeps(field, coupling, four)
    np.asarray(field)[...] = found
    return found


WRONG = {
    "message": [
        not_scaled,
        ignores_what_was_heard,
        the_largest_in_place_of_the_sum,
        over_the_second_variable,
        scales_the_rows_first,
    ],
    "modes": [
        across_the_border,
        eight_neighbours,
        one_round_only,
        all_at_once,
        from_the_last_pixel,
        ties_go_up,
        zero_counts_as_minus,
        into_the_field,
    ],
}
