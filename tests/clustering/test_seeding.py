"""What `test_kmeans` does not say of k-means++ seeding."""

import numpy as np
import pytest

from companion.clustering.seeding import check_n_clusters, kmeans_plusplus


def test_more_candidates_give_better_seeds():
    """Keeping the best of several candidates lowers the mean distortion of the seeds."""
    X = np.random.default_rng(0).normal(size=(300, 2))

    def mean_distortion(n_local_trials):
        values = []
        for seed in range(40):
            centers, _ = kmeans_plusplus(X, 8, random_state=seed, n_local_trials=n_local_trials)
            values.append(((X[:, None] - centers) ** 2).sum(-1).min(1).sum())
        return np.mean(values)

    assert mean_distortion(10) < mean_distortion(1)


def test_number_of_clusters():
    assert check_n_clusters(3, 3) == 3
    with pytest.raises(ValueError, match=r"n_clusters=4 .* n_samples=3"):
        check_n_clusters(4, 3)
