"""How good are samples when the model has no likelihood? Five judges, and what each is blind to.

`frechet_distance` is in `companion.metrics`, and so is `two_sample_accuracy`, which can also be had
from here.

Chapter: `evaluation`.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import entr, logsumexp
from sklearn.utils import check_array, check_random_state

from companion.metrics import frechet_distance, two_sample_accuracy
from companion.validation import check_integer, check_real, check_squares

__all__ = [
    "PrecisionRecall",
    "choose_bandwidth",
    "frechet_at_infinity",
    "frechet_by_size",
    "inception_score",
    "memorization_ratio",
    "nearest_training_distance",
    "neighbor_radii",
    "parzen_log_likelihood",
    "precision_recall",
    "two_sample_accuracy",
]


def as_rows(name, points):
    """Points (n, *event), array or tensor, as float64 rows (n, d)."""
    points = np.asarray(points)
    if points.ndim < 2 or not len(points):
        raise ValueError(
            f"{name} has shape {points.shape} but must be (n, *event), n at least 1: one row a "
            "point, x[:, None] if a point is a number."
        )
    rows = check_array(points.reshape(len(points), -1), dtype=np.float64, input_name=name)
    return check_squares(name, rows)


def as_pair(name_a, points_a, name_b, points_b):
    """Two sets of points as rows of the same length."""
    a, b = as_rows(name_a, points_a), as_rows(name_b, points_b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{name_a} has points of {a.shape[1]} numbers and {name_b} of {b.shape[1]}: "
            "pass points of one space."
        )
    return a, b


# Parzen windows.


def parzen_log_likelihood(samples, held_out, bandwidth):
    """Log-density of held-out points under a Gaussian of width h around each sample, in nats.

    ``log p(x) = log 1/n sum_i N(x; x_i, h^2 I)``, by `logsumexp`.

    Parameters
    ----------
    samples : array or tensor (n, *event)
        What a model has drawn: the centres of the windows.
    held_out : array or tensor (m, *event)
        Points of the data that it has not seen.
    bandwidth : float
        h, the standard deviation of a window; see `choose_bandwidth`.

    Returns
    -------
    array (m,)

    Notes
    -----
    Source: Parzen (1962), doi:10.1214/aoms/1177704472; for generated images Theis et al. (2016),
    arXiv:1511.01844. Chapter: `evaluation`.

    >>> parzen_log_likelihood([[0.0]], [[0.0]], 1.0).round(4)  # a standard normal at its mean
    array([-0.9189])
    """
    h = check_real("bandwidth", bandwidth, 0, inclusive=False)
    samples, held_out = as_pair("samples", samples, "held_out", held_out)
    n, d = samples.shape
    log_windows = np.empty(len(held_out))
    step = max(1, 4_000_000 // n)  # rows at a time: at most 32 MB, unless n is larger
    for i in range(0, len(held_out), step):
        away = cdist(held_out[i : i + step], samples) / h
        log_windows[i : i + step] = logsumexp(-(away**2) / 2, axis=1)
    return log_windows - np.log(n) - d * (np.log(h) + np.log(2 * np.pi) / 2)


def choose_bandwidth(samples, validation, bandwidths):
    """The width of `bandwidths` with the highest `parzen_log_likelihood` of validation points.

    The validation points must be neither the samples nor what is scored in the end: at its own
    centres a window is the better the narrower it is.
    """
    bandwidths = np.ravel(bandwidths)
    scores = [parzen_log_likelihood(samples, validation, float(h)).mean() for h in bandwidths]
    if not scores:
        raise ValueError("bandwidths is empty: give at least one width.")
    return float(bandwidths[np.argmax(scores)])


# Inception score.


def inception_score(probabilities):
    """Score of images by the classes that a classifier sees in them, from 1 to K.

    ``exp(H(y) - E H(y | x)) = exp I(x; y)``, with ``p(y)`` the mean of the rows: high if each image
    is clearly of one class and all classes come equally often.

    Parameters
    ----------
    probabilities : array or tensor (n, K)
        ``p(y | x)`` of each image: rows that sum to 1.

    Returns
    -------
    float

    Notes
    -----
    Source: Salimans et al. (2016), arXiv:1606.03498; critics: Barratt and Sharma (2018),
    arXiv:1801.01973. Chapter: `evaluation`.

    >>> round(inception_score(np.eye(4)), 4)
    4.0
    """
    p = as_rows("probabilities", probabilities)
    off = np.abs(p.sum(axis=1) - 1).max()
    if p.min() < 0 or off > 1e-4:
        raise ValueError(
            f"probabilities has entries from {p.min():.3g} and rows whose sum is off 1 by up to "
            f"{off:.3g}: pass softmax(logits, axis=1)."
        )
    information = entr(p.mean(axis=0)).sum() - entr(p).sum(axis=1).mean()
    return float(np.clip(np.exp(information), 1.0, p.shape[1]))


# Fréchet distance and the number of samples.


def frechet_by_size(features, reference, sizes, *, n_repeats=5, random_state=0):
    """`frechet_distance` of random subsets of `features` to all of `reference`, by their size.

    Parameters
    ----------
    features, reference : array (n, d), (m, d)
    sizes : sequence of int
        From 2 to n; subsets are drawn without replacement.
    n_repeats : int
        Subsets of each size.
    random_state : int, RandomState or None

    Returns
    -------
    array (len(sizes), n_repeats)
    """
    features, reference = as_pair("features", features, "reference", reference)
    rng, n = check_random_state(random_state), len(features)
    sizes = [check_integer("sizes", size, 2, n, "subsets of the features") for size in sizes]
    repeats = range(check_integer("n_repeats", n_repeats))
    return np.array(
        [
            [frechet_distance(features[rng.permutation(n)[:size]], reference) for _ in repeats]
            for size in sizes
        ]
    )


def frechet_at_infinity(sizes, distances):
    """Where a line through the distances over 1 / size meets 1 / size = 0: a float.

    Takes the answer of `frechet_by_size`. The bias that the number of samples brings falls as
    1 / n to first order (Chong and Forsyth, 2020, arXiv:1911.07023); that of the reference stays.
    """
    distances = np.asarray(distances, dtype=float)
    inverse = 1 / np.asarray(sizes, dtype=float)
    if inverse.ndim != 1 or len(inverse) != len(distances) or len(np.unique(inverse)) < 2:
        raise ValueError(
            f"sizes has shape {inverse.shape} and distances {distances.shape}: give two different "
            "sizes or more, and a row of distances for each."
        )
    means = distances.reshape(len(distances), -1).mean(axis=1)
    return float(np.polynomial.polynomial.polyfit(inverse, means, 1)[0])


# Precision and recall.


class PrecisionRecall(NamedTuple):
    """Share of drawn points that look real, and share of real points that could be drawn."""

    precision: float
    recall: float


def neighbor_radii(points, n_neighbors=3):
    """Distance from each row to the k-th nearest of the others, (n,)."""
    points = as_rows("points", points)
    k = check_integer("n_neighbors", n_neighbors, 1, len(points) - 1, "neighbours among the others")
    distances = cdist(points, points)
    np.fill_diagonal(distances, -1.0)  # a point comes first in its own row, and does not count
    return np.partition(distances, k, axis=1)[:, k]


def precision_recall(drawn, real, *, n_neighbors=3):
    """Are the images good, and are all kinds there? Two shares, each from 0 to 1.

    Around each real point lies a ball that reaches to its k-th nearest real neighbour. Precision
    is the share of drawn points in at least one of these balls, rim included. Recall is the same
    with the roles exchanged.

    Parameters
    ----------
    drawn, real : array or tensor (n, *event), (m, *event)
        More than k of each; balls shrink as sets grow, so compare sets of the same size.
    n_neighbors : int
        k.

    Returns
    -------
    PrecisionRecall

    Notes
    -----
    Needs n m distances at once. Source: Kynkäänniemi et al. (2019), arXiv:1904.06991.
    Chapter: `evaluation`.

    >>> precision_recall([[0.0], [1.0]], [[0.0], [1.0], [8.0], [9.0]], n_neighbors=1)
    PrecisionRecall(precision=1.0, recall=0.5)
    """
    drawn, real = as_pair("drawn", drawn, "real", real)
    between = cdist(drawn, real)
    looks_real = (between <= neighbor_radii(real, n_neighbors)).any(axis=1)
    could_be_drawn = (between <= neighbor_radii(drawn, n_neighbors)[:, None]).any(axis=0)
    return PrecisionRecall(float(looks_real.mean()), float(could_be_drawn.mean()))


# Memorised images.


def nearest_training_distance(points, training):
    """Distance from each point to the nearest training point, (n,)."""
    points, training = as_pair("points", points, "training", training)
    return cdist(points, training).min(axis=1)


def memorization_ratio(drawn, training, held_out):
    """How near drawn points lie to training points, in units of how near held-out ones do.

    Ratio of the medians of `nearest_training_distance`: 0 if half of the draws are copies, 1 if
    they keep the distance that new data keep.
    """
    unit = np.median(nearest_training_distance(held_out, training))
    if unit == 0:
        raise ValueError(
            "half of held_out lies in training: pass points that the model has not seen."
        )
    return float(np.median(nearest_training_distance(drawn, training)) / unit)
