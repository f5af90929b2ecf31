"""The fuzzy graph of UMAP against umap-learn and SciPy."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.distance import cdist, pdist, squareform

from companion.clustering.distances import nearest_neighbors
from companion.embedding.fuzzy import fuzzy_arrows, fuzzy_graph, smooth_knn_distances


def with_self(X, n_neighbors):
    """What umap-learn calls the neighbours: the point itself first."""
    distances, indices = nearest_neighbors(X, n_neighbors - 1)
    zero, own = np.zeros((len(X), 1)), np.arange(len(X))[:, None]
    return np.hstack([zero, distances]).astype(np.float32), np.hstack([own, indices])


@pytest.mark.parametrize("n_neighbors", [5, 15])
def test_widths_and_graph_are_those_of_umap_learn(umap_learn, digits, n_neighbors):
    """`eq-umap-fuzzy`."""
    digits = digits[:200]
    distances, indices = with_self(digits, n_neighbors)
    sigma, rho = umap_learn.smooth_knn_dist(distances, float(n_neighbors))
    mine = smooth_knn_distances(distances[:, 1:].astype(float), n_neighbors)
    np.testing.assert_allclose(mine[0], rho, rtol=1e-6)
    np.testing.assert_allclose(mine[1], sigma, rtol=1e-3)
    theirs, _, _ = umap_learn.fuzzy_simplicial_set(
        digits, n_neighbors, None, "euclidean", knn_indices=indices, knn_dists=distances
    )
    assert abs(fuzzy_graph(digits, n_neighbors) - theirs).max() < 2e-4


def test_width_solves_its_equation():
    distances = np.sort(np.random.default_rng(0).gamma(3, size=(20, 14)), axis=1)
    rho, sigma = smooth_knn_distances(distances, 15)
    np.testing.assert_array_equal(rho, distances[:, 0])
    for row, r, s in zip(distances, rho, sigma, strict=True):
        root = brentq(lambda t, d: np.exp(-d / t).sum() - np.log2(15), 1e-3, 1e3, args=(row - r,))
        np.testing.assert_allclose(s, root, rtol=1e-6)


def test_ties_do_not_collapse_a_width():
    rho, sigma = smooth_knn_distances(np.array([[2.0] * 5, [0.0] * 5, [0.0, 0.0, 1, 1, 1]]), 6)
    assert (sigma > 0).all()
    assert np.isfinite(sigma).all()
    np.testing.assert_array_equal(rho, [2, 0, 1])


def test_graph_is_a_union_of_what_both_ends_say(digits):
    graph = fuzzy_graph(digits, 10)
    assert abs(graph - graph.T).max() == 0
    assert graph.data.max() <= 1
    assert graph.data.min() >= 0
    assert graph.diagonal().max() == 0
    np.testing.assert_allclose(graph.max(axis=1).toarray(), 1)  # the nearest, for certain


@pytest.mark.parametrize("n_neighbors", [2, 5, 15])
def test_arrows_are_those_of_umap_learn(umap_learn, digits, n_neighbors):
    """New points, some of which are old ones: with local connectivity 0, as its transform does."""
    old, new = digits[:200], np.vstack([digits[200:240], digits[:10]])
    distances = cdist(new, old)
    indices = distances.argsort(axis=1)[:, :n_neighbors]
    distances = np.take_along_axis(distances, indices, axis=1).astype(np.float32)
    k = float(n_neighbors)
    sigma, rho = umap_learn.smooth_knn_dist(distances, k, local_connectivity=0.0)
    _, _, values, _ = umap_learn.compute_membership_strengths(
        indices, distances, sigma, rho, bipartite=True
    )
    found = fuzzy_arrows(old, new, n_neighbors)
    np.testing.assert_array_equal(found.indices.reshape(indices.shape), indices)
    np.testing.assert_allclose(found.data, values, atol=2e-4)
    assert found.shape == (50, 200)
    np.testing.assert_array_equal(found[40:].max(axis=1).toarray(), 1)


def test_arrows_and_graph_of_distances_are_those_of_points(digits):
    old, new = digits[:100], digits[100:120]
    graph = fuzzy_graph(squareform(pdist(old)), 10, "precomputed")
    assert abs(graph - fuzzy_graph(old, 10)).max() < 1e-9
    arrows = fuzzy_arrows(old, cdist(new, old), 10, "precomputed")
    assert abs(arrows - fuzzy_arrows(old, new, 10)).max() < 1e-9


@pytest.mark.parametrize("power", [-300, -40, 30, 300])
def test_widths_have_the_unit_of_the_distances(power):
    distances = np.sort(np.random.default_rng(1).gamma(3, size=(20, 9)), axis=1)
    right, found = (smooth_knn_distances(a * distances, 10) for a in (1.0, 2.0**power))
    for one, other in zip(right, found, strict=True):
        np.testing.assert_array_equal(one * 2.0**power, other)
