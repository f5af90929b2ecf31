"""Whitening against its definition, and the nearest orthogonal matrix against SciPy."""

import numpy as np
import pytest
from scipy.linalg import polar

from companion.components.whitening import orthonormalise, principal_axes, starting_matrix, whiten


@pytest.mark.parametrize("solver", ["auto", "eigh", "svd"])
def test_white_data_have_the_identity_for_a_covariance(solver):
    """Section "White data: only a rotation is left"."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)) + 7
    Z, K, mean = whiten(X, 3, solver)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.T @ Z / 500, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(np.sqrt(500) * (X - mean) @ K.T, Z)
    assert (K[:, 0] >= 0).all()


def test_solvers_agree():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5))
    by_covariance, by_svd = (principal_axes(X, X.mean(0), s) for s in ("eigh", "svd"))
    np.testing.assert_allclose(by_covariance[0], by_svd[0])
    np.testing.assert_allclose(np.abs(by_covariance[1]), np.abs(by_svd[1]), atol=1e-9)


def test_automatic_choice_keeps_a_tiny_direction_that_the_covariance_loses():
    X = np.random.default_rng(0).normal(size=(500, 3)) * [1, 1, 1e-8]
    Z, _, _ = whiten(X)
    np.testing.assert_allclose(Z.T @ Z / 500, np.eye(3), atol=1e-6)
    assert whiten(X, solver="eigh")[0].shape == (500, 2)


def test_only_directions_that_vary_are_kept():
    X = np.random.default_rng(0).normal(size=(100, 2)) @ [[1.0, 2, 3], [1, 1, 1]]
    for solver in ("eigh", "svd"):
        assert whiten(X, solver=solver)[0].shape == (100, 2)
    assert whiten(X[:2])[0].shape == (2, 1)
    with pytest.raises(ValueError, match=r"n_components=3.*2 directions"):
        whiten(X, 3)
    with pytest.raises(ValueError, match=r"whiten_solver='qr'"):
        whiten(X, solver="qr")


@pytest.mark.parametrize("solver", ["auto", "eigh", "svd"])
@pytest.mark.parametrize("n", [7, 1000])
def test_a_mean_that_is_rounded_makes_no_spread(solver, n):
    with pytest.raises(ValueError, match="X is constant"):
        whiten(np.full((n, 2), 0.1), solver=solver)


def test_orthonormalise_is_the_polar_factor():
    W = np.random.default_rng(0).normal(size=(6, 6))
    np.testing.assert_allclose(orthonormalise(W), polar(W)[0], atol=1e-10)


def test_start_is_copied_and_its_shape_is_checked():
    given = np.eye(2)
    start = starting_matrix(given, 2, np.random.RandomState(0))
    start[0] = 5
    assert given[0, 0] == 1
    drawn = starting_matrix(None, 2, np.random.RandomState(0))
    np.testing.assert_array_equal(drawn, np.random.RandomState(0).normal(size=(2, 2)))
    with pytest.raises(ValueError, match=r"w_init has shape \(2, 2\): pass one of shape \(3, 3\)"):
        starting_matrix(given, 3, None)
