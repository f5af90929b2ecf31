"""Maps of curved sheets from graphs of neighbours: Isomap, LLE. Chapter: `manifolds`."""

import warnings
from itertools import combinations

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import coo_array, csc_array, eye_array
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from companion.clustering.distances import nearest_neighbors, neighbor_graph
from companion.clustering.neighbors import (
    check_points_or_distances,
    nearest_among,
    nearest_known,
    nearest_others,
)
from companion.embedding.classical import ClassicalMDS, gram_matrix
from companion.validation import check_choice, check_integer, check_points, check_real

SMALL = 300  # up to this many points all eigenvectors at once are as quick as a few
BLOCK = 1024  # points whose neighbours' coordinates are in memory at a time
TINY = 1e-300  # the length of an edge between equal points: a zero would be no edge
SHIFT = 1e-12  # keeps the matrix that is factorised regular


def join_parts(X, graph, metric="euclidean"):
    """Return a symmetric graph (n, n) with the shortest edge between any two of its parts.

    It warns if there is more than one part: how far apart they are, the graph does not know.
    """
    n_parts, part = connected_components(graph)
    if n_parts == 1:
        return graph
    warnings.warn(
        f"The graph of neighbours falls into {n_parts} parts, which are joined where they are "
        "nearest: raise n_neighbors, or embed each part on its own.",
        stacklevel=4,
    )
    members, edges = [np.flatnonzero(part == i) for i in range(n_parts)], []
    for one, other in combinations(members, 2):
        known = metric == "precomputed"
        gaps = X[np.ix_(one, other)] if known else cdist(X[one], X[other])
        i, j = np.unravel_index(gaps.argmin(), gaps.shape)
        edges.append((one[i], other[j], gaps[i, j]))
    rows, columns, lengths = (np.array(column) for column in zip(*edges, strict=True))
    bridges = coo_array((lengths, (rows, columns)), shape=graph.shape)
    return (graph + bridges + bridges.T).tocsr()


def geodesic_distances(X, n_neighbors, metric="euclidean"):
    """Lengths (n, n) of the shortest paths between points X (n, d) from neighbour to neighbour.

    The graph has an edge where one point is among the `n_neighbors` nearest of the other.
    """
    lengths, indices = nearest_others(X, n_neighbors, metric)
    graph = neighbor_graph(indices, np.maximum(lengths, TINY))
    graph = join_parts(X, graph.maximum(graph.T), metric)
    return shortest_path(graph, method="D")  # each edge is there in both directions


