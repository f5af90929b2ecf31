"""Linkage against SciPy and against its definition, DIANA against its definition."""

import warnings

import numpy as np
import pytest
import scipy.cluster.hierarchy as reference
import sklearn.cluster
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.hierarchical import (
    METHODS,
    AgglomerativeClustering,
    DivisiveClustering,
    divide,
    linkage,
    splinter,
)
from companion.clustering.trees import cut

RISING = [m for m in METHODS if m not in ("centroid", "median")]  # the others may have inversions
FIVE = squareform([2.0, 6, 10, 9, 5, 9, 8, 4, 5, 3])  # Kaufman and Rousseeuw's five objects


@parametrize_with_checks([AgglomerativeClustering(), DivisiveClustering()])
def test_sklearn_compatible(estimator, check):
    check(estimator)


def sample(n, p, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "p"), [(2, 1), (3, 2), (4, 2), (300, 1), (500, 2), (400, 20)])
def test_linkage_equals_scipy(method, n, p):
    """Sections "Bottom up" and "A tree of shortest links"."""
    X = sample(n, p)
    np.testing.assert_allclose(linkage(X, method), reference.linkage(X, method), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(2, 40), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_linkage_equals_scipy_on_any_continuous_data(method, n, p, seed):
    X = sample(n, p, seed)
    np.testing.assert_allclose(linkage(X, method), reference.linkage(X, method), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_linkage_of_jittered_digits_equals_scipy(method):
    """Raw digits have tied distances; a jitter of 0.001 grey levels breaks the ties."""
    X = load_digits().data[:600] + 1e-3 * sample(600, 64)
    np.testing.assert_allclose(linkage(X, method), reference.linkage(X, method), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_linkage_takes_distances_too(method):
    X = sample(90, 3)
    condensed = pdist(X)
    expected = reference.linkage(condensed, method)
    kept = condensed.copy()
    np.testing.assert_allclose(linkage(condensed, method), expected, atol=1e-10)
    matrix = squareform(condensed)
    np.testing.assert_allclose(linkage(matrix, method, "precomputed"), expected, atol=1e-10)
    np.testing.assert_array_equal(condensed, kept)
    np.testing.assert_array_equal(squareform(matrix), kept)  # the caller's data are left alone


def cluster_distance(X, one, other, method):
    """The definitions of eq-hierarchical-linkage, from the points themselves."""
    between = np.linalg.norm(X[one][:, None] - X[other], axis=-1)
    if method == "ward":
        gap = np.linalg.norm(X[one].mean(axis=0) - X[other].mean(axis=0))
        return gap * np.sqrt(2 * len(one) * len(other) / (len(one) + len(other)))
    if method == "centroid":
        return np.linalg.norm(X[one].mean(axis=0) - X[other].mean(axis=0))
    return {"single": np.min, "complete": np.max, "average": np.mean}[method](between)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("weighted", "median")])
def test_linkage_equals_its_definition(method):
    """Try every pair of clusters at every step."""
    X = sample(25, 3, seed=1)
    clusters = {i: [i] for i in range(len(X))}
    for new, (a, b, height, size) in enumerate(linkage(X, method), start=len(X)):
        tried = {
            (i, j): cluster_distance(X, clusters[i], clusters[j], method)
            for i in clusters
            for j in clusters
            if i < j
        }
        best = min(tried, key=tried.get)
        assert best == (a, b)
        assert height == pytest.approx(tried[best], rel=1e-10)
        clusters[new] = clusters.pop(a) + clusters.pop(b)
        assert len(clusters[new]) == size


@pytest.mark.parametrize("method", RISING)
def test_heights_never_fall_and_copies_meet_at_zero(method):
    X = np.repeat(sample(20, 2), 3, axis=0)
    Z = linkage(X, method)
    assert (np.diff(Z[:, 2]) >= 0).all()
    assert (Z[:40, 2] == 0).all()
    assert Z[40, 2] > 0
    assert reference.is_valid_linkage(Z)


@pytest.mark.parametrize("method", METHODS)
def test_tied_distances_end(method):
    """On a grid nearly all distances are tied: the chain must not walk in circles."""
    X = np.stack(np.meshgrid(np.arange(9), np.arange(9), np.arange(2)), axis=-1).reshape(-1, 3)
    Z = linkage(X, method)
    assert reference.is_valid_linkage(Z)
    if method == "single":
        assert (Z[:, 2] == 1).all()


@pytest.mark.parametrize("n_clusters", [1, 2, 7, 60])
def test_cut_equals_scipy(n_clusters):
    Z = linkage(sample(60, 3), "average")
    expected = reference.cut_tree(Z, n_clusters).ravel()
    labels = cut(Z, n_clusters)
    assert set(labels) == set(range(n_clusters))
    assert adjusted_rand_score(labels, expected) == 1


@pytest.mark.parametrize("method", ["single", "complete", "average", "ward"])
def test_agglomerative_equals_sklearn(method):
    X = sample(120, 4)
    for arguments in ({"n_clusters": 5}, {"n_clusters": None, "distance_threshold": 1.2}):
        ours = AgglomerativeClustering(linkage=method, **arguments).fit(X)
        theirs = sklearn.cluster.AgglomerativeClustering(
            linkage=method, compute_distances=True, **arguments
        ).fit(X)
        assert ours.n_clusters_ == theirs.n_clusters_ == len(np.unique(ours.labels_))
        assert ours.n_leaves_ == theirs.n_leaves_
        assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1
        np.testing.assert_array_equal(ours.children_, np.sort(theirs.children_, axis=1))
        np.testing.assert_allclose(ours.distances_, theirs.distances_, atol=1e-10)


@pytest.mark.parametrize("make", [AgglomerativeClustering, DivisiveClustering])
def test_estimators_take_distances(make):
    X = sample(40, 3)
    expected = make().fit(X).linkage_matrix_
    found = make(metric="precomputed").fit(squareform(pdist(X))).linkage_matrix_
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("metric", ["manhattan", "cosine"])
@pytest.mark.parametrize("method", ["single", "complete", "average"])
def test_other_metrics_equal_sklearn(metric, method):
    X = sample(80, 4) * 2.0**-520  # the squares underflow
    ours = AgglomerativeClustering(5, metric=metric, linkage=method).fit(X * 2.0**500)
    theirs = sklearn.cluster.AgglomerativeClustering(
        5, metric=metric, linkage=method, compute_distances=True
    ).fit(X * 2.0**500)
    np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-9)
    np.testing.assert_array_equal(ours.children_, np.sort(theirs.children_, axis=1))
    assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1
    tiny = AgglomerativeClustering(5, metric=metric, linkage=method).fit(X)
    np.testing.assert_array_equal(tiny.children_, ours.children_)


