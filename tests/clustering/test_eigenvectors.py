"""Eigenvectors by Lanczos and by factorisation, against LAPACK."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array, diags_array

from companion.clustering import eigenvectors
from companion.clustering.eigenvectors import SMALL, largest_eigenvectors


def wide(n_rows):
    """Random symmetric matrix with clear gaps at the top and a spectrum within (-1, 1)."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(n_rows, n_rows)))[0]
    values = np.concatenate([[0.99, 0.9, 0.8, 0.75, 0.7], rng.uniform(-0.5, 0.5, n_rows - 5)])
    return (basis * values) @ basis.T


def chain(n_rows):
    """A path, of eigenvalues 0.999 cos(pi j / (n + 1)): crowded at the top."""
    return diags_array([np.full(n_rows - 1, 0.4995)] * 2, offsets=(-1, 1)).toarray()


@pytest.mark.parametrize("make", [wide, chain])
@pytest.mark.parametrize("n_rows", [30, SMALL + 150])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("with_rank_one", [False, True])
@pytest.mark.parametrize("n_known", [0, 2])
def test_equals_lapack(make, n_rows, sparse, with_rank_one, n_known):
    matrix = make(n_rows)
    rank_one = np.full(n_rows, 0.0005 / np.sqrt(n_rows)) if with_rank_one else None
    whole = matrix + np.outer(rank_one, rank_one) if with_rank_one else matrix
    right_values, right = (array[..., ::-1] for array in np.linalg.eigh(whole))
    values, vectors = largest_eigenvectors(
        csr_array(matrix) if sparse else matrix,
        3,
        rank_one=rank_one,
        known=right[:, :n_known],
        random_state=0,
    )
    np.testing.assert_allclose(values, right_values[n_known : n_known + 3], atol=1e-8)
    assert subspace_angles(vectors, right[:, n_known : n_known + 3]).max() < 1e-5
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-10)


def test_chain_is_where_lanczos_stalls(monkeypatch):
    """Without the factorisation, as many restarts are not enough."""

    def refuse(*arguments):
        raise RuntimeError("factorised")

    monkeypatch.setattr(eigenvectors, "_inverse", refuse)
    largest_eigenvectors(wide(SMALL + 150), 3, random_state=0)
    with pytest.raises(RuntimeError, match="factorised"):
        largest_eigenvectors(csr_array(chain(SMALL + 1500)), 3, random_state=0)


def test_a_repeated_eigenvalue_needs_the_known_vectors():
    """Two equal chains that nothing joins: the vectors on the first are handed in."""
    matrix = csr_array(np.kron(np.eye(2), wide(SMALL)))
    top = np.linalg.eigh(wide(SMALL))[1][:, -1]
    values, vectors = largest_eigenvectors(
        matrix, 1, known=np.concatenate([top, 0 * top])[:, None], random_state=0
    )
    assert values[0] == pytest.approx(0.99)
    assert abs(vectors[SMALL:, 0] @ top) == pytest.approx(1)


def test_no_vectors_and_same_seed():
    values, vectors = largest_eigenvectors(np.eye(4), 0)
    assert values.shape == (0,)
    assert vectors.shape == (4, 0)
    matrix = wide(SMALL + 20)
    one, two = (largest_eigenvectors(matrix, 3, random_state=5)[1] for _ in range(2))
    np.testing.assert_array_equal(one, two)
