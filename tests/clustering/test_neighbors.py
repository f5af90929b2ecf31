"""Neighbours in a matrix of distances: by sorting whole rows, and against the points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from companion.clustering.distances import nearest_neighbors
from companion.clustering.neighbors import (
    nearest_among,
    nearest_columns,
    nearest_known,
    nearest_others,
)


def sample(n, p, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


@given(st.integers(1, 9), st.integers(0, 10**6))
@settings(deadline=None)
def test_smallest_entries_are_those_of_sorted_rows(k, seed):
    D = np.random.default_rng(seed).integers(0, 5, size=(6, 9)).astype(float)  # ties
    entries, columns = nearest_columns(D, k)
    np.testing.assert_array_equal(entries, np.sort(D, axis=1)[:, :k])
    np.testing.assert_array_equal(entries, np.take_along_axis(D, columns, axis=1))
    assert all(len(set(row)) == k for row in columns.tolist())


@pytest.mark.parametrize("k", [1, 4, 29])
def test_others_and_known_are_those_of_the_points(k):
    X, new = sample(30, 3), sample(7, 3, seed=1)
    D = cdist(X, X)
    kept = D.copy()
    for found, expected in (
        (nearest_others(D, k, "precomputed"), nearest_neighbors(X, k)),
        (nearest_others(X, k), nearest_neighbors(X, k)),
        (nearest_known(X, cdist(new, X), k, "precomputed"), nearest_among(X, new, k)),
        (nearest_known(X, new, k), nearest_among(X, new, k)),
    ):
        np.testing.assert_allclose(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(D, kept)


def test_an_equal_point_is_at_distance_zero():
    """In many dimensions, and far from the origin, where expanded squares leave 1e-8 or more."""
    X = sample(200, 30) + 1e3
    distances, indices = nearest_known(X, X[50:150], 3)
    assert (distances[:, 0] == 0).all()
    np.testing.assert_array_equal(indices[:, 0], np.arange(50, 150))
    np.testing.assert_allclose(distances, np.sort(cdist(X[50:150], X), axis=1)[:, :3])


def test_an_equal_point_is_another_and_the_point_itself_is_not():
    _, indices = nearest_others(np.zeros((4, 4)), 3, "precomputed")
    assert [set(row) for row in indices.tolist()] == [{0, 1, 2, 3} - {i} for i in range(4)]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"n_neighbors=3 must be .* at most 2: ask for fewer"):
        nearest_others(np.zeros((3, 3)), 3, "precomputed")
    with pytest.raises(ValueError, match="X has a negative entry, -1, but must be distances"):
        nearest_known(None, np.array([[1.0, -1.0]]), 1, "precomputed")
