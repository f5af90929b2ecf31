"""Nearest neighbours and their graph, against brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from companion.clustering.distances import TREE_FEATURES, nearest_neighbors, neighbor_graph


def brute_force(X, n_neighbors):
    """Sort all distances of each point to the others."""
    distances = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    indices = distances.argsort(axis=1)[:, :n_neighbors]
    return np.take_along_axis(distances, indices, axis=1), indices


@given(
    n_points=st.integers(2, 40),
    n_features=st.sampled_from([1, 2, TREE_FEATURES, TREE_FEATURES + 1, 30]),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_equals_brute_force(n_points, n_features, seed, data):
    n_neighbors = data.draw(st.integers(1, n_points - 1))
    X = np.random.default_rng(seed).normal(size=(n_points, n_features))
    distances, indices = nearest_neighbors(X, n_neighbors)
    right_distances, right_indices = brute_force(X, n_neighbors)
    np.testing.assert_array_equal(indices, right_indices)
    np.testing.assert_allclose(distances, right_distances, rtol=1e-12)


@pytest.mark.parametrize("n_features", [2, TREE_FEATURES, TREE_FEATURES + 1, 64])
def test_equals_scikit_learn_over_several_blocks(n_features):
    X = np.random.default_rng(0).normal(size=(700, n_features)) + 5.0
    distances, indices = nearest_neighbors(X, 12)
    right_distances, right_indices = NearestNeighbors(n_neighbors=12).fit(X).kneighbors()
    np.testing.assert_array_equal(indices, right_indices)
    np.testing.assert_allclose(distances, right_distances, rtol=1e-10)


@pytest.mark.parametrize("n_features", [3, TREE_FEATURES + 1])
def test_equal_points_are_neighbours_but_none_is_its_own(n_features):
    X = np.repeat(np.eye(3, n_features), [5, 1, 2], axis=0)
    distances, indices = nearest_neighbors(X, 3)
    assert (indices != np.arange(8)[:, None]).all()
    assert (distances[:5] == 0).all(), "four equal points lie at distance 0"
    assert all(len(set(row)) == 3 for row in indices.tolist())
    np.testing.assert_allclose(distances[5], np.sqrt(2))


def test_far_from_the_origin_in_many_dimensions():
    """Where |x|^2 - 2 x'y + |y|^2 of the raw vectors would have no digit left."""
    X = np.random.default_rng(0).normal(size=(50, 20))
    distances, indices = nearest_neighbors(X + 1e7, 4)
    right_distances, right_indices = brute_force(X, 4)
    np.testing.assert_array_equal(indices, right_indices)
    np.testing.assert_allclose(distances, right_distances, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_graph_equals_scikit_learn(weighted):
    X = np.random.default_rng(0).normal(size=(60, 3))
    distances, indices = nearest_neighbors(X, 5)
    graph = neighbor_graph(indices, distances if weighted else None)
    right = kneighbors_graph(X, 5, mode="distance" if weighted else "connectivity")
    assert graph.format == "csr"
    assert graph.has_sorted_indices
    np.testing.assert_allclose(graph.toarray(), right.toarray(), rtol=1e-12)


@pytest.mark.parametrize(
    ("X", "n_neighbors", "message"),
    [
        (np.zeros((4, 2)), 4, r"n_neighbors=4 must be .* at most 3: ask for fewer"),
        (np.zeros((4, 2)), 0, r"n_neighbors=0 must be an integer of at least 1"),
        (np.zeros((4, 2)), 1.5, r"n_neighbors=1.5 must be an integer"),
        (np.zeros((1, 2)), 1, r"1 sample.* minimum of 2"),
        (np.array([[0.0], [np.nan]]), 1, "X contains NaN"),
        (np.zeros(4), 1, "Expected 2D array"),
    ],
)
def test_bad_input_is_named(X, n_neighbors, message):
    with pytest.raises(ValueError, match=message):
        nearest_neighbors(X, n_neighbors)


def test_graph_wants_one_row_a_point():
    with pytest.raises(ValueError, match=r"shapes \(4,\) and \(4,\): give both as \(n, k\)"):
        neighbor_graph(np.zeros(4, int))
    with pytest.raises(ValueError, match="weights have shapes"):
        neighbor_graph(np.zeros((4, 2), int), np.ones((4, 3)))
