"""K-means from batches: running means, centres that starve, and when to stop. Chapter: `starts`."""

import numpy as np

from companion.clustering.lloyd import assign, cluster_totals, squared_norms, with_ones


def mini_batch_step(X, centers, counts):
    """Keep every centre at the mean of all points that it has ever been given.

    Takes a batch X (m, d), centers (k, d), counts (k,). Returns the new centres and counts, and the
    distortion of the batch before the step.
    """
    origin = centers.mean(axis=0)  # lengths from afar would lose digits
    X, centers = X - origin, centers - origin
    points = with_ones(X)
    labels, scores = assign(points, centers)
    totals = cluster_totals(points, labels, len(centers))
    sums, n_new = totals[:, :-1], totals[:, -1]
    counts = counts + n_new
    rate = 1.0 / np.maximum(counts, 1.0)
    moved = centers + rate[:, None] * (sums - n_new[:, None] * centers)
    return moved + origin, counts, scores.sum() + squared_norms(X).sum()


def revive(X, centers, counts, ratio, rng):
    """Move the centres with fewer than `ratio` of the largest count to random rows of X, in place.

    At most half as many as there are rows move; they get the least count of the others.
    """
    poor = counts < ratio * counts.max()
    if poor.sum() > len(X) // 2:
        poor[np.argsort(counts)[len(X) // 2 :]] = False
    if poor.any():
        centers[poor] = X[rng.choice(len(X), poor.sum(), replace=False)]
        counts[poor] = counts[~poor].min()


class Patience:
    """Says when a noisy value no longer falls.

    Parameters
    ----------
    patience : int or inf
        Values without a new low of their running average, after which to stop.
    rate : float
        Weight in (0, 1] of a new value in the running average.
    """

    def __init__(self, patience, rate):
        self.patience, self.rate = patience, rate
        self.average, self.lowest, self.n_worse = None, np.inf, 0

    def is_exhausted(self, value):
        """Take the next value; True if it is time to stop."""
        average = value if self.average is None else self.average
        self.average = average + self.rate * (value - average)
        self.n_worse = 0 if self.average < self.lowest else self.n_worse + 1
        self.lowest = min(self.lowest, self.average)
        return self.n_worse >= self.patience
