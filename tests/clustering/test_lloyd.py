"""The fast engine of k-means against plain numpy and SciPy (chapter `kmeans`)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from companion.clustering import lloyd


@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 3))
@settings(deadline=None)
def test_lowest_is_argmin_with_the_first_of_equals(rows, columns, seed):
    scores = np.random.default_rng(seed).integers(0, 9, (rows, columns)).astype(float)
    index, value = lloyd.lowest(scores)
    np.testing.assert_array_equal(index, scores.argmin(axis=0))
    np.testing.assert_array_equal(value, scores.min(axis=0))


@pytest.mark.parametrize("k", [1, 2, 40])
def test_nearest_and_slack_equal_sorted_distances(k):
    rng = np.random.default_rng(k)
    X, centers = rng.normal(size=(10_000, 3)), rng.normal(size=(k, 3))
    distances = np.sort(cdist(X, centers), axis=1)
    labels, slack = lloyd.nearest_and_slack(lloyd.with_ones(X), lloyd.squared_norms(X), centers)
    np.testing.assert_array_equal(labels, cdist(X, centers).argmin(axis=1))
    np.testing.assert_array_equal(labels, lloyd.nearest_center(X, centers))
    wanted = distances[:, 1] - distances[:, 0] if k > 1 else np.full(len(X), np.inf)
    np.testing.assert_allclose(slack, wanted, atol=1e-7)


def test_blocks_cover_every_row_once():
    for n, k in [(1, 1), (8192, 3), (20_001, 50), (100, 10**7)]:
        rows = np.concatenate([np.arange(n)[block] for block in lloyd.blocks(n, k)])
        np.testing.assert_array_equal(rows, np.arange(n))


def test_totals_are_sums_and_counts():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(50, 2)), rng.integers(0, 4, 50)
    totals = lloyd.cluster_totals(lloyd.with_ones(X), labels, 5)
    for cluster in range(5):
        np.testing.assert_allclose(totals[cluster, :-1], X[labels == cluster].sum(axis=0))
    np.testing.assert_array_equal(totals[:, -1], np.bincount(labels, minlength=5))


def test_later_rounds_look_at_few_points(monkeypatch):
    """The bound saves work: well separated clusters are hardly looked at again."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(m, 1.0, size=(2000, 2)) for m in (0, 20, 40)])
    X -= X.mean(axis=0)
    seen, search = [], lloyd.nearest_and_slack

    def counting(points, norms, centers):
        seen.append(len(points))
        return search(points, norms, centers)

    monkeypatch.setattr(lloyd, "nearest_and_slack", counting)
    centers, labels, n_iter, converged = lloyd.lloyd(X, X[[0, 2000, 4000]], 100, 0.0)
    assert converged
    assert n_iter == len(seen)
    assert sum(seen[1:]) < 0.01 * len(X) * len(seen[1:])
    np.testing.assert_array_equal(labels, cdist(X, centers).argmin(axis=1))
