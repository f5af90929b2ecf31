"""How good is it? Scores of clusterings, embeddings, densities, representations and samples.

What scikit-learn has and the course does not teach comes from there under its own name, given
centred data: `silhouette_score` and `trustworthiness` expand the squares of distances, and would
lose them far from the origin.

Ground floor.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist
from scipy.stats import spearmanr
from sklearn import manifold
from sklearn import metrics as scores
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from companion.validation import check_integer, check_squares

__all__ = [
    "adjusted_rand_score",
    "bits_per_dim",
    "contingency_table",
    "continuity",
    "distance_correlation",
    "frechet_distance",
    "linear_probe",
    "normalized_mutual_info_score",
    "purity_score",
    "silhouette_score",
    "squared_wasserstein_gaussians",
    "trustworthiness",
    "two_sample_accuracy",
]


# Clusterings, when the true classes are known.


def contingency_table(labels_true, labels_pred):
    """Count the points of each class in each cluster: an int array (n_classes, n_clusters).

    Labels may be numbers or strings; noise, -1, counts as one more cluster. All scores below are
    functions of this table, so none of them depends on what the clusters are called.
    """
    labels_true, labels_pred = np.asarray(labels_true), np.asarray(labels_pred)
    if labels_true.ndim != 1 or labels_true.shape != labels_pred.shape or not len(labels_true):
        raise ValueError(
            f"labels_true has shape {labels_true.shape} and labels_pred {labels_pred.shape}: "
            "give one label of each kind for every point, at least one point."
        )
    _, row = np.unique(labels_true, return_inverse=True)
    _, column = np.unique(labels_pred, return_inverse=True)
    n_rows, n_columns = row.max() + 1, column.max() + 1
    pairs = np.bincount(row * n_columns + column, minlength=n_rows * n_columns)
    return pairs.reshape(n_rows, n_columns)


def purity_score(labels_true, labels_pred):
    """Share of points that belong to the commonest class of their cluster, in (0, 1].

    ``purity = 1/n sum_k max_c n_ck``. It is 1 when every point is a cluster of its own.

    >>> purity_score([0, 0, 1, 1], [0, 0, 0, 1])
    0.75
    """
    table = contingency_table(labels_true, labels_pred)
    return float(table.max(axis=0).sum() / table.sum())


def adjusted_rand_score(labels_true, labels_pred):
    """Agreement on pairs of points: 1 if perfect, 0 on average for labels drawn at random.

    ``(S - E S) / (max S - E S)``, with S the number of pairs that are together in both and
    ``E S`` its mean over all ways to deal out the same cluster sizes (Hubert and Arabie, 1985).

    >>> adjusted_rand_score(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    table = contingency_table(labels_true, labels_pred).astype(float)
    both, classes, clusters, everything = (
        (counts * (counts - 1) / 2).sum()
        for counts in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    if both == classes == clusters:  # the same partition, also where all pairs or none are together
        return 1.0
    expected = classes * clusters / everything
    return float((both - expected) / ((classes + clusters) / 2 - expected))


def normalized_mutual_info_score(labels_true, labels_pred):
    """Mutual information of classes and clusters over the mean of their entropies, in [0, 1].

    ``I(c; k) / ((H(c) + H(k)) / 2)``. Unlike `adjusted_rand_score` it is above 0 for random labels.

    >>> normalized_mutual_info_score([0, 0, 1, 1], [0, 1, 0, 1])
    0.0
    """
    joint = contingency_table(labels_true, labels_pred)
    joint = joint / joint.sum()
    if joint.size == 1:  # one class and one cluster: nothing to know, and nothing missed
        return 1.0
    classes, clusters = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    information = (joint[seen] * np.log((joint / classes / clusters)[seen])).sum()
    entropy = [-(p * np.log(p)).sum() for p in (classes, clusters)]
    return float(np.clip(information / np.mean(entropy), 0.0, 1.0))


def silhouette_score(X, labels):
    """How much nearer points are to their own cluster than to the next, in [-1, 1].

    Mean over the rows of X (n, d) of (b - a) / max(a, b), with a the mean distance to the others
    of the cluster and b to those of the nearest other one (Rousseeuw, 1987).
    """
    return float(scores.silhouette_score(centered(X), labels))


# Embeddings.


def centered(X):
    """The rows of X (n, d) less their mean."""
    X = check_squares("X", check_array(X, dtype=np.float64))
    return X - X.mean(axis=0)


def trustworthiness(X, X_embedded, *, n_neighbors=5):
    """Share of neighbourhoods in the embedding that were neighbourhoods before, in [0, 1].

    It is low when points that are far apart in `X` (n, d) became neighbours in `X_embedded` (n, q)
    (Venna and Kaski, 2001). `n_neighbors` must be below n / 2.
    """
    X, X_embedded = centered(X), centered(X_embedded)
    return float(manifold.trustworthiness(X, X_embedded, n_neighbors=n_neighbors))


def continuity(X, X_embedded, *, n_neighbors=5):
    """Share of neighbourhoods that the embedding has not torn apart, in [0, 1].

    It is the `trustworthiness` of the way back (Venna and Kaski, 2001): that one is low when points
    that are far apart in `X` (n, d) became neighbours in `X_embedded` (n, q), this one when
    neighbours were parted. `n_neighbors` must be below n / 2.
    """
    return trustworthiness(X_embedded, X, n_neighbors=n_neighbors)


def distance_correlation(X, X_embedded):
    """Rank correlation of the distances of all pairs before and after embedding, in [-1, 1].

    It looks at the whole where `trustworthiness` looks at neighbours, and costs O(n^2) memory.
    The independence measure of Székely et al. (2007) has the same name and is something else.
    """
    X, X_embedded = np.asarray(X, dtype=float), np.asarray(X_embedded, dtype=float)
    if X.ndim != 2 or X_embedded.ndim != 2 or len(X) != len(X_embedded) or len(X) < 3:
        raise ValueError(
            f"X has shape {X.shape} and X_embedded {X_embedded.shape}: "
            "give two arrays with one row for each of at least 3 points."
        )
    return float(spearmanr(pdist(X), pdist(X_embedded)).statistic)


# Densities.


def bits_per_dim(log_prob, n_dims):
    """Turn log-likelihoods in nats into bits per dimension: ``-log_prob / (n_dims log 2)``.

    The only place of the course where units change.

    Parameters
    ----------
    log_prob : float, array or tensor, any shape
        ``log p(x)`` of whole data points in nats; of discrete data a probability, not a density.
    n_dims : int
        Dimensions of one point: 64 for an 8x8 digit.

    >>> print(f"{bits_per_dim(-64 * np.log(17), 64):.4f}")  # 17 grey levels, all equally likely
    4.0875
    """
    return -log_prob / (check_integer("n_dims", n_dims) * np.log(2.0))


# Representations.


def linear_probe(z_train, y_train, z_test, y_test, *, random_state=0):
    """Test accuracy of a linear classifier on frozen features: can the labels be read off?

    Features are standardised on the training set; the classifier is scikit-learn's logistic
    regression with its default penalty.

    Parameters
    ----------
    z_train, z_test : array (n_train, d), (n_test, d)
    y_train, y_test : array (n_train,), (n_test,)
    random_state : int

    Returns
    -------
    float in [0, 1]
    """
    classifier = LogisticRegression(max_iter=2000, random_state=random_state)
    probe = make_pipeline(StandardScaler(), classifier).fit(z_train, y_train)
    return float(probe.score(z_test, y_test))


# Samples.


def squared_wasserstein_gaussians(mean_a, covariance_a, mean_b, covariance_b):
    """Squared 2-Wasserstein distance between two Gaussians (Dowson and Landau, 1982).

    ``||m_a - m_b||^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)``. With factors ``C = R R'`` the
    last trace is the sum of the singular values of ``R_a' R_b``: always real, where the square root
    of a product of singular matrices need not be.
    """
    mean_a, mean_b = np.asarray(mean_a, dtype=float), np.asarray(mean_b, dtype=float)
    factor_a = covariance_factor("covariance_a", covariance_a, len(mean_a))
    factor_b = covariance_factor("covariance_b", covariance_b, len(mean_b))
    if mean_a.shape != mean_b.shape:
        raise ValueError(
            f"mean_a has shape {mean_a.shape} and mean_b {mean_b.shape}: "
            "compare Gaussians of the same dimension."
        )
    shared = np.linalg.svd(factor_a.T @ factor_b, compute_uv=False).sum()
    spread = (factor_a**2).sum() + (factor_b**2).sum() - 2 * shared
    return float(((mean_a - mean_b) ** 2).sum() + max(spread, 0.0))


def covariance_factor(name, covariance, n_dims):
    """Return R (d, d) with ``R R' = covariance``, which may be singular."""
    covariance = np.asarray(covariance, dtype=float)
    square = covariance.shape == (n_dims, n_dims)
    largest = np.abs(covariance).max(initial=0.0)
    if not square or (np.abs(covariance - covariance.T) > 1e-8 * largest).any():
        raise ValueError(
            f"{name} has shape {covariance.shape} but must be a symmetric matrix "
            f"({n_dims}, {n_dims}), as the mean says: pass np.cov(X, rowvar=False)."
        )
    variances, axes = np.linalg.eigh(covariance)
    if variances[0] < -1e-8 * max(abs(variances[-1]), abs(variances[0])):
        raise ValueError(
            f"{name} has the eigenvalue {variances[0]:.3g}: a covariance has none below 0; "
            "pass np.cov(X, rowvar=False)."
        )
    return axes * np.sqrt(np.maximum(variances, 0.0))


def frechet_distance(features_a, features_b):
    """Squared 2-Wasserstein distance between Gaussians fitted to two sets of features.

    The formula of the "Fréchet inception distance" (Heusel et al., 2017), for any features: it sees
    means and covariances and nothing else.

    Parameters
    ----------
    features_a, features_b : array (n_a, d), (n_b, d)
        At least 2 rows each. A small sample has a positive distance to its own source: compare
        sets of the same size.

    Returns
    -------
    float, at least 0, in squared units of the features
    """
    moments = []
    for name, features in (("features_a", features_a), ("features_b", features_b)):
        features = np.asarray(features, dtype=float)
        if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
            raise ValueError(
                f"{name} has shape {features.shape} but must be (n, d) with at least 2 rows and "
                "finite entries: one row of features for each sample."
            )
        moments += [features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))]
    return squared_wasserstein_gaussians(*moments)


def two_sample_accuracy(X, Y):
    """How often a point's nearest neighbour comes from its own sample, leave-one-out, 0 to 1.

    0.5 where both samples come from one density; 1 where they lie apart, and less than 0.5 where
    each point of one has a near copy in the other (Lopez-Paz and Oquab, 2017).

    Parameters
    ----------
    X, Y : array or tensor (n, *event)
        As many of the one as of the other.
    """
    if len(X) != len(Y):
        raise ValueError(f"X and Y have {len(X)} and {len(Y)} rows: take as many of each.")
    sets = (np.reshape(np.asarray(points), (len(points), -1)) for points in (X, Y))
    points = check_squares("X and Y", check_array(np.concatenate([*sets]), dtype=np.float64))
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    own = np.arange(len(points)) < len(X)
    return float((own[distances.argmin(axis=1)] == own).mean())
