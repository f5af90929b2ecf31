"""K-means against scikit-learn: seeding, Lloyd's algorithm, mini-batches."""

import numpy as np
import sklearn.cluster
from sklearn.datasets import make_blobs

from benchmarks.harness import case  # first: it asks for one thread
from companion.clustering.kmeans import KMeans, MiniBatchKMeans, kmeans_plusplus

SHAPES = [(20_000, 50), (20_000, 10), (100_000, 2)]
N_CLUSTERS = 20


def overlapping(n, d):
    """Twenty Gaussian clusters that overlap, so that k-means has something to do."""
    return make_blobs(n, d, centers=N_CLUSTERS, cluster_std=2.0 * d**0.5, random_state=0)[0]


def same_seeds(ours, theirs):
    np.testing.assert_array_equal(ours[1], theirs[1])


def same_fit(ours, theirs):
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-10)


def same_quality(ours, theirs):
    assert ours.n_steps_ == theirs.n_steps_
    assert ours.inertia_ <= 1.05 * theirs.inertia_


def seeding(n, d):
    @case(f"k-means++ seeding, {n:,} x {d}", "scikit-learn", bar=1.0)
    def setup():
        X = overlapping(n, d)
        return (
            lambda: kmeans_plusplus(X, N_CLUSTERS, random_state=0),
            lambda: sklearn.cluster.kmeans_plusplus(X, N_CLUSTERS, random_state=0),
            same_seeds,
        )


def lloyd(n, d):
    @case(f"k-means, Lloyd, {n:,} x {d}", "scikit-learn", bar=1.2 if d >= 50 else 1.5)
    def setup():
        X = overlapping(n, d)
        options = {
            "init": X[np.random.default_rng(0).choice(n, N_CLUSTERS, replace=False)],
            "n_init": 1,
            "max_iter": 50,
            "tol": 1e-4,
        }
        return (
            lambda: KMeans(N_CLUSTERS, **options).fit(X),
            lambda: sklearn.cluster.KMeans(N_CLUSTERS, algorithm="lloyd", **options).fit(X),
            same_fit,
        )


def mini_batch(n, d):
    @case(f"mini-batch k-means, {n:,} x {d}", "scikit-learn", bar=1.0)
    def setup():
        X = overlapping(n, d)
        options = {"n_init": 1, "max_iter": 3, "max_no_improvement": None, "random_state": 0}
        return (
            lambda: MiniBatchKMeans(N_CLUSTERS, **options).fit(X),
            lambda: sklearn.cluster.MiniBatchKMeans(N_CLUSTERS, **options).fit(X),
            same_quality,
        )


for shape in SHAPES:
    seeding(*shape)
    lloyd(*shape)
    mini_batch(*shape)
