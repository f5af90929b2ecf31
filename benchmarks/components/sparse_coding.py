"""Sparse codes of many signals on one dictionary, ours and scikit-learn's."""

import numpy as np
from sklearn import linear_model
from sklearn.decomposition import sparse_encode

from benchmarks.harness import case
from companion import data
from companion.components.sparse_coding import fista, lasso_objective, orthogonal_mp


def patches_and_atoms(n_signals, size, n_atoms):
    """Patches of the photos as columns, without their means, and other patches as atoms."""
    rows = data.patches(4 * (n_signals + n_atoms), size, random_state=0).reshape(-1, size**2)
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows = rows[np.linalg.norm(rows, axis=1) > 0.3][: n_signals + n_atoms]
    rows += 1e-3 * np.random.default_rng(0).normal(size=rows.shape)  # ties have two right answers
    atoms = rows[n_signals:] / np.linalg.norm(rows[n_signals:], axis=1, keepdims=True)
    return rows[:n_signals].T, atoms.T


def pursuit_case(n_signals, size, n_atoms, **how):
    Y, D = patches_and_atoms(n_signals, size, n_atoms)
    return (
        lambda: orthogonal_mp(D, Y, **how),
        lambda: linear_model.orthogonal_mp(D, Y, **how),
        lambda mine, other: np.testing.assert_allclose(mine, other, atol=1e-8),
    )


@case("OMP, 2,000 patches of 8 x 8, 256 atoms, 5 each", "scikit-learn", bar=0.2)
def five_of_256():
    return pursuit_case(2000, 8, 256, n_nonzero_coefs=5)


@case("OMP, 1,000 patches of 12 x 12, 256 atoms, 15 each", "scikit-learn", bar=0.2)
def fifteen_of_256():
    return pursuit_case(1000, 12, 256, n_nonzero_coefs=15)


@case("OMP, 2,000 patches of 8 x 8, 256 atoms, up to an error", "scikit-learn", bar=0.6)
def up_to_an_error():
    return pursuit_case(2000, 8, 256, tol=0.05)


@case(
    "FISTA, 300 patches of 8 x 8, 256 atoms",
    "scikit-learn",
    bar=12.0,
    note="Theirs goes from coordinate to coordinate in compiled code, and a coordinate that stays "
    "at zero costs it little; a step of ours moves all coordinates of all signals.",
)
def lasso():
    Y, D = patches_and_atoms(300, 8, 256)
    alpha = 0.1

    def agree(mine, other):
        one, two = (lasso_objective(D, Y, code, alpha) for code in (mine, other))
        assert abs(one - two) < 1e-3 * two

    return (
        lambda: fista(D, Y, alpha, tol=1e-4)[0],
        lambda: sparse_encode(Y.T, D.T, algorithm="lasso_cd", alpha=alpha, max_iter=5000).T,
        agree,
    )
