"""Spectral clustering: cut a graph of similarities with the eigenvectors of its Laplacian.

Chapter: `spectral`.
"""

import warnings

import numpy as np
from scipy.sparse import csr_array, diags_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_array, check_random_state

from companion.clustering.distances import nearest_neighbors, neighbor_graph, squared_distances
from companion.clustering.eigenvectors import largest_eigenvectors
from companion.clustering.kmeans import KMeans
from companion.validation import (
    check_choice,
    check_integer,
    check_points,
    check_real,
    check_symmetric,
    rounding_of,
)

NEGLIGIBLE = 1e-20  # of the largest weight: less is no edge


def laplacian(adjacency, normalized=False):
    """Return D - A, or I - D^(-1/2) A D^(-1/2): dense for dense, sparse for sparse.

    D holds the degrees, the sums of the rows. An edge from a point to itself counts for nothing.
    """
    adjacency, degrees = _without_loops(check_adjacency(adjacency))
    diagonal = diags_array(degrees) if issparse(adjacency) else np.diag(degrees)
    difference = diagonal - adjacency
    if not normalized:
        return difference
    scale = diags_array(np.where(degrees > 0, degrees, 1.0) ** -0.5)
    return scale @ difference @ scale


def regularized_adjacency(adjacency, regularization):
    """Add a weak edge, regularization / n, between every two of the n points.

    Every degree rises by about `regularization`. The result is dense.
    """
    adjacency, degrees = _without_loops(check_adjacency(adjacency))
    weak = check_real("regularization", regularization, low=0.0) / len(degrees)
    dense = adjacency.toarray() if issparse(adjacency) else adjacency
    return dense + weak * (1 - np.eye(len(degrees)))


def normalized_cut(adjacency, labels):
    """Sum, over the clusters, of the weight that leaves a cluster over the sum of its degrees."""
    adjacency, degrees = _without_loops(check_adjacency(adjacency))
    cut = 0.0
    for group in np.unique(labels):
        member = np.asarray(labels) == group
        volume = degrees[member].sum()
        cut += 1 - adjacency[member][:, member].sum() / volume if volume > 0 else 0.0
    return float(cut)


def neighbor_affinity(X, n_neighbors):
    """Return the graph (G + G') / 2 of nearest neighbours; a point counts as its own first.

    The weight is 1 if both are among the `n_neighbors` nearest of the other, 1/2 if only one is.
    """
    check_integer("n_neighbors", n_neighbors, 2, len(X), "a point counts as its own first")
    graph = neighbor_graph(nearest_neighbors(X, n_neighbors - 1)[1])
    return csr_array((graph + graph.T) / 2 + diags_array(np.ones(len(X))))


def spectral_embedding(adjacency, n_components, *, regularization=0.0, random_state=None):
    """Return the smallest eigenvalues of the normalised Laplacian, and coordinates.

    Lanczos finds the vectors as those of the largest eigenvalues of S = D^(-1/2) A D^(-1/2), by
    nothing but products S x. It stalls on thin graphs, such as chains, and these are quick to
    factorise. It sees a repeated eigenvalue once: if the graph is in pieces, the vectors of
    eigenvalue 0 are written down, one a piece.

    Parameters
    ----------
    adjacency : array or sparse matrix (n, n)
        Symmetric weights, at least 0.
    n_components : int
    regularization : float
        Weight tau of the edges tau / n between all points; they are never written down.
    random_state : int, RandomState or None
        For the start of Lanczos.

    Returns
    -------
    eigenvalues : array (n_components,)
        Of I - S, ascending, in [0, 2].
    embedding : array (n, n_components)
        D^(-1/2) times the orthonormal eigenvectors; the largest entry of each is positive.
    """
    adjacency, degrees = _without_loops(_without_negligible(check_adjacency(adjacency)))
    n_points = len(degrees)
    check_integer("n_components", n_components, 1, n_points, "n points have n eigenvectors")
    weak = check_real("regularization", regularization, low=0.0) / n_points
    component = np.zeros(n_points, int) if weak else _components(adjacency)[1]
    degrees = degrees + weak * (n_points - 1)
    degrees[degrees == 0] = 1.0  # an isolated point is a component of its own
    scale = degrees**-0.5

    known = _null_vectors(component, degrees, n_components)
    n_unknown = n_components - known.shape[1]
    diagonal = diags_array(scale)
    if weak:
        adjacency = adjacency - weak * diags_array(np.ones(n_points))  # S has no loops either
    values, vectors = largest_eigenvectors(
        diagonal @ adjacency @ diagonal,
        n_unknown,
        rank_one=np.sqrt(weak) * scale if weak else None,
        known=known,
        random_state=random_state,
    )
    values = np.concatenate([np.zeros(known.shape[1]), np.maximum(1 - values, 0)])
    embedding = scale[:, None] * np.hstack([known, vectors])
    peak = embedding[np.abs(embedding).argmax(axis=0), np.arange(n_components)]
    return values, embedding * np.sign(peak)