def test_small_angles_lose_no_digits():
    """1 - cos(1e-6) = 5e-13; from the cosine itself four digits would be left."""
    angles = np.array([0.0, 1e-6, 3e-6])
    Z = linkage(np.c_[np.cos(angles), np.sin(angles)], "complete", "cosine")
    np.testing.assert_allclose(Z[:, 2], [0.5e-12, 4.5e-12], rtol=1e-8)


@pytest.mark.parametrize("metric", ["manhattan", "cosine"])
def test_divisive_clustering_has_the_other_metrics_too(metric):
    X = sample(30, 3)
    D = sklearn.metrics.pairwise_distances(X, metric=metric)
    found = DivisiveClustering(metric=metric).fit(X).linkage_matrix_
    np.testing.assert_allclose(found, divide((D + D.T) / 2), atol=1e-12)


@pytest.mark.parametrize("method", ["ward", "centroid", "median"])
@pytest.mark.parametrize("metric", ["manhattan", "cosine"])
def test_centres_are_euclidean(method, metric):
    with pytest.raises(ValueError, match=f"metric='{metric}' does not go with '{method}'.*choose"):
        AgglomerativeClustering(linkage=method, metric=metric).fit(sample(5, 2))


TRIANGLE = np.array([[0, 0], [1, 0], [0.5, 0.9]])  # sides 1, 1.03 and 1.03


@pytest.mark.parametrize("method", ["centroid", "median"])
def test_three_points_that_are_nearly_equilateral_make_an_inversion(method):
    """Section "Centroids that come too near"."""
    Z = linkage(TRIANGLE, method)
    np.testing.assert_allclose(Z, [[0, 1, 1, 2], [2, 3, 0.9, 3]])
    model = AgglomerativeClustering(2, linkage=method).fit(TRIANGLE)
    assert model.labels_[0] == model.labels_[1] != model.labels_[2]
    with pytest.raises(ValueError, match=r"distance_threshold=0.5 is refused.*give n_clusters"):
        AgglomerativeClustering(None, linkage=method, distance_threshold=0.5).fit(TRIANGLE)


def test_a_height_cuts_a_tree_of_centroids_that_rises():
    """Ties that fall by rounding are no inversion."""
    X = np.r_[np.arange(6.0) * 10 + 0.1, np.arange(6.0) * 10 + 0.4][:, None] / 3
    model = AgglomerativeClustering(None, linkage="centroid", distance_threshold=1).fit(X)
    assert model.n_clusters_ == 6


