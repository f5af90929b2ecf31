"""Data with structure: ties and multiplicities, on both sides of every size where a method changes.

Lattices, cubes, rings, equal points and clusters a billion times their width apart.
"""

import itertools

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist

from companion.clustering.density import DBSCAN
from companion.clustering.distances import (
    TREE_FEATURES,
    nearest_neighbors,
    squared_distances,
)
from companion.clustering.hierarchical import linkage
from companion.clustering.neighbors import nearest_among
from companion.clustering.spectral import neighbor_affinity, spectral_embedding
from companion.clustering.trees import minimum_spanning_tree as our_tree
from companion.embedding.classical import ClassicalMDS
from companion.embedding.graphs import geodesic_distances


def lattice(side, d=2):
    """Points with whole coordinates."""
    return np.array(list(itertools.product(range(side), repeat=d)), float)


def polygon(n):
    """A regular polygon."""
    angle = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def apart(n, d):
    """Two clusters of width 1, a billion apart."""
    X = np.random.default_rng(0).normal(size=(n, d))
    X[n // 2 :] += 1e9
    return X


def repeated(n, d):
    """Five places, each many times."""
    return np.random.default_rng(0).normal(size=(5, d))[np.arange(n) % 5]


SHAPES = {
    "lattice": lattice(12),
    "cube, a tree": lattice(2, TREE_FEATURES - 2),
    "cube, all pairs": lattice(2, TREE_FEATURES + 1)[:900],
    "polygon": polygon(200),
    "apart, a tree": apart(150, 3),
    "apart, all pairs": apart(150, TREE_FEATURES + 5),
    "repeated, a tree": repeated(150, 3),
    "repeated, all pairs": repeated(150, TREE_FEATURES + 5),
}
REDUCIBLE = ("complete", "average", "weighted", "ward")  # no merge comes nearer than those before
shapes = pytest.mark.parametrize("X", SHAPES.values(), ids=SHAPES)


@shapes
def test_neighbours_are_as_near_as_brute_force_says(X):
    k = 7
    D = cdist(X, X)
    right = np.sort(D + np.diag(np.full(len(X), np.inf)), axis=1)[:, :k]
    distances, indices = nearest_neighbors(X, k)
    np.testing.assert_allclose(distances, right, rtol=1e-6, atol=1e-6 * right.max())
    assert (indices != np.arange(len(X))[:, None]).all()
    assert all(len(set(row)) == k for row in indices.tolist())
    np.testing.assert_allclose(np.take_along_axis(D, indices, 1), distances, rtol=1e-6, atol=1e-6)


@shapes
def test_squared_distances_lose_no_digits(X):
    right = cdist(X, X, "sqeuclidean")
    np.testing.assert_allclose(squared_distances(X), right, rtol=1e-9, atol=1e-12)


@shapes
def test_the_tree_has_the_least_length(X):
    D = cdist(X, X)
    _, lengths = our_tree(X)
    # SciPy reads a zero as no edge: equal points are joined by hand.
    shifted = minimum_spanning_tree(D + 1.0)
    assert lengths.sum() == pytest.approx(shifted.sum() - (len(X) - 1), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("method", ["single", *REDUCIBLE])
@pytest.mark.parametrize("name", ["polygon", "apart, a tree", "repeated, a tree"])
def test_heights_are_scipys_where_ties_leave_no_choice(method, name):
    X = SHAPES[name]
    if name == "polygon":
        X = polygon(64) if method == "single" else polygon(3)
    ours, theirs = linkage(X, method), hierarchy.linkage(X, method)
    np.testing.assert_allclose(ours[:, 2], theirs[:, 2], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "method", ["complete", "average", "weighted", "ward", "centroid", "median"]
)
@pytest.mark.parametrize("X", [lattice(6), polygon(24), repeated(20, 2)], ids=["l", "p", "r"])
def test_with_ties_every_merge_is_of_the_nearest(method, X):
    """SciPy may take another of equal pairs: ours is checked by its definition."""
    Z = linkage(X, method)
    assert np.isfinite(Z).all()
    assert hierarchy.is_valid_linkage(Z)
    if method not in ("centroid", "median"):
        assert hierarchy.is_monotonic(Z)
    assert Z[-1, 3] == len(X)
    assert Z[0, 2] == pytest.approx(cdist(X, X)[np.triu_indices(len(X), 1)].min(), abs=1e-12)


@pytest.mark.parametrize("n", [40, 299, 301, 400])
@pytest.mark.parametrize("steps", [(1,), (1, 2)])
def test_the_spectrum_of_a_ring_has_every_pair(n, steps):
    A, i = np.zeros((n, n)), np.arange(n)
    for step in steps:
        A[i, (i + step) % n] = A[(i + step) % n, i] = 1
    right = np.linalg.eigvalsh(np.eye(n) - A / (2 * len(steps)))[:7]
    found, vectors = spectral_embedding(A, 7, random_state=0)
    np.testing.assert_allclose(found, right, atol=1e-8)
    gram = vectors.T @ vectors  # all degrees are equal
    np.testing.assert_allclose(gram / gram[0, 0], np.eye(7), atol=1e-6)


@pytest.mark.parametrize("side", [12, 17, 18, 20])
def test_the_spectrum_of_a_lattice_has_every_pair(side):
    """Manhattan distances: the horizontal and the vertical pattern of each wave are as large."""
    D = cdist(lattice(side), lattice(side), "cityblock")
    model = ClassicalMDS(6, metric="precomputed").fit(D)
    B = -0.5 * D**2
    B = B - B.mean(axis=0) - B.mean(axis=1)[:, None] + B.mean()
    right = np.linalg.eigvalsh(B)[::-1][:6]
    np.testing.assert_allclose(model.eigenvalues_, right, rtol=1e-7, atol=1e-7 * right[0])


@pytest.mark.parametrize("side", [6, 18])
def test_paths_on_a_lattice_are_manhattan_distances(side):
    """Four neighbours inside; at the border they tie, and a longer step may be among them."""
    X = lattice(side)
    D = geodesic_distances(X, 8)
    assert (cdist(X, X, "cityblock") + 1e-9 >= D).all()
    assert (cdist(X, X) - 1e-9 <= D).all()
    np.testing.assert_allclose(D, D.T)


def test_graphs_in_pieces_have_a_zero_for_each_piece():
    X = np.concatenate([polygon(30) + 10 * i for i in range(4)])
    A = neighbor_affinity(X, 4)
    assert connected_components(A, directed=False)[0] == 4
    values, _ = spectral_embedding(A, 6, random_state=0)
    assert (np.abs(values[:4]) < 1e-10).all()
    assert values[4] > 1e-3


@pytest.mark.parametrize("d", [2, 20])
def test_a_point_at_exactly_eps_is_a_neighbour(d):
    X = np.zeros((30, d))
    X[:, 0] = np.arange(30)
    assert (DBSCAN(1.0, min_samples=2).fit(X).labels_ == 0).all()
    assert (DBSCAN(np.nextafter(1.0, 0), min_samples=2).fit(X).labels_ == -1).all()


@pytest.mark.parametrize("d", [3, TREE_FEATURES + 5])
def test_a_known_point_is_its_own_neighbour(d):
    X = apart(60, d)
    distances, indices = nearest_among(X, X[::7], 1)
    np.testing.assert_array_equal(X[indices[:, 0]][:, 0] > 1e8, X[::7, 0] > 1e8)
    assert distances.max() < 1e3
