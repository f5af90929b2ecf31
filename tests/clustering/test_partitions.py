"""Enumeration of partitions against itertools (chapter `kmeans`, section on the best partition)."""

import itertools

import numpy as np
import pytest

from companion.clustering.kmeans import KMeans, distortion
from companion.clustering.partitions import (
    best_partition,
    count_partitions,
    restricted_growth_strings,
)


def distortion_of(X, labels):
    parts = [X[labels == label] for label in np.unique(labels)]
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 2), (5, 5), (6, 3), (7, 4)])
def test_every_partition_once(n, k):
    def rename(labels):
        names = list(dict.fromkeys(labels))
        return tuple(names.index(label) for label in labels)

    wanted = {rename(z) for z in itertools.product(range(k), repeat=n) if len(set(z)) == k}
    strings = [tuple(row) for row in restricted_growth_strings(n, k).tolist()]
    assert set(strings) == wanted
    assert len(strings) == len(wanted) == count_partitions(n, k)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_best_partition_equals_brute_force(k):
    """The global minimum of eq-kmeans-distortion over all k^n labellings."""
    X = np.random.default_rng(k).normal(size=(7, 2)) + 100
    brute = min(
        distortion_of(X, np.array(z))
        for z in itertools.product(range(k), repeat=7)
        if len(set(z)) == k
    )
    assert distortion_of(X, best_partition(X, k)) == pytest.approx(brute, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_no_start_of_kmeans_is_better(seed):
    X = np.random.default_rng(seed).normal(size=(10, 2))
    labels = best_partition(X, 3)
    centers = np.array([X[labels == c].mean(axis=0) for c in range(3)])
    model = KMeans(3, n_init=200, init="random", random_state=0).fit(X)
    assert model.inertia_ >= distortion(X, centers, labels) - 1e-9
    assert model.inertia_ == pytest.approx(distortion(X, centers, labels))


def test_bad_input():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match=r"k=5 clusters of n=30 .* use KMeans"):
        best_partition(X, 5)
    with pytest.raises(ValueError, match=r"k=31 must be .* at most one cluster a point"):
        best_partition(X, 31)
    with pytest.raises(ValueError, match="NaN"):
        best_partition(np.array([[0.0], [np.nan]]), 1)