class SpectralClustering(ClusterMixin, BaseEstimator):
    """Spectral clustering: k-means on the first eigenvectors of the Laplacian of a graph.

    The relaxation of the normalised cut (Shi and Malik, 2000), with scikit-learn's arguments.

    Parameters
    ----------
    n_clusters : int
    n_components : int, optional
        Number of eigenvectors; `n_clusters` by default.
    random_state : int, RandomState or None
    n_init : int
        Starts of k-means.
    gamma : float
        The similarity ``"rbf"`` is exp(-gamma |x - y|^2).
    affinity : {"rbf", "nearest_neighbors", "precomputed"}
    n_neighbors : int
        For ``"nearest_neighbors"``; a point counts as its own first neighbour, as in scikit-learn.
    assign_labels : {"kmeans"}
    regularization : float
        Adds regularization / n to the weight of every pair (Amini and others, 2013).

    Attributes
    ----------
    affinity_matrix_ : array or csr_array (n, n)
        The graph, before regularisation.
    embedding_ : array (n, n_components)
    eigenvalues_ : array (n_components,)
        Smallest eigenvalues of the normalised Laplacian.
    labels_ : int array (n,)

    Notes
    -----
    Chapter: book/clustering/spectral.md. See U. von Luxburg, A tutorial on spectral clustering,
    Statistics and Computing 17 (2007).
    """

    def __init__(
        self,
        n_clusters=8,
        *,
        n_components=None,
        random_state=None,
        n_init=10,
        gamma=1.0,
        affinity="rbf",
        n_neighbors=10,
        assign_labels="kmeans",
        regularization=0.0,
    ):
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.random_state = random_state
        self.n_init = n_init
        self.gamma = gamma
        self.affinity = affinity
        self.n_neighbors = n_neighbors
        self.assign_labels = assign_labels
        self.regularization = regularization

    def fit(self, X, y=None):
        """Cluster the rows of X, array (n, p), or the nodes of a graph, array or sparse (n, n)."""
        check_choice("affinity", self.affinity, ("rbf", "nearest_neighbors", "precomputed"))
        check_choice("assign_labels", self.assign_labels, ("kmeans",))
        sparse = "csr" if self.affinity == "precomputed" else False
        X = check_points(self, X, accept_sparse=sparse, ensure_min_samples=2)
        check_integer("n_clusters", self.n_clusters, 1, X.shape[0], "there are not enough points")
        random_state = check_random_state(self.random_state)
        if self.affinity == "rbf":
            gamma = check_real("gamma", self.gamma, low=0.0, inclusive=False)
            D = squared_distances(X)
            self.affinity_matrix_ = np.exp(np.multiply(D, -gamma, out=D), out=D)
        elif self.affinity == "nearest_neighbors":
            self.affinity_matrix_ = neighbor_affinity(X, self.n_neighbors)
        else:
            self.affinity_matrix_ = check_adjacency(X)
        self.eigenvalues_, self.embedding_ = spectral_embedding(
            self.affinity_matrix_,
            self.n_clusters if self.n_components is None else self.n_components,
            regularization=self.regularization,
            random_state=random_state,
        )
        self._warn_of_pieces()
        kmeans = KMeans(self.n_clusters, n_init=self.n_init, random_state=random_state)
        self.labels_ = kmeans.fit(self.embedding_).labels_
        return self

    def _warn_of_pieces(self):
        n_pieces = _components(self.affinity_matrix_)[0]
        if n_pieces > self.n_clusters and not self.regularization:
            warnings.warn(
                f"The graph falls into {n_pieces} pieces, more than n_clusters={self.n_clusters}: "
                "the smaller ones get an arbitrary label. "
                "Raise n_neighbors, lower gamma, or set regularization.",
                stacklevel=3,
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.affinity == "precomputed"
        tags.input_tags.sparse = self.affinity == "precomputed"
        return tags


def check_adjacency(adjacency):
    """Return symmetric non-negative weights as float64, dense or CSR, or raise a `ValueError`."""
    adjacency = check_array(
        adjacency, accept_sparse="csr", dtype=float, ensure_min_samples=2, input_name="adjacency"
    )
    adjacency = csr_array(adjacency) if issparse(adjacency) else adjacency
    if adjacency.shape[0] != adjacency.shape[1]:
        raise ValueError(
            f"adjacency has shape {adjacency.shape} but must be square (n, n): "
            "pass the weights between all pairs, or choose another affinity."
        )
    rounding = rounding_of(adjacency)
    if adjacency.min() < -rounding:
        raise ValueError(
            f"adjacency has a negative entry, {adjacency.min():g}: a similarity is at least 0; "
            "turn distances into similarities by exp(-gamma * D**2)."
        )
    adjacency = check_symmetric("adjacency", adjacency, rounding)
    return csr_array(adjacency.maximum(0)) if issparse(adjacency) else np.maximum(adjacency, 0.0)


def _components(adjacency):
    """Number of connected components, and the component of each node.

    Of a dense array SciPy would leave out every weight below 1e-8, though an edge of 1e-9 is all
    that a far point may have; of a sparse one it leaves out zeros alone.
    """
    return connected_components(csr_array(_without_negligible(adjacency)), directed=False)


def _without_negligible(adjacency):
    """Return a copy with zeros in place of weights that D^(-1/2) would turn into mere rounding."""
    adjacency = adjacency.copy()
    weights = adjacency.data if issparse(adjacency) else adjacency
    weights[weights < NEGLIGIBLE * adjacency.max()] = 0.0
    if issparse(adjacency):
        adjacency.eliminate_zeros()
    return adjacency


def _without_loops(adjacency):
    """Return a copy of the weights with a zero diagonal, and the degrees."""
    if issparse(adjacency):
        adjacency = csr_array(adjacency - diags_array(adjacency.diagonal()))
        adjacency.eliminate_zeros()
    else:
        adjacency = adjacency - np.diag(np.diag(adjacency))
    return adjacency, adjacency.sum(axis=0)


def _null_vectors(component, degrees, n_most):
    """Orthonormal vectors D^(1/2) 1_C, a column for each of the largest connected components C.

    No column for one component alone: its eigenvalue is simple, and Lanczos needs no help.
    """
    volume = np.bincount(component, degrees)
    largest = np.argsort(-volume, kind="stable")[: n_most if len(volume) > 1 else 0]
    largest.sort()
    return np.sqrt(degrees / volume[component])[:, None] * (component[:, None] == largest)
