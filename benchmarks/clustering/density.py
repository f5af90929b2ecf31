"""DBSCAN and OPTICS against scikit-learn."""

from sklearn import cluster
from sklearn.datasets import make_blobs, make_moons

from benchmarks.harness import case
from companion.clustering.density import DBSCAN, OPTICS


def same_labels(ours, theirs):
    assert (ours.labels_ == theirs.labels_).all()
    assert (ours.core_sample_indices_ == theirs.core_sample_indices_).all()


def same_walk(ours, theirs):
    for name in ("ordering_", "reachability_", "core_distances_", "predecessor_", "labels_"):
        assert (getattr(ours, name) == getattr(theirs, name)).all(), name


def dbscan(X, eps):
    return (
        lambda: DBSCAN(eps, min_samples=10).fit(X),
        lambda: cluster.DBSCAN(eps, min_samples=10).fit(X),
        same_labels,
    )


def optics(X, eps):
    return (
        lambda: OPTICS(min_samples=10, eps=eps).fit(X),
        lambda: cluster.OPTICS(min_samples=10, eps=eps, cluster_method="dbscan").fit(X),
        same_walk,
    )


@case("DBSCAN, 20,000 x 50", "scikit-learn", bar=1.0)
def dbscan_many_dimensions():
    return dbscan(make_blobs(20_000, 50, centers=10, random_state=0)[0], 8.0)


@case("DBSCAN, 100,000 x 2", "scikit-learn", bar=1.0)
def dbscan_plane():
    return dbscan(make_moons(100_000, noise=0.1, random_state=0)[0], 0.02)


@case("OPTICS, 2,000 x 2", "scikit-learn", bar=0.4)
def optics_plane():
    return optics(make_moons(2_000, noise=0.1, random_state=0)[0], 0.1)


@case("OPTICS, 4,000 x 50", "scikit-learn", bar=0.4)
def optics_many_dimensions():
    # In a unit in which ours rounds distances to 15 decimals, as scikit-learn does in every unit.
    return optics(make_blobs(4_000, 50, centers=10, random_state=0)[0] / 10, 0.8)
