"""Spectral clustering and nearest neighbours against scikit-learn."""

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.cluster import SpectralClustering as SklearnSpectralClustering
from sklearn.datasets import load_digits, make_blobs
from sklearn.manifold import spectral_embedding
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.harness import case
from companion.clustering.distances import nearest_neighbors
from companion.clustering.spectral import SpectralClustering


def same_clusters(mine, other):
    """Equal graph, equal subspace, equal clusters."""
    assert abs(mine.affinity_matrix_ - other.affinity_matrix_).max() < 1e-12
    right = spectral_embedding(
        other.affinity_matrix_, n_components=mine.n_clusters, drop_first=False, random_state=0
    )
    assert subspace_angles(mine.embedding_, right).max() < 1e-5
    assert adjusted_rand_score(mine.labels_, other.labels_) > 0.999


def same_neighbors(mine, other):
    np.testing.assert_array_equal(mine[1], other[1])
    np.testing.assert_allclose(mine[0], other[0], rtol=1e-9)


def compare(X, n_clusters):
    arguments = {"n_clusters": n_clusters, "affinity": "nearest_neighbors", "random_state": 0}
    return (
        lambda: SpectralClustering(**arguments).fit(X),
        lambda: SklearnSpectralClustering(**arguments).fit(X),
        same_clusters,
    )


@case("spectral clustering, 1,797 digits, 10 neighbours", "scikit-learn", bar=1.0)
def digits():
    X = load_digits().data  # many equal distances: the noise settles who is nearest
    return compare(X + np.random.default_rng(0).normal(scale=0.01, size=X.shape), 10)


@case("spectral clustering, 10,000 x 50, 10 neighbours", "scikit-learn", bar=0.3)
def many():
    return compare(make_blobs(10_000, 50, centers=10, cluster_std=9.0, random_state=0)[0], 10)


@case("nearest neighbours, 10,000 x 50, 10 of each", "scikit-learn", bar=1.0)
def neighbors():
    X = np.random.default_rng(0).normal(size=(10_000, 50))
    return (
        lambda: nearest_neighbors(X, 10),
        lambda: NearestNeighbors(n_neighbors=10).fit(X).kneighbors(),
        same_neighbors,
    )
