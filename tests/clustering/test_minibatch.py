"""The parts of mini-batch k-means that `test_kmeans` sees only together."""

import numpy as np

from companion.clustering.minibatch import Patience, revive


def test_starving_centres_move_to_points():
    X = np.arange(20.0).reshape(10, 2)
    centers, counts = np.full((4, 2), 50.0), np.array([100.0, 0.0, 60.0, 1.0])
    revive(X, centers, counts, 0.05, np.random.RandomState(0))
    assert (centers[[0, 2]] == 50).all()
    assert all((center == X).all(axis=1).any() for center in centers[[1, 3]])
    assert (centers[1] != centers[3]).any()
    np.testing.assert_array_equal(counts, [100, 60, 60, 60])


def test_at_most_half_of_a_batch_become_centres():
    X = np.arange(8.0).reshape(4, 2)
    centers, counts = np.full((6, 2), 50.0), np.array([9.0, 0, 0, 0, 0, 8.0])
    revive(X, centers, counts, 0.5, np.random.RandomState(0))
    assert (centers != 50).all(axis=1).sum() == 2


def test_patience_counts_values_without_a_new_low():
    stop = Patience(2, rate=1.0)
    assert [stop.is_exhausted(value) for value in (5, 4, 4, 3, 3, 9)] == [False] * 5 + [True]


def test_patience_smooths():
    stop = Patience(np.inf, rate=0.5)
    for value in (4.0, 2.0, 7.0):
        stop.is_exhausted(value)
    assert (stop.average, stop.lowest) == (5.0, 3.0)
