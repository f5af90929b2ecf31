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


def ring(n_rows, reach):
    """Each node of a ring and its next neighbours: all eigenvalues but one or two come twice."""
    rows = np.arange(n_rows)
    weights = sum(np.eye(n_rows)[(rows + s) % n_rows] for s in range(1, reach + 1))
    return (weights + weights.T) / (2 * reach)


def lattice(side):
    """A square lattice and its neighbours on it: most eigenvalues come twice, some more often."""
    path = np.eye(side, k=1) + np.eye(side, k=-1)
    return (np.kron(path, np.eye(side)) + np.kron(np.eye(side), path)) / 4


def torus(side):
    """A lattice that closes upon itself: most eigenvalues come four or eight times."""
    circle = ring(side, 1) / 2
    return np.kron(circle, np.eye(side)) + np.kron(np.eye(side), circle)


def copies(count):
    """The same graph many times, joined by nothing: every eigenvalue `count` times."""
    return np.kron(np.eye(count), wide(-(-(SMALL + 20) // count)))


@pytest.mark.parametrize(
    "matrix",
    [
        *(ring(SMALL + 20, 1), ring(SMALL + 20, 2), ring(500, 3), lattice(18), torus(20)),
        *(copies(2), copies(7)),
    ],
    ids=["ring", "wider ring", "widest ring", "lattice", "torus", "two copies", "seven copies"],
)
@pytest.mark.parametrize("n_vectors", [1, 2, 5, 9])
def test_repeated_eigenvalues_are_found_as_often_as_they_are_there(matrix, n_vectors):
    right = np.linalg.eigvalsh(matrix)[::-1][:n_vectors]
    for form in (matrix, csr_array(matrix)):
        values, vectors = largest_eigenvectors(form, n_vectors, random_state=1)
        np.testing.assert_allclose(values, right, atol=1e-9)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(n_vectors), atol=1e-8)
        np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-8)


def test_no_vectors_and_same_seed():
    values, vectors = largest_eigenvectors(np.eye(4), 0)
    assert values.shape == (0,)
    assert vectors.shape == (4, 0)
    matrix = wide(SMALL + 20)
    one, two = (largest_eigenvectors(matrix, 3, random_state=5)[1] for _ in range(2))
    np.testing.assert_array_equal(one, two)
