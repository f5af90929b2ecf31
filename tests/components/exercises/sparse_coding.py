"""Wrong answers that the checkers of book/components/sparse_coding.md must refuse."""

import numpy as np


def look(D, code, residual, signed=True, size=True, copy=True, add=True):
    matches = D.T @ residual
    code = code.copy() if copy else code
    j = (np.abs(matches) if size else matches).argmax()
    amount = matches[j] if signed else abs(matches[j])
    code[j] = code[j] + amount if add else amount
    return code, residual - amount * D[:, j]


def without_signs(D, code, residual):
    return look(D, code, residual, signed=False)


def largest_not_in_size(D, code, residual):
    return look(D, code, residual, size=False)


def in_place(D, code, residual):
    return look(D, code, residual, copy=False)


def sets_instead_of_adds(D, code, residual):
    return look(D, code, residual, add=False)


def code_only(D, code, residual):
    return look(D, code, residual)[0]


def residual_as_it_was(D, code, residual):
    return look(D, code, residual)[0], residual


def _pursue(D, y, n_atoms, tol, refit=True, first=False, squared=True):
    code, support, residual = np.zeros(D.shape[1]), [], y
    while len(support) < n_atoms:
        size = residual @ residual
        if (size if squared else np.sqrt(size)) <= tol and not (first and not support):
            break
        j = int(np.argmax(np.abs(D.T @ residual)))
        support.append(j)
        if refit:
            code[support] = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        else:
            code[j] += D[:, j] @ residual
        residual = y - D @ code
    return code


def without_refitting(D, y, n_atoms, tol):
    return _pursue(D, y, n_atoms, tol, refit=False)


def always_one_atom(D, y, n_atoms, tol):
    return _pursue(D, y, n_atoms, tol, first=True)


def norm_not_squared(D, y, n_atoms, tol):
    return _pursue(D, y, n_atoms, tol, squared=False)


def without_the_limit(D, y, n_atoms, tol):
    return _pursue(D, y, len(y), tol)


def without_the_tolerance(D, y, n_atoms, tol):
    return _pursue(D, y, n_atoms, 0.0)


def without_sizes(D, y, n_atoms, tol):
    """Take the largest match, not the largest in size."""
    code, support, residual = np.zeros(D.shape[1]), [], y
    while residual @ residual > tol and len(support) < n_atoms:
        support.append(int(np.argmax(D.T @ residual)))
        code[support] = np.linalg.lstsq(D[:, support], y, rcond=None)[0]
        residual = y - D @ code
    return code


def least_squares(D, y, n_atoms, tol):
    return np.linalg.lstsq(D, y, rcond=None)[0]


def amounts_only(D, y, n_atoms, tol):
    code = _pursue(D, y, n_atoms, tol)
    return code[code != 0]


WRONG = {
    "look": [
        without_signs,
        largest_not_in_size,
        in_place,
        sets_instead_of_adds,
        code_only,
        residual_as_it_was,
    ],
    "pursue": [
        without_refitting,
        always_one_atom,
        norm_not_squared,
        without_the_limit,
        without_the_tolerance,
        without_sizes,
        least_squares,
        amounts_only,
    ],
}
