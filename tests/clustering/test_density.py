"""DBSCAN against its definition by brute force and against scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn import cluster
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering import density
from companion.clustering.density import DBSCAN, dbscan, neighbor_pairs


@parametrize_with_checks([DBSCAN()])
def test_estimator_contract(estimator, check):
    check(estimator)


def region_growing(X, eps, min_samples):
    """The original formulation: grow one cluster at a time from its first core point."""
    near = cdist(X, X) <= eps
    core = near.sum(1) >= min_samples
    labels, label = np.full(len(X), -1), 0
    for seed in np.flatnonzero(core):
        if labels[seed] >= 0:
            continue
        queue = [seed]
        while queue:
            point = queue.pop()
            if labels[point] < 0:
                labels[point] = label
                queue += list(np.flatnonzero(near[point])) if core[point] else []
        label += 1
    return labels, core


def assert_same_as_sklearn(X, eps, min_samples):
    ours = DBSCAN(eps, min_samples=min_samples).fit(X)
    theirs = cluster.DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.core_sample_indices_, theirs.core_sample_indices_)
    np.testing.assert_array_equal(ours.components_, theirs.components_)
    return ours


@pytest.mark.parametrize("n_features", [1, 2, 3, 8, 9, 20, 64])
@pytest.mark.parametrize("quantile", [0.002, 0.01, 0.05, 0.3])
def test_equals_sklearn_in_any_dimension(n_features, quantile):
    """Trees (up to 8 features) and tiles (beyond) give scikit-learn's labels, number by number."""
    X, _ = make_blobs(1500, n_features, centers=6, random_state=n_features)
    eps = np.quantile(pdist(X[:300]), quantile)
    for min_samples in (1, 4, 12):
        assert_same_as_sklearn(X, eps, min_samples)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 80),
    n_features=st.sampled_from([1, 2, 3, 12]),
    eps=st.sampled_from([1.0, 2.0, 5.0]),
    min_samples=st.integers(1, 8),
)
def test_ties_and_duplicates(seed, n, n_features, eps, min_samples):
    """On a grid many distances equal eps exactly, and such points are neighbours."""
    X = np.random.default_rng(seed).integers(0, 6, (n, n_features)).astype(float)
    labels, is_core = dbscan(X, eps, min_samples)
    expected, core = region_growing(X, eps, min_samples)
    np.testing.assert_array_equal(is_core, core)
    np.testing.assert_array_equal(labels, expected)


def test_real_digits():
    """64 grey levels that are whole numbers: distances tie, and squares are exact."""
    X = load_digits().data
    for eps in (15.0, 20.0, np.sqrt(500)):
        model = assert_same_as_sklearn(X, eps, 5)
        assert model.labels_.max() > 3


@pytest.mark.parametrize("n_features", [2, 12])
def test_blocks_do_not_matter(monkeypatch, n_features):
    """The same labels when everything is cut into tiny blocks and condensed all the time."""
    X, _ = make_blobs(400, n_features, centers=4, random_state=0)
    eps = np.quantile(pdist(X), 0.01)
    whole, is_core = dbscan(X, eps, 6)
    for name, value in (("TREE_BLOCK", 13), ("TILE", 17), ("MAX_PAIRS", 40)):
        monkeypatch.setattr(density, name, value)
    blocks, is_core_too = dbscan(X, eps, 6)
    assert whole.max() > 1
    assert (whole < 0).any()
    np.testing.assert_array_equal(blocks, whole)
    np.testing.assert_array_equal(is_core_too, is_core)


@pytest.mark.parametrize("n_features", [2, 12])
def test_pairs_are_all_and_once(monkeypatch, n_features):
    """`neighbor_pairs` is the set of pairs within eps of the distance matrix."""
    monkeypatch.setattr(density, "TREE_BLOCK", 50)
    monkeypatch.setattr(density, "TILE", 64)
    X = np.random.default_rng(0).normal(size=(300, n_features))
    found = np.sort(np.concatenate(list(neighbor_pairs(X, 2.0)), axis=1), axis=0)
    expected = np.argwhere(np.triu(cdist(X, X) <= 2.0, 1))
    np.testing.assert_array_equal(found[:, np.lexsort(found[::-1])].T, expected)


@pytest.mark.parametrize(("offset", "scale"), [(1e7, 1.0), (0.0, 1e-30), (0.0, 1e30), (1e5, 1e-3)])
def test_single_precision_only_sieves(offset, scale):
    """Far from the origin, or in tiny or huge units, the labels stay those of the definition."""
    X, _ = make_blobs(300, 12, centers=3, random_state=1)
    X, eps = offset + scale * X, scale * 4.5
    labels, _ = dbscan(X, eps, 5)
    expected, _ = region_growing(X, eps, 5)
    assert expected.max() == 2
    np.testing.assert_array_equal(labels, expected)


