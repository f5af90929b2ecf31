"""A few eigenvectors of a large symmetric matrix, by products with it. Chapter: `spectral`."""

from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.sparse import csc_array, issparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh, splu
from sklearn.utils import check_random_state

SMALL = 300  # up to this many rows all eigenvectors at once are as quick as a few
RESTARTS = 30  # of Lanczos; a graph that needs more is thin, and quick to factorise
TOLERANCE = 1e-9  # of Lanczos; copies of an eigenvalue that it misses are found by looking again
GLANCE = 1e-4  # of a first, quick look, which is enough where the next eigenvalue is well below
SHIFT = 1e-5  # keeps the matrix that is factorised regular


def largest_eigenvectors(matrix, n_vectors, *, rank_one=None, known=None, random_state=None):
    """Return the largest eigenvalues of S = matrix + r r', and their vectors.

    Lanczos needs nothing but products S x. Where the largest eigenvalues are crowded at 1 it
    stalls; then it runs on the inverse of (1 + SHIFT) I - S, from a factorisation, which is quick
    for the graphs that make it stall: long thin ones.

    It starts from one vector, in which a repeated eigenvalue has one direction only, and sees the
    others by rounding alone. So it looks once more beside what it found, until nothing larger
    comes: rings, lattices and other regular things repeat nearly all their eigenvalues.

    Parameters
    ----------
    matrix : array or sparse array (n, n)
        Symmetric, with S between -1 and 1.
    n_vectors : int
    rank_one : array (n,), optional
        The vector r.
    known : array (n, m), optional
        Orthonormal eigenvectors of S to pass over.
    random_state : int, RandomState or None
        For that start.

    Returns
    -------
    values : array (n_vectors,)
        Descending.
    vectors : array (n, n_vectors)
        Orthonormal.
    """
    n_rows = matrix.shape[0]
    rank_one = np.zeros(n_rows) if rank_one is None else rank_one
    known = np.zeros((n_rows, 0)) if known is None else known
    if n_vectors == 0:
        return np.zeros(0), np.zeros((n_rows, 0))
    if n_rows <= SMALL or 3 * n_vectors > n_rows:
        dense = matrix.toarray() if issparse(matrix) else matrix
        dense = dense + np.outer(rank_one, rank_one) - 3 * known @ known.T
        values, vectors = eigh(dense, subset_by_index=(n_rows - n_vectors, n_rows - 1))
        return values[::-1], vectors[:, ::-1]

    rng = check_random_state(random_state)
    values, vectors = _lanczos(matrix, n_vectors, rank_one, known, rng)
    while True:
        beside = np.hstack([known, vectors])
        more, _ = _lanczos(matrix, 1, rank_one, beside, rng, GLANCE)
        if more[0] + GLANCE < values[-1]:
            return values, vectors
        more, vector = _lanczos(matrix, 1, rank_one, beside, rng)
        if more[0] <= values[-1] + max(TOLERANCE, n_rows * np.finfo(np.float64).eps):
            return values, vectors
        order = np.argsort(-np.r_[values[:-1], more], kind="stable")
        values = np.r_[values[:-1], more][order]
        vectors = np.hstack([vectors[:, :-1], vector])[:, order]


def _lanczos(matrix, n_vectors, rank_one, known, rng, tolerance=TOLERANCE):
    """Return eigenvalues, descending, and vectors of S beside the known ones, from one start."""

    def product(x):  # known vectors get an eigenvalue of at most 1 - 3, below all others
        return matrix @ x + (rank_one @ x) * rank_one - 3 * (known @ (known.T @ x))

    n_rows, plain = matrix.shape[0], not (rank_one.any() or known.size)
    start = rng.uniform(-1, 1, n_rows)
    lanczos = partial(eigsh, k=n_vectors, which="LA", v0=start, tol=tolerance)
    try:
        operator = matrix if plain else _operator(product, n_rows)
        values, vectors = lanczos(operator, maxiter=RESTARTS)
    except ArpackNoConvergence:
        values, vectors = lanczos(_operator(_inverse(matrix, rank_one, known), n_rows))
        values = 1 + SHIFT - 1 / values
    return values[::-1], vectors[:, ::-1]


def _operator(function, n_rows):
    return LinearOperator((n_rows, n_rows), matvec=function, dtype=np.float64)


def _inverse(matrix, rank_one, known):
    """Return the function x -> ((1 + SHIFT) I - S)^(-1) x, beside the known vectors."""
    if issparse(matrix):
        shifted = csc_array(-matrix)
        shifted.setdiag(shifted.diagonal() + 1 + SHIFT)
        solve = splu(shifted).solve
    else:
        solve = partial(cho_solve, cho_factor((1 + SHIFT) * np.eye(len(matrix)) - matrix))
    solved = solve(rank_one)
    strength = 1 / (1 - rank_one @ solved)  # Sherman and Morrison

    def inverse(x):
        x = x - known @ (known.T @ x)
        x = solve(x) + strength * (solved @ x) * solved
        return x - known @ (known.T @ x)

    return inverse
