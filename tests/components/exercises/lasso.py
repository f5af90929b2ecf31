"""Wrong answers that the checkers of book/components/lasso.md must refuse."""

import numpy as np


def hard(values, amount):
    return np.where(np.abs(values) > amount, values, 0)


def crosses_over(values, amount):
    return values - amount * np.sign(values)


def positive_only(values, amount):
    return np.maximum(values - amount, 0)


def in_place(values, amount):
    values -= np.clip(values, -amount, amount)
    return values


def ignores_the_amount(values, amount):
    return np.sign(values) * np.maximum(np.abs(values) - 1, 0)


def keeps_the_dtype(values, amount):
    result = np.empty_like(values)
    result[...] = np.sign(values) * np.maximum(np.abs(values) - amount, 0)
    return result


def divides_by_the_size(values, amount):
    with np.errstate(invalid="ignore"):
        return values / np.abs(values) * np.maximum(np.abs(values) - amount, 0)


def keeps_the_code(D, y, code):
    return code.copy()


def all_atoms(D, y, code):
    return np.linalg.lstsq(D, y, rcond=None)[0]


def amounts_only(D, y, code):
    return np.linalg.lstsq(D[:, code != 0], y, rcond=None)[0]


def matches(D, y, code):
    """Right for orthonormal atoms only."""
    return np.where(code != 0, D.T @ y, 0)


def into_the_code(D, y, code):
    if code.any():
        code[code != 0] = np.linalg.lstsq(D[:, code != 0], y, rcond=None)[0]
    return code


WRONG = {
    "shrink": [
        hard,
        crosses_over,
        positive_only,
        in_place,
        ignores_the_amount,
        keeps_the_dtype,
        divides_by_the_size,
    ],
    "refit": [keeps_the_code, all_atoms, amounts_only, matches, into_the_code],
}
