"""Spanning trees and cophenetic distances against SciPy and by brute force."""

import itertools

import numpy as np
import pytest
import scipy.cluster.hierarchy as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csgraph
from scipy.spatial.distance import cdist, pdist, squareform

from companion.clustering.hierarchical import linkage
from companion.clustering.trees import (
    cophenet,
    cut,
    delaunay_edges,
    is_ultrametric,
    kruskal,
    label_merges,
    minimum_spanning_tree,
    prim,
)

METHODS = ("single", "complete", "average", "ward")
INVERTED = ("centroid", "median")  # their heights may fall


def sample(n, p, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


@pytest.mark.parametrize("p", [1, 2, 5])
def test_minimum_spanning_tree_equals_scipy(p):
    X = sample(80, p)
    edges, lengths = minimum_spanning_tree(X)
    tree = csgraph.minimum_spanning_tree(squareform(pdist(X))).tocoo()
    ours = {frozenset(edge) for edge in edges.tolist()}
    assert ours == {frozenset(e) for e in zip(tree.row.tolist(), tree.col.tolist(), strict=True)}
    np.testing.assert_allclose(np.sort(lengths), np.sort(tree.data), atol=1e-12)
    other_edges, other_lengths = minimum_spanning_tree(squareform(pdist(X)), "precomputed")
    assert ours == {frozenset(edge) for edge in other_edges.tolist()}
    assert other_lengths.sum() == pytest.approx(lengths.sum())


def test_minimum_spanning_tree_is_the_shortest_of_all_trees():
    """All 125 trees on 5 points (Cayley), written out."""
    X = sample(5, 3)
    D = squareform(pdist(X))
    pairs = list(itertools.combinations(range(5), 2))
    trees = [t for t in itertools.combinations(pairs, 4) if len(set(itertools.chain(*t))) == 5]
    trees = [t for t in trees if len(kruskal(5, np.array(t), np.zeros(4))) == 4]
    assert len(trees) == 125
    best = min(sum(D[edge] for edge in tree) for tree in trees)
    assert minimum_spanning_tree(X)[1].sum() == pytest.approx(best, rel=1e-12)


def test_prim_and_kruskal_agree():
    D = squareform(pdist(sample(60, 4)))
    pairs = np.array(list(itertools.combinations(range(60), 2)))
    kept = pairs[kruskal(60, pairs, D[tuple(pairs.T)])]
    assert {frozenset(e) for e in kept.tolist()} == {frozenset(e) for e in prim(D).tolist()}


def test_kruskal_of_a_graph_in_two_pieces_is_a_forest():
    assert kruskal(5, np.array([[0, 1], [1, 2], [0, 2], [3, 4]]), np.array([1, 2, 3, 1])).size == 3


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_delaunay_holds_the_tree_of_points_on_a_grid(seed):
    """Copies and ties: the tree may differ, its length may not."""
    X = np.random.default_rng(seed).integers(0, 6, size=(40, 2)).astype(float)
    D = squareform(pdist(X))
    expected = D[tuple(prim(D).T)]
    lengths = minimum_spanning_tree(X)[1]
    np.testing.assert_allclose(np.sort(lengths), np.sort(expected), atol=1e-12)


def test_points_on_a_line_have_no_triangles_but_a_tree():
    X = np.c_[np.arange(10.0) ** 2, np.zeros(10)]
    assert delaunay_edges(X) is None
    np.testing.assert_allclose(np.sort(minimum_spanning_tree(X)[1]), np.arange(1, 18, 2))


def test_points_closer_than_rounding_go_to_prim():
    X = np.r_[sample(30, 2), sample(30, 2) + 1e-15]
    D = cdist(X, X)
    expected = D[tuple(prim(D).T)]
    np.testing.assert_allclose(
        np.sort(minimum_spanning_tree(X)[1]), np.sort(expected), rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize("method", METHODS + INVERTED)
def test_cophenet_equals_scipy(method):
    """Equation eq-hierarchical-cophenetic."""
    X = sample(50, 3)
    Z = reference.linkage(X, method)
    assert (np.diff(Z[:, 2]) < 0).any() == (method in INVERTED)
    np.testing.assert_array_equal(cophenet(Z), reference.cophenet(Z))
    correlation, distances = reference.cophenet(Z, pdist(X))
    for Y in (pdist(X), squareform(pdist(X)), 2.0**400 * pdist(X)):
        assert cophenet(Z, Y)[0] == pytest.approx(correlation, rel=1e-12)
    np.testing.assert_array_equal(cophenet(Z, pdist(X))[1], distances)


def test_where_one_side_is_constant_there_is_no_correlation():
    Z = reference.linkage([0.3, 0.3, 0.3])
    assert np.isnan(cophenet(Z, [0.3, 0.3, 0.3])[0])
    assert np.isnan(cophenet(Z, [1.0, 2.0, 3.0])[0])


def replay(Z, n_clusters):
    """Sets of points after the first merges of Z, one at a time."""
    clusters = {i: frozenset([i]) for i in range(len(Z) + 1)}
    for new, (a, b) in enumerate(Z[: len(Z) + 1 - n_clusters, :2], start=len(Z) + 1):
        clusters[new] = clusters.pop(int(a)) | clusters.pop(int(b))
    return set(clusters.values())


@pytest.mark.parametrize("method", METHODS + INVERTED)
@pytest.mark.parametrize("n_clusters", [1, 2, 7, 39, 40])
def test_cut_undoes_merges_whether_heights_rise_or_fall(method, n_clusters):
    Z = reference.linkage(sample(40, 3), method)
    labels = cut(Z, n_clusters)
    found = {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(n_clusters)}
    assert found == replay(Z, n_clusters)


def test_merges_stay_in_their_order_where_they_are_told_to():
    edges, heights = np.array([[0, 1], [1, 2]]), np.array([2.0, 1.0])
    expected = [[0, 1, 2, 2], [2, 3, 1, 3]]
    np.testing.assert_array_equal(label_merges(edges, heights, sort=False), expected)
    np.testing.assert_array_equal(label_merges(edges, heights), [[1, 2, 1, 2], [0, 3, 2, 3]])


def test_an_inversion_is_no_ultrametric():
    """The centre of the first two is nearer to the third than they are to each other."""
    triangle = np.array([[0, 0], [1, 0], [0.5, 0.9]])
    assert not is_ultrametric(cophenet(reference.linkage(triangle, "centroid")))


@pytest.mark.parametrize("method", METHODS)
def test_cophenetic_distances_are_ultrametric(method):
    """Equation eq-hierarchical-ultrametric; here every triple is written out."""
    D = squareform(cophenet(linkage(sample(20, 3), method)))
    for x, y, z in itertools.permutations(range(20), 3):
        assert D[x, y] <= max(D[x, z], D[z, y])
    assert is_ultrametric(D)


def test_single_linkage_lies_below_and_nothing_ultrametric_fits_between():
    """The cophenetic distance of single linkage is the largest ultrametric that is <= d."""
    X = sample(30, 2)
    d = squareform(pdist(X))
    u = squareform(cophenet(linkage(X, "single")))
    assert (u <= d + 1e-12).all()
    minimax = d.copy()  # Floyd and Warshall: the smallest largest step of any way
    for via in range(len(X)):
        minimax = np.minimum(minimax, np.maximum(minimax[:, [via]], minimax[[via]]))
    np.testing.assert_allclose(u, minimax, atol=1e-12)


@given(st.integers(3, 12), st.integers(0, 10**6))
@settings(deadline=None)
def test_is_ultrametric_equals_the_triple_loop(n, seed):
    D = np.random.default_rng(seed).integers(1, 4, size=(n, n)).astype(float)
    D = np.triu(D, 1) + np.triu(D, 1).T
    triples = itertools.permutations(range(n), 3)
    expected = all(D[x, y] <= max(D[x, z], D[z, y]) for x, y, z in triples)
    assert is_ultrametric(D) == expected


def test_euclidean_distances_are_not_ultrametric():
    assert not is_ultrametric(pdist(sample(10, 2)))
    assert is_ultrametric(np.array([1.0, 1, 1]))  # an equilateral triangle is


def test_tolerance_is_relative_to_the_largest_distance():
    D = 1e6 * np.array([[0, 1, 1 + 1e-12], [1, 0, 1], [1 + 1e-12, 1, 0]])
    assert is_ultrametric(D)
    assert not is_ultrametric(D, tol=0)


@pytest.mark.parametrize("call", [minimum_spanning_tree, linkage])
def test_bad_points_are_named(call):
    with pytest.raises(ValueError, match="NaN"):
        call([[1.0, np.nan], [0, 1]])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        call([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"X has shape \(2, 3\) but must be square"):
        call(np.ones((2, 3)), metric="precomputed")
    with pytest.raises(ValueError, match="metric='cosines' is not known: choose one of"):
        call(np.ones((2, 3)), metric="cosines")


def test_bad_dendrograms_are_named():
    with pytest.raises(ValueError, match=r"Z has shape \(2, 3\).*pass what linkage returns"):
        cophenet(np.ones((2, 3)))
    with pytest.raises(ValueError, match="Z has NaN"):
        cophenet([[0, 1, np.nan, 2]])
    Z = linkage(np.random.default_rng(0).normal(size=(6, 2)))
    Z[2, 3] += 20
    with pytest.raises(ValueError, match=r"Z\[2, 3\]=2. points, but its parts have"):
        cophenet(Z)
    Z = linkage(np.array([[0.0], [1.0], [3.0], [7.0]]))
    Z[1, 1] = Z[0, 0]
    with pytest.raises(ValueError, match="merges a cluster twice"):
        cut(Z, 2)
    with pytest.raises(ValueError, match="merges a cluster before it exists"):
        cophenet([[0, 3, 1.0, 2], [1, 2, 2.0, 3]])
    Z = [[0, 1, 1.0, 2], [2, 3, 2.0, 3]]
    with pytest.raises(ValueError, match="Y has the distances of 4 points, and Z has 3"):
        cophenet(Z, np.ones(6))
    with pytest.raises(ValueError, match="Y has 4 entries"):
        cophenet(Z, np.ones(4))
    with pytest.raises(ValueError, match="Y has a negative entry"):
        cophenet(Z, [1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="D has 4 entries"):
        is_ultrametric(np.ones(4))
    with pytest.raises(ValueError, match="not symmetric"):
        is_ultrametric([[0, 1], [2, 0]])
    with pytest.raises(ValueError, match=r"tol=-1 must be a number in \[0"):
        is_ultrametric(np.ones(3), tol=-1)
