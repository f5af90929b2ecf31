"""Lloyd's algorithm at speed: blocks of rows, and bounds that skip points which cannot change.

The chapter `kmeans` says what is computed; this module computes it quickly. Points carry a last
column of ones, so that one product with (-2 c, |c|^2) scores every centre, and one sum over a
cluster gives its total and its count together.

Chapter: `kmeans`.
"""

import numpy as np
from scipy import sparse

ENTRIES_PER_BLOCK = 2**17
ROWS_PER_BLOCK = 8192


def squared_norms(X):
    """Squared Euclidean length of every row."""
    return np.einsum("ij,ij->i", X, X)


def with_ones(X):
    """Copy of X (n, d) with a last column of ones, (n, d + 1)."""
    points = np.empty((X.shape[0], X.shape[1] + 1))
    points[:, :-1], points[:, -1] = X, 1.0
    return points


def blocks(n_rows, n_clusters):
    """Slices that cut `n_rows` rows into blocks whose scores stay in the processor's cache."""
    size = min(ROWS_PER_BLOCK, max(1, ENTRIES_PER_BLOCK // n_clusters))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def scorer(centers):
    """Matrix (k, d + 1) whose product with a point and its 1 is |c|^2 - 2 c.x."""
    return np.column_stack([-2.0 * centers, squared_norms(centers)])


def lowest(scores):
    """Row and value of the smallest entry of every column, the first row among equals.

    Comparisons and products of small integers are vectorised along rows, `argmin` is not.
    """
    last = len(scores) - 1
    value = scores.min(axis=0)
    countdown = np.arange(last, -1, -1, dtype=np.min_scalar_type(last))[:, None]
    return last - np.multiply(scores == value, countdown).max(axis=0).astype(np.intp), value


def assign(points, centers):
    """Nearest centre of every point (from `with_ones`), and |x - c|^2 - |x|^2 for it."""
    labels, scores = np.empty(len(points), dtype=np.intp), np.empty(len(points))
    weights = scorer(centers)
    for rows in blocks(len(points), len(centers)):
        labels[rows], scores[rows] = lowest(weights @ points[rows].T)
    return labels, scores


def nearest_center(X, centers):
    """Index (n,) of the centre (k, d) nearest to every row of X (n, d), the first among equals.

    The centres' own mean is the origin: squared lengths of points that are far from the origin are
    large, and their differences small.
    """
    labels, origin = np.empty(len(X), dtype=np.intp), centers.mean(axis=0)
    for rows in blocks(len(X), len(centers)):
        labels[rows], _ = assign(with_ones(X[rows] - origin), centers - origin)
    return labels


def nearest_and_slack(points, norms, centers):
    """Index of the nearest centre, and by how much the second nearest is farther (a distance).

    Parameters
    ----------
    points : array (n, d + 1)
        From `with_ones`.
    norms : array (n,)
        Squared lengths of the points.
    centers : array (k, d)

    Returns
    -------
    labels : int array (n,)
    slack : array (n,)
        At least 0, infinite for a single centre.
    """
    labels, slack = np.empty(len(points), dtype=np.intp), np.empty(len(points))
    weights = scorer(centers)
    for rows in blocks(len(points), len(centers)):
        scores = weights @ points[rows].T
        labels[rows], first = lowest(scores)
        size = len(first)
        scores.reshape(-1)[labels[rows] * size + np.arange(size)] = np.inf
        second = scores.min(axis=0)
        for distance in (first, second):
            distance += norms[rows]
            np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
        np.subtract(second, first, out=slack[rows])
    return labels, slack


def cluster_totals(points, labels, n_clusters):
    """Sum of the points of every cluster, (k, d + 1); the last column counts them."""
    columns = np.arange(len(points) + 1)
    member = (np.ones(len(points)), labels, columns)  # one 1 in every column
    return sparse.csc_matrix(member, shape=(n_clusters, len(points))) @ points


def means(totals, X, labels, centers):
    """Centres (k, d) from the totals (k, d + 1) of their clusters.

    A cluster that lost all its points starts again at the point farthest from its own centre, as in
    scikit-learn; if no point is away from its centre, it stays where it was.
    """
    empty = np.flatnonzero(totals[:, -1] == 0)
    if len(empty):
        distances = np.empty(len(X))
        for rows in blocks(len(X), len(centers)):
            distances[rows] = squared_norms(X[rows] - centers[labels[rows]])
        totals = totals.copy()
        if distances.max() > 0:
            farthest = np.argpartition(distances, -len(empty))[: -len(empty) - 1 : -1]
            points = with_ones(X[farthest])
            for cluster, point, left in zip(empty, points, labels[farthest], strict=True):
                totals[left] -= point
                totals[cluster] = point
        still = totals[:, -1] == 0
        totals[still] = with_ones(centers[still])
    return totals[:, :-1] / totals[:, -1:]


def lloyd(X, centers, max_iter, tol):
    """Assign and average until no label changes or the centres hardly move.

    A centre that moves by s changes each of its distances by at most s. A point therefore keeps
    its label until the distances that its centre and the fastest other centre have travelled add
    up to its slack: until then it is not looked at (after Hamerly, 2010). Results are those of the
    plain algorithm.

    Parameters
    ----------
    X : array (n, d)
        Centred on its mean, for accuracy.
    centers : array (k, d)
        Where to start.
    max_iter : int
    tol : float
        Stop when the squared movements of all centres add up to this.

    Returns
    -------
    centers : array (k, d)
    labels : int array (n,)
        Nearest centre of every point.
    n_iter : int
    converged : bool
    """
    n_clusters, points, norms = len(centers), with_ones(X), squared_norms(X)
    labels, expires = nearest_and_slack(points, norms, centers)
    totals = cluster_totals(points, labels, n_clusters)
    # Rounding changes a small distance by about 1e-8 of the largest norm: look a little early.
    travelled = np.full(n_clusters, 1e-7 * np.sqrt(max(norms.max(), squared_norms(centers).max())))
    n_moved = len(X)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        previous, centers = centers, means(totals, X, labels, centers)
        if n_moved == 0:
            break
        shift = np.sqrt(squared_norms(centers - previous))
        fastest = shift.argmax()
        travelled += shift + shift[fastest]
        travelled[fastest] += np.delete(shift, fastest).max(initial=0.0) - shift[fastest]
        stale = np.flatnonzero(expires <= travelled.take(labels))
        if len(stale) > 0.6 * len(X):
            stale = np.arange(len(X))
            updated, slack = nearest_and_slack(points, norms, centers)
        else:
            updated, slack = nearest_and_slack(points.take(stale, 0), norms.take(stale), centers)
        old = labels.take(stale)
        expires[stale] = slack + travelled.take(updated)
        labels[stale] = updated
        moved = np.flatnonzero(updated != old)
        n_moved = len(moved)
        movers = points.take(stale[moved], 0)
        gains, losses = updated[moved], old[moved]
        totals += cluster_totals(
            np.concatenate([movers, -movers]), np.concatenate([gains, losses]), n_clusters
        )
        if shift @ shift <= tol:
            n_moved = 0
            break
    return centers, labels, n_iter, n_moved == 0