def test_outlier_does_not_drown_the_rest():
    X, _ = make_blobs(300, 12, centers=3, random_state=1)
    X[7] = 1e12
    np.testing.assert_array_equal(dbscan(X, 4.5, 5)[0], region_growing(X, 4.5, 5)[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_changes_border_points_only(seed):
    """Permuting the data keeps the core points' partition and the noise."""
    X, _ = make_moons(120, noise=0.15, random_state=seed)
    turn = np.random.default_rng(seed).permutation(len(X))
    labels, is_core = dbscan(X, 0.2, 6)
    turned, is_core_turned = dbscan(X[turn], 0.2, 6)
    np.testing.assert_array_equal(is_core[turn], is_core_turned)
    np.testing.assert_array_equal(labels[turn] < 0, turned < 0)
    one, other = labels[turn][is_core_turned], turned[is_core_turned]
    np.testing.assert_array_equal(one[:, None] == one, other[:, None] == other)


MEASURED = """
import tracemalloc

import numpy as np

from companion.clustering import density

density.MAX_PAIRS, density.TREE_BLOCK, density.TILE = {sizes}
X = np.random.default_rng(0).random((3000, {n_features}))
tracemalloc.start()
labels, is_core = density.dbscan(X, 10.0, 5)
print(tracemalloc.get_traced_memory()[1])
assert is_core.all()
assert not labels.any()
"""


@pytest.mark.parametrize("n_features", [2, 12])
def test_memory_does_not_hold_all_pairs(n_features):
    """All 4.5 million pairs are neighbours: 72 MB if they were kept.

    A process of its own: what other threads of this one allocate would count too.
    """

    def peak(*sizes):
        script = MEASURED.format(sizes=sizes, n_features=n_features)
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        return int(run.stdout)

    assert peak(100_000, 256, 256) < 25e6
    assert peak(5_000_000, 256, 256) > 72e6


def test_single_linkage_is_the_case_of_one_sample():
    """With min_samples=1 clusters are the trees of single linkage cut at eps."""
    X, _ = make_moons(200, noise=0.1, random_state=0)
    labels = DBSCAN(0.1, min_samples=1).fit_predict(X)
    tree = cluster.AgglomerativeClustering(None, linkage="single", distance_threshold=0.1 + 1e-12)
    other = tree.fit_predict(X)
    np.testing.assert_array_equal(labels[:, None] == labels, other[:, None] == other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eps": -1.0}, r"eps=-1.0 .* positive radius"),
        ({"eps": 0}, r"eps=0 "),
        ({"eps": np.nan}, r"eps=nan"),
        ({"eps": "wide"}, r"eps='wide'"),
        ({"min_samples": 0}, r"min_samples=0 must be an integer of at least 1"),
        ({"min_samples": 2.5}, r"min_samples=2.5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN(**arguments).fit(np.eye(3))


@pytest.mark.parametrize("X", [[[np.nan, 1.0]], [[np.inf, 1.0]], np.zeros(4), np.zeros((0, 2))])
def test_bad_data(X):
    with pytest.raises(ValueError, match=r"NaN|infinity|2D array|0 sample"):
        DBSCAN().fit(X)


def test_one_row_is_noise_or_a_cluster():
    assert DBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert DBSCAN().fit([[1.0, 2.0]]).components_.shape == (0, 2)
    assert DBSCAN(min_samples=1).fit([[1.0, 2.0]]).labels_.tolist() == [0]


@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("n", [60, 1500])
def test_distances_give_what_points_give(n, n_features):
    """Both sides of a block of rows; labels and core points as scikit-learn, number by number."""
    X, _ = make_blobs(n, n_features, centers=6, random_state=n_features)
    D = squareform(pdist(X))
    eps = np.quantile(D, 0.03)
    ours = DBSCAN(eps, min_samples=4, metric="precomputed").fit(D)
    theirs = cluster.DBSCAN(eps=eps, min_samples=4, metric="precomputed").fit(D)
    assert 0 < ours.labels_.max() < n / 4
    for name in ("labels_", "core_sample_indices_", "components_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    points = DBSCAN(eps, min_samples=4).fit(X)
    np.testing.assert_array_equal(ours.labels_, points.labels_)
    assert ours.__sklearn_tags__().input_tags.pairwise
    assert not points.__sklearn_tags__().input_tags.pairwise


def test_words_have_distances_and_no_coordinates():
    """Three pairs of letters at distance 1, of Manhattan: no point of a plane is there."""
    D = np.full((6, 6), 5.0) - 4 * np.kron(np.eye(3), np.ones((2, 2))) - np.eye(6)
    labels = DBSCAN(1, min_samples=2, metric="precomputed").fit_predict(D)
    np.testing.assert_array_equal(labels, [0, 0, 1, 1, 2, 2])


def test_bad_distances_are_named():
    with pytest.raises(ValueError, match="X is not symmetric"):
        DBSCAN(metric="precomputed").fit(np.triu(np.ones((9, 9)), 1))
    with pytest.raises(ValueError, match="metric='l3' is not known"):
        DBSCAN(metric="l3").fit(np.ones((9, 2)))
