"""The randomised SVD against NumPy's, and against the theorem that says how far off it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.components.random_svd import randomized_svd, range_basis

seeds = st.integers(0, 10_000)


def with_values(values, n, d, seed=0):
    """A matrix (n, d) with the given singular values."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.normal(size=(n, len(values))))[0]
    V = np.linalg.qr(rng.normal(size=(d, len(values))))[0]
    return U * values @ V.T


@given(
    seed=seeds, n=st.integers(2, 30), d=st.integers(2, 30), scale=st.sampled_from([1e-8, 1, 1e6])
)
def test_equals_numpy_where_no_vector_is_missing(seed, n, d, scale):
    """With min(n, d) random vectors nothing is left out, in every unit."""
    X = scale * np.random.default_rng(seed).normal(size=(n, d))
    k = min(n, d)
    U, s, Vt = randomized_svd(X, k, random_state=seed)
    np.testing.assert_allclose(s, np.linalg.svd(X, compute_uv=False), atol=1e-9 * scale)
    np.testing.assert_allclose(U * s @ Vt, X, atol=1e-9 * scale * k)
    np.testing.assert_allclose(U.T @ U, np.eye(k), atol=1e-9)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(k), atol=1e-9)


@given(seed=seeds, n_iter=st.integers(0, 3))
def test_a_matrix_of_low_rank_is_found_without_passes(seed, n_iter):
    X = with_values([5.0, 3.0, 2.0], 40, 25, seed)
    _, s, Vt = randomized_svd(X, 3, n_iter=n_iter, random_state=seed)
    np.testing.assert_allclose(s, [5, 3, 2], rtol=1e-9)
    right = np.linalg.svd(X)[2][:3]
    np.testing.assert_allclose(abs((Vt * right).sum(axis=1)), 1, atol=1e-9)


@given(seed=seeds)
def test_no_value_is_too_large_and_passes_help(seed):
    """The values are those of a projection of X, so that they interlace with the exact ones."""
    X = np.random.default_rng(seed).normal(size=(60, 50))
    exact = np.linalg.svd(X, compute_uv=False)[:5]
    few, many = (randomized_svd(X, 5, n_iter=q, random_state=seed)[1] for q in (0, 30))
    assert (few <= exact * (1 + 1e-12)).all()
    assert (many <= exact * (1 + 1e-12)).all()
    assert many.sum() > few.sum()
    np.testing.assert_allclose(many, exact, rtol=0.02)


def test_the_expected_error_keeps_its_bound():
    """Halko, Martinsson and Tropp (2011), theorem 10.5: without passes, in the Frobenius norm."""
    values = 1 / np.arange(1.0, 41)
    X, k, extra = with_values(values, 80, 60), 5, 6
    bound = np.sqrt((1 + k / (extra - 1)) * np.square(values[k:]).sum())
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(50):
        Q = range_basis(X, k + extra, 0, rng)
        errors.append(np.linalg.norm(X - Q @ (Q.T @ X)))
    assert np.mean(errors) < bound


def test_same_seed_same_numbers_and_the_data_stay():
    X = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    before = X.copy()
    one, two = (randomized_svd(X, 3, random_state=1) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(X, before)
    rng = np.random.default_rng(2)
    assert randomized_svd(X.tolist(), 3, random_state=rng)[1].shape == (3,)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_components", 21), ("n_components", 0), ("n_oversamples", -1), ("n_iter", -1)],
)
def test_bad_input_is_named(name, value):
    X = np.random.default_rng(0).normal(size=(30, 20))
    with pytest.raises(ValueError, match=name):
        randomized_svd(X, **({"n_components": 2} | {name: value}))
