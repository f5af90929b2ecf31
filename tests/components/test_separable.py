"""Parts among the points: planted parts, hulls by SciPy, and what does not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from companion.components.separable import corner_rows, successive_projection

seeds = st.integers(0, 10_000)


def planted(seed, n=40, d=7, k=4):
    """Rows that mix k parts; the parts alone stand at random places, at any strength."""
    rng = np.random.default_rng(seed)
    parts = rng.uniform(size=(k, d))
    X = np.vstack([np.eye(k), rng.dirichlet(np.ones(k), n - k)]) @ parts
    X *= rng.uniform(0.2, 5, size=(n, 1))
    order = rng.permutation(n)
    return X[order], np.argsort(order)[:k]


@given(seed=seeds)
def test_parts_that_are_points_are_found(seed):
    """Section "Points as parts": exact, also where no part owns a feature."""
    X, where = planted(seed)
    assert set(successive_projection(X, 4).tolist()) == set(where.tolist())


@given(seed=seeds)
def test_what_is_chosen_are_corners_of_the_hull(seed):
    """Any cloud of shares of three features: SciPy's convex hull in the plane."""
    shares = np.random.default_rng(seed).dirichlet([1, 2, 3], size=30)
    corners = set(ConvexHull(shares[:, :2]).vertices.tolist())
    assert set(corner_rows(shares, 3).tolist()) <= corners


@given(seed=seeds, scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_units_order_and_form_do_not_matter(seed, scale):
    X, _ = planted(seed)
    rows = successive_projection(X, 4)
    kept = X.copy()
    np.testing.assert_array_equal(successive_projection(np.asfortranarray(scale * X), 4), rows)
    turn = np.random.default_rng(seed).permutation(len(X))
    np.testing.assert_array_equal(turn[successive_projection(X[turn], 4)], rows)
    np.testing.assert_array_equal(X, kept)


def test_empty_rows_are_never_parts():
    X = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 0], [1, 1, 3]])
    assert sorted(successive_projection(X, 3).tolist()) == [1, 2, 4]


@pytest.mark.parametrize(
    ("X", "k", "message"),
    [
        ([[1.0, 2], [2, 1]], 3, "n_components=3"),
        ([[1.0, -2], [2, 1]], 2, "negative entry"),
        ([[1.0, 2], [2, 4]], 2, "rank of X"),
    ],
)
def test_bad_input_is_named(X, k, message):
    with pytest.raises(ValueError, match=message):
        successive_projection(X, k)