class Isomap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Isometric mapping: classical scaling of the distances along the sheet on which the data lie.

    Those are taken to be the shortest paths through the graph of nearest neighbours.

    Parameters
    ----------
    n_neighbors : int
        So few that no edge leaves the sheet, so many that the graph is in one piece.
    n_components : int
    metric : {"euclidean", "precomputed"}
        The last: X holds the distances, (n, n) in `fit` and (m, n) in `transform`.

    Attributes
    ----------
    embedding_ : array (n, k)
    dist_matrix_ : array (n, n)
        Lengths of the shortest paths.
    eigenvalues_ : array (k,)
        Of the matrix of inner products.

    References
    ----------
    Tenenbaum, de Silva and Langford (2000). Chapter: manifolds.
    """

    def __init__(self, *, n_neighbors=5, n_components=2, metric="euclidean"):
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.metric = metric

    def fit(self, X, y=None):
        """Find the shortest paths between the rows of X (n, d), and the map."""
        self.X_fit_ = check_points_or_distances(self, X, ensure_min_samples=2)
        self.dist_matrix_ = geodesic_distances(self.X_fit_, self.n_neighbors, self.metric)
        self._map = ClassicalMDS(self.n_components, metric="precomputed").fit(self.dist_matrix_)
        self.embedding_, self.eigenvalues_ = self._map.embedding_, self._map.eigenvalues_
        return self

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`."""
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new points X (m, d): (m, k). Their paths go through their nearest old points."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        first, indices = nearest_known(self.X_fit_, X, self.n_neighbors, self.metric)
        paths = np.full((len(X), len(self.X_fit_)), np.inf)
        for step, index in zip(first.T, indices.T, strict=True):
            np.minimum(paths, step[:, None] + self.dist_matrix_[index], out=paths)
        return self._map.transform(paths)

    def reconstruction_error(self):
        """Root of the squared error of the inner products, |B - Z Z'|, divided by n."""
        check_is_fitted(self)
        inner, kept = gram_matrix(self.dist_matrix_), self.eigenvalues_.clip(0)
        missed = np.square(inner).sum() - np.square(kept).sum()
        return float(np.sqrt(max(missed, 0.0)) / len(self.embedding_))

    @property
    def _n_features_out(self):
        return len(self.eigenvalues_)

    def __sklearn_tags__(self):
        """Say that precomputed distances are pairwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


def barycentric_weights(X, Y, indices, reg=1e-3):
    """Weights (m, k), of sum 1, that mix points Y[indices] best to X (m, d).

    min |x - sum_j w_j y_j|^2: w is proportional to C^-1 1, where C holds the inner
    products of the y_j - x; `reg` times its trace is added to its diagonal, since
    k > d leaves w open.
    """
    weights = np.empty(indices.shape)
    for start in range(0, len(X), BLOCK):
        block = slice(start, start + BLOCK)
        arrows = Y[indices[block]] - X[block, None]
        C = arrows @ arrows.transpose(0, 2, 1)  # (m, k, k)
        trace = np.trace(C, axis1=1, axis2=2)
        ridge = reg * np.where(trace > 0, trace, 1)
        C += ridge[:, None, None] * np.eye(C.shape[1])
        weights[block] = np.linalg.solve(C, np.ones((*C.shape[:2], 1)))[..., 0]
    return weights / weights.sum(axis=1, keepdims=True)


def smoothest_vectors(W, n_components, random_state=None):
    """Eigenvalues (k,) and eigenvectors (n, k) of (I - W)'(I - W), the smallest but the first.

    W is a sparse array (n, n) with rows that sum to 1, so that the first eigenvector is constant.
    """
    n, k = W.shape[0], n_components
    residual = eye_array(n, format="csr") - W
    M = residual.T @ residual
    if n <= SMALL or 3 * k > n:
        values, vectors = eigh(M.toarray(), subset_by_index=(0, k))
    else:
        start = check_random_state(random_state).uniform(-1, 1, n)
        values, vectors = eigsh(csc_array(M), k + 1, sigma=-SHIFT, v0=start)
    return values[1:], svd_flip(vectors[:, 1:], None)[0]


class LocallyLinearEmbedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Locally linear embedding: every point is the same mixture of its neighbours as in the data.

    First the weights W that mix a point's neighbours to the point, then the coordinates Z that
    minimise |Z - W Z|^2 under Z'Z = I.

    Parameters
    ----------
    n_neighbors, n_components : int
    reg : float
        Share of the trace that is added to each local matrix, above 0: see `barycentric_weights`.
    method : 'standard'
        The only one here; scikit-learn has others.
    random_state : int, RandomState or None
        For the start of the eigensolver; it should not matter.

    Attributes
    ----------
    embedding_ : array (n, k)
        Orthonormal columns: the units of the data are lost.
    reconstruction_error_ : float
        |Z - W Z|^2, the sum of the k eigenvalues.

    References
    ----------
    Roweis and Saul (2000). Chapter: manifolds.
    """

    def __init__(
        self, *, n_neighbors=5, n_components=2, reg=1e-3, method="standard", random_state=None
    ):
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.reg = reg
        self.method = method
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the weights of the rows of X (n, d), and the map."""
        self.X_fit_ = X = check_points(self, X, ensure_min_samples=2)
        check_choice("method", self.method, ("standard",))
        remedy = "the weights of more than d neighbours are open without it; 1e-12 is almost none"
        check_real("reg", self.reg, 0, inclusive=False, remedy=remedy)
        most = min(X.shape[1], len(X) - 1)
        k = check_integer("n_components", self.n_components, 1, most, "min(d, n - 1) is the most.")
        _, indices = nearest_neighbors(X, self.n_neighbors)
        W = neighbor_graph(indices, barycentric_weights(X, X, indices, self.reg))
        values, self.embedding_ = smoothest_vectors(W, k, self.random_state)
        self.reconstruction_error_ = float(values.sum())
        return self

    def fit_transform(self, X, y=None):
        """Fit, and return `embedding_`."""
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new points X (m, d): (m, k), the mixtures that they are of their neighbours."""
        check_is_fitted(self)
        X = check_points(self, X, reset=False)
        indices = nearest_among(self.X_fit_, X, self.n_neighbors)[1]
        weights = barycentric_weights(X, self.X_fit_, indices, self.reg)
        return np.einsum("mk,mkc->mc", weights, self.embedding_[indices])

    @property
    def _n_features_out(self):
        return self.embedding_.shape[1]
