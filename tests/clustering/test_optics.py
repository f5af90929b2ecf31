"""OPTICS against scikit-learn, against its definition, and its cut against DBSCAN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn import cluster
from sklearn.datasets import make_blobs, make_moons
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.density import DBSCAN, OPTICS, cluster_optics_dbscan
from companion.clustering.optics import core_distances, optics_order


@parametrize_with_checks([OPTICS()])
def test_estimator_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("max_eps", [np.inf, 1.5])
@pytest.mark.parametrize("min_samples", [2, 8])
@pytest.mark.parametrize("n_features", [1, 2, 30])
def test_equals_sklearn(n_features, min_samples, max_eps):
    """Order, reachability, predecessors and labels are those of scikit-learn, bit by bit."""
    X, _ = make_blobs(150, n_features, centers=4, random_state=n_features)
    X = X / np.median(cdist(X, X)) * 3
    names = {"min_samples": min_samples, "max_eps": max_eps, "eps": 0.4}
    ours = OPTICS(**names).fit(X)
    theirs = cluster.OPTICS(**names, cluster_method="dbscan").fit(X)
    for name in ("ordering_", "reachability_", "core_distances_", "predecessor_", "labels_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), min_samples=st.integers(2, 8), d=st.sampled_from([2, 30]))
def test_definition(seed, min_samples, d):
    """Each reachability is the least max(core distance, distance) over the points before it."""
    X = np.random.default_rng(seed).normal(size=(40, d))
    distances = cdist(X, X)
    core = core_distances(X, min_samples)
    np.testing.assert_allclose(core, np.sort(distances, axis=1)[:, min_samples - 1], rtol=1e-12)
    order, reachability, predecessor = optics_order(X, core)
    assert sorted(order) == list(range(len(X)))
    reach = np.maximum(distances, core[:, None])  # from row to column
    for position in range(1, len(X)):
        before, after = order[:position], order[position:]
        best = reach[np.ix_(before, after)].min(axis=0)
        point = order[position]
        assert reachability[point] == pytest.approx(best.min(), rel=1e-12)
        assert reach[predecessor[point], point] == pytest.approx(best.min(), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), eps=st.floats(0.05, 0.6), min_samples=st.integers(2, 10))
def test_cut_is_dbscan_up_to_border_points(seed, eps, min_samples):
    """Cutting at eps gives DBSCAN's core points the same partition; only borders may be noise."""
    X, _ = make_moons(150, noise=0.1, random_state=seed)
    cut = OPTICS(min_samples=min_samples, eps=eps).fit(X)
    flat = DBSCAN(eps, min_samples=min_samples).fit(X)
    is_core = cut.core_distances_ <= eps
    np.testing.assert_array_equal(np.flatnonzero(is_core), flat.core_sample_indices_)
    one, other = cut.labels_[is_core], flat.labels_[is_core]
    np.testing.assert_array_equal(one[:, None] == one, other[:, None] == other)
    assert (flat.labels_[cut.labels_ >= 0] >= 0).all()


def test_cut_by_hand():
    """Two valleys of the reachability plot, one point above the cut between them and one after."""
    labels = cluster_optics_dbscan(
        reachability=np.array([np.inf, 1, 5, 1, 9]),
        core_distances=np.array([1, 1, 1, 1, 9]),
        ordering=np.arange(5),
        eps=2.0,
    )
    np.testing.assert_array_equal(labels, [0, 0, 1, 1, -1])


def test_everything_is_noise():
    with pytest.warns(UserWarning, match=r"max_eps=0.001 .* raise it"):
        model = OPTICS(min_samples=3, max_eps=0.001, eps=0.001).fit(np.eye(4))
    assert (model.labels_ == -1).all()
    assert (model.predecessor_ == -1).all()
    assert model.ordering_.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_samples": 1}, r"min_samples=1 .* at least 2"),
        ({"min_samples": 4}, r"min_samples=4 .* at most 3: X has 3 rows"),
        ({"min_samples": 2, "eps": -0.1}, r"eps=-0.1 .* cut between"),
        ({"min_samples": 2, "eps": 2.0, "max_eps": 1.0}, r"eps=2.0 .* max_eps"),
        ({"min_samples": 2, "max_eps": -1.0}, r"max_eps=-1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        OPTICS(**arguments).fit(np.eye(3))


@pytest.mark.parametrize("X", [[[np.nan, 1.0]] * 6, np.zeros(4), [[1.0, 2.0]]])
def test_bad_data(X):
    with pytest.raises(ValueError, match=r"NaN|2D array|1 sample"):
        OPTICS().fit(X)


@pytest.mark.parametrize("max_eps", [np.inf, 0.3])
def test_distances_give_what_points_and_scikit_learn_give(max_eps):
    """In a unit in which scikit-learn rounds distances as we do."""
    X, _ = make_blobs(150, 3, centers=4, random_state=0)
    D = cdist(X, X)
    D *= 0.9 / D.max()
    options = {"min_samples": 5, "max_eps": max_eps, "eps": 0.1, "metric": "precomputed"}
    ours = OPTICS(**options).fit(D)
    theirs = cluster.OPTICS(**options, cluster_method="dbscan").fit(D)
    points = OPTICS(**options | {"metric": "euclidean"}).fit(X * (0.9 / cdist(X, X).max()))
    assert ours.labels_.max() > 0
    for name in ("ordering_", "predecessor_", "labels_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(getattr(ours, name), getattr(points, name))
    for name in ("reachability_", "core_distances_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
        np.testing.assert_allclose(getattr(ours, name), getattr(points, name), rtol=1e-12)
    assert ours.__sklearn_tags__().input_tags.pairwise


@pytest.mark.parametrize("power", [-300, 300])
def test_the_unit_of_distances_does_not_matter(power):
    D = cdist(*2 * [make_blobs(60, 2, random_state=1)[0]])
    ours, there = (OPTICS(eps=a, metric="precomputed").fit(a * D) for a in (1.0, 2.0**power))
    np.testing.assert_array_equal(ours.ordering_, there.ordering_)
    np.testing.assert_allclose(there.reachability_, ours.reachability_ * 2.0**power, rtol=1e-12)


def test_bad_distances_are_named():
    with pytest.raises(ValueError, match="X is not symmetric"):
        OPTICS(metric="precomputed").fit(np.triu(np.ones((9, 9)), 1))
    with pytest.raises(ValueError, match="metric='l3' is not known"):
        OPTICS(metric="l3").fit(np.ones((9, 2)))
