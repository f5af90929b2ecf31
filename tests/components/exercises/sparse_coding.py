"""Wrong answers that the checkers of book/components/sparse_coding.md must refuse."""

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


def _pursue(D, y, tol, refit=True, first=False, squared=True):
    code, support, residual = np.zeros(D.shape[1]), [], y
    while len(support) < len(y):
        size = residual @ residual
        if (size if squared else np.sqrt(size)) <= tol and not (first and not support):
            break
        j = int(np.argmax(np.abs(D.T @ residual)))
        if refit:
            support.append(j)
            code[support] = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        else:
            support.append(j)
            code[j] += D[:, j] @ residual
        residual = y - D @ code
    return code


def without_refitting(D, y, tol):
    return _pursue(D, y, tol, refit=False)


def always_one_atom(D, y, tol):
    return _pursue(D, y, tol, first=True)


def norm_not_squared(D, y, tol):
    return _pursue(D, y, tol, squared=False)


def without_sizes(D, y, tol):
    """Take the largest match, not the largest in size."""
    code, support, residual = np.zeros(D.shape[1]), [], y
    while residual @ residual > tol and len(support) < len(y):
        support.append(int(np.argmax(D.T @ residual)))
        code[support] = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        residual = y - D @ code
    return code


def least_squares(D, y, tol):
    return np.linalg.lstsq(D, y, rcond=None)[0]


def amounts_only(D, y, tol):
    code = _pursue(D, y, tol)
    return code[code != 0]


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
    "pursue": [
        without_refitting,
        always_one_atom,
        norm_not_squared,
        without_sizes,
        least_squares,
        amounts_only,
    ],
}