@pytest.mark.parametrize("call", [linkage, AgglomerativeClustering().fit, DivisiveClustering().fit])
def test_points_that_look_like_distances_are_warned_of(call):
    D = squareform(pdist(sample(6, 2)))
    with pytest.warns(UserWarning, match=r"X, of shape \(6, 6\).*metric='precomputed'"):
        call(D * (1 + 1e-12 * np.arange(6)))
    others = (D + np.eye(6), -D, D * np.arange(1, 7), D[:5], np.zeros((6, 6)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in others:
            call(X)
        linkage(D, metric="precomputed")


def naive_split(D):
    """Kaufman and Rousseeuw's rule with lists and loops."""
    rest, left = list(range(len(D))), []
    while len(rest) > 1:
        gains = []
        for i in rest:
            to_rest = np.mean([D[i, j] for j in rest if j != i])
            gains.append(to_rest - np.mean([D[i, j] for j in left]) if left else to_rest)
        if left and max(gains) <= 0:
            break
        left.append(rest.pop(int(np.argmax(gains))))
    return set(left)


@given(st.integers(2, 15), st.integers(0, 10**6))
@settings(deadline=None)
def test_splinter_equals_its_definition(n, seed):
    """Section "Top down"."""
    D = squareform(pdist(sample(n, 2, seed)))
    assert set(np.flatnonzero(splinter(D))) == naive_split(D)


def naive_divide(D):
    """All splits of DIANA as {members: (height, members who left)}, by recursion."""
    splits = {}

    def split(members):
        if len(members) > 1:
            inside = D[np.ix_(members, members)]
            left = [members[i] for i in naive_split(inside)]
            splits[frozenset(members)] = inside.max(), frozenset(left)
            split(left)
            split([i for i in members if i not in left])

    split(list(range(len(D))))
    return splits


def test_divide_equals_its_definition():
    D = squareform(pdist(sample(30, 2)))
    splits, Z = naive_divide(D), divide(D)
    clusters = [frozenset([i]) for i in range(30)]
    for a, b, height, size in Z:
        members = clusters[int(a)] | clusters[int(b)]
        expected_height, left = splits[members]
        assert height == pytest.approx(expected_height)
        assert left in (clusters[int(a)], clusters[int(b)])
        assert size == len(members)
        clusters.append(members)


def test_diana_of_five_objects_by_hand():
    """a and b leave c, d, e at height 10; c leaves d, e at 5; then 3 and 2 (worked by hand)."""
    expected = [[0, 1, 2, 2], [3, 4, 3, 2], [2, 6, 5, 3], [5, 7, 10, 5]]
    np.testing.assert_array_equal(divide(FIVE), expected)


def test_diana_finds_two_separate_groups():
    X = np.r_[sample(40, 3), sample(60, 3) + 20]
    labels = DivisiveClustering().fit_predict(X)
    assert adjusted_rand_score(labels, np.arange(100) >= 40) == 1


def test_diana_heights_are_diameters_and_threshold_bounds_them():
    X = sample(80, 2)
    D = squareform(pdist(X))
    model = DivisiveClustering(n_clusters=None, distance_threshold=1.5).fit(X)
    for label in range(model.n_clusters_):
        members = np.flatnonzero(model.labels_ == label)
        assert D[np.ix_(members, members)].max() < 1.5
    assert model.distances_[-1] == pytest.approx(D.max())
    assert (np.diff(model.distances_) >= 0).all()
    assert reference.is_valid_linkage(model.linkage_matrix_)


def test_copies_are_split_last():
    Z = divide(np.zeros((4, 4)))
    assert (Z[:, 2] == 0).all()
    assert reference.is_valid_linkage(Z)


AVERAGE = {AgglomerativeClustering: {"linkage": "average"}, DivisiveClustering: {}}


@pytest.mark.parametrize("estimator", [AgglomerativeClustering, DivisiveClustering])
def test_bad_parameters_are_named(estimator):
    X = sample(5, 2)
    with pytest.raises(ValueError, match=r"n_clusters=6 must be an integer.*at most 5"):
        estimator(6).fit(X)
    with pytest.raises(ValueError, match="n_clusters=0"):
        estimator(0).fit(X)
    with pytest.raises(ValueError, match="give one of them"):
        estimator(2, distance_threshold=1.0).fit(X)
    with pytest.raises(ValueError, match="distance_threshold=-1"):
        estimator(None, distance_threshold=-1).fit(X)
    with pytest.raises(ValueError, match="metric='l3' is not known"):
        estimator(metric="l3").fit(X)
    with pytest.raises(ValueError, match=r"X has a row of zeros, 2, .*remove it"):
        estimator(metric="cosine").set_params(**AVERAGE[estimator]).fit(
            X * [[1], [1], [0], [1], [1]]
        )
    with pytest.raises(ValueError, match="must be square"):
        estimator(metric="precomputed").fit(X)
    with pytest.raises(ValueError, match="negative entry"):
        estimator(metric="precomputed").fit([[0, -1], [-1, 0]])


def test_bad_method_and_condensed_length_are_named():
    with pytest.raises(ValueError, match="method='middle' is not known: choose one of 'single'"):
        linkage(sample(5, 2), "middle")
    with pytest.raises(ValueError, match="linkage='middle' is not known"):
        AgglomerativeClustering(linkage="middle").fit(sample(5, 2))
    with pytest.raises(ValueError, match="X has 4 entries"):
        linkage(np.ones(4))
    with pytest.raises(ValueError, match="n_clusters=6"):
        cut(linkage(sample(5, 2)), 6)
