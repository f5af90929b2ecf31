"""Wrong answers that the checkers of book/components/dictionary.md must refuse."""

import numpy as np


def _one(atoms, codes, X, j, put_back=True, weighted=True, bound="ball"):
    rest = X - codes @ atoms + put_back * np.outer(codes[:, j], atoms[j])
    new = codes[:, j] @ rest / (codes[:, j] @ codes[:, j] if weighted else len(X))
    size = np.linalg.norm(new)
    return new / {"ball": max(1.0, size), "sphere": size, "none": 1.0}[bound]


def not_put_back(atoms, codes, X, j):
    return _one(atoms, codes, X, j, put_back=False)


def plain_mean(atoms, codes, X, j):
    return _one(atoms, codes, X, j, weighted=False)


def without_the_bound(atoms, codes, X, j):
    return _one(atoms, codes, X, j, bound="none")


def always_length_one(atoms, codes, X, j):
    return _one(atoms, codes, X, j, bound="sphere")


def ignores_the_others(atoms, codes, X, j):
    return _one(0 * atoms, codes, X, j, put_back=False)


def into_the_atoms(atoms, codes, X, j):
    atoms[j] = _one(atoms, codes, X, j)
    return atoms[j]


def _ksvd(atoms, codes, X, j, users=True, scaled=True):
    use = codes[:, j] != 0 if users else np.ones(len(X), dtype=bool)
    amounts = np.zeros(len(X))
    rest = X[use] - codes[use] @ atoms + np.outer(codes[use, j], atoms[j])
    scores, sizes, axes = np.linalg.svd(rest, full_matrices=False)
    amounts[use] = (sizes[0] if scaled else 1.0) * scores[:, 0]
    return axes[0], amounts


def all_points(atoms, codes, X, j):
    return _ksvd(atoms, codes, X, j, users=False)


def without_the_size(atoms, codes, X, j):
    return _ksvd(atoms, codes, X, j, scaled=False)


def amounts_of_users_only(atoms, codes, X, j):
    atom, amounts = _ksvd(atoms, codes, X, j)
    return atom, amounts[codes[:, j] != 0]


def size_in_the_atom(atoms, codes, X, j):
    atom, amounts = _ksvd(atoms, codes, X, j)
    return atom * np.linalg.norm(amounts), amounts / np.linalg.norm(amounts)


def amounts_kept(atoms, codes, X, j):
    return _ksvd(atoms, codes, X, j)[0], codes[:, j].copy()


def atom_only(atoms, codes, X, j):
    return _ksvd(atoms, codes, X, j)[0]


WRONG = {
    "one_atom": [
        not_put_back,
        plain_mean,
        without_the_bound,
        always_length_one,
        ignores_the_others,
        into_the_atoms,
    ],
    "atom_and_amounts": [
        all_points,
        without_the_size,
        amounts_of_users_only,
        size_in_the_atom,
        amounts_kept,
        atom_only,
    ],
}
