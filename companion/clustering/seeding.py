"""Where k-means starts: seeds that are far apart on average. Chapter: `starts`."""

import numpy as np
from sklearn.utils import check_array, check_random_state

from companion.clustering.lloyd import squared_norms
from companion.validation import check_integer, check_squares


def kmeans_plusplus(X, n_clusters, *, random_state=None, n_local_trials=None):
    """Draw seeds one by one, each with probability proportional to D^2.

    D is the distance of a point to the nearest seed so far. Of `n_local_trials` candidates a
    round, the one that leaves the smallest sum of D^2 is kept; with one candidate, the expected
    distortion is at most 8 (ln k + 2) times the best.

    Parameters
    ----------
    X : array (n, d)
    n_clusters : int
    random_state : int, RandomState or None
    n_local_trials : int, optional
        Default 2 + floor(ln k), as in scikit-learn, which draws the same seeds.

    Returns
    -------
    centers : array (k, d)
    indices : int array (k,)
        Rows of X that became seeds.

    Raises
    ------
    ValueError
        If there are fewer points than clusters, or `n_local_trials` is below 1.

    References
    ----------
    Arthur and Vassilvitskii (2007). Chapter: starts.
    """
    X = check_squares("X", check_array(X, dtype=np.float64, input_name="X"))
    n_clusters = check_n_clusters(n_clusters, len(X))
    if n_local_trials is None:
        n_local_trials = 2 + int(np.log(n_clusters))
    n_local_trials = check_integer("n_local_trials", n_local_trials)
    centred = X - X.mean(axis=0)
    rng, norms = check_random_state(random_state), squared_norms(centred)

    def squared_distances(rows):
        distances = -2.0 * centred[rows] @ centred.T
        distances += norms
        distances += norms[rows, None]
        return np.maximum(distances, 0.0, out=distances)

    indices = np.empty(n_clusters, dtype=np.intp)
    indices[0] = rng.choice(len(X), p=np.full(len(X), 1.0 / len(X)))
    closest = squared_distances(indices[:1])[0]
    for i in range(1, n_clusters):
        cumulative = np.cumsum(closest)
        draws = rng.uniform(size=n_local_trials) * cumulative[-1]
        candidates = np.minimum(np.searchsorted(cumulative, draws), len(X) - 1)
        distances = squared_distances(candidates)
        np.minimum(distances, closest, out=distances)
        best = distances.sum(axis=1).argmin()
        indices[i], closest = candidates[best], distances[best]
    return X[indices], indices


def check_n_clusters(n_clusters, n_samples):
    """Return n_clusters as an int, or raise a `ValueError` if it is not in 1 .. n_samples."""
    remedy = f"ask for no more clusters than there are points, n_samples={n_samples}."
    return check_integer("n_clusters", n_clusters, high=n_samples, remedy=remedy)
