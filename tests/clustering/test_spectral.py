"""Spectral clustering, against SciPy, scikit-learn, closed forms and enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag, eigh, subspace_angles
from scipy.sparse import csgraph, csr_array, diags_array, issparse
from sklearn.cluster import SpectralClustering as SklearnSpectralClustering
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.manifold import spectral_embedding as sklearn_embedding
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.eigenvectors import SMALL
from companion.clustering.spectral import (
    SpectralClustering,
    laplacian,
    neighbor_affinity,
    normalized_cut,
    regularized_adjacency,
    spectral_embedding,
)

seeds = st.integers(0, 10_000)


def random_graph(n_nodes, seed, density=0.5):
    """Symmetric weights with a zero diagonal."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.uniform(0.1, 2, (n_nodes, n_nodes)), 1)
    upper *= rng.uniform(size=upper.shape) < density
    return upper + upper.T


def ring(n_nodes):
    return np.roll(np.eye(n_nodes), 1, axis=1) + np.roll(np.eye(n_nodes), -1, axis=1)


@parametrize_with_checks(
    [
        SpectralClustering(n_clusters=2, n_init=2),
        SpectralClustering(n_clusters=2, n_init=2, affinity="nearest_neighbors", n_neighbors=4),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# The Laplacian


@pytest.mark.parametrize("normalized", [False, True])
@given(n_nodes=st.integers(2, 12), seed=seeds, density=st.floats(0.1, 1), loops=st.booleans())
def test_laplacian_equals_scipy(normalized, n_nodes, seed, density, loops):
    """Equation eq-spectral-laplacian; sparse and dense, isolated nodes and loops too."""
    adjacency = random_graph(n_nodes, seed, density) + loops * np.eye(n_nodes)
    right = csgraph.laplacian(adjacency, normed=normalized)
    np.testing.assert_allclose(laplacian(adjacency, normalized), right, atol=1e-12)
    sparse = laplacian(csr_array(adjacency), normalized)
    assert issparse(sparse)
    np.testing.assert_allclose(sparse.toarray(), right, atol=1e-12)


@given(n_nodes=st.integers(2, 10), seed=seeds)
def test_quadratic_form(n_nodes, seed):
    """Equation eq-spectral-quadratic: x'Lx is half the weighted sum of squared differences."""
    adjacency = random_graph(n_nodes, seed)
    x = np.random.default_rng(seed + 1).normal(size=n_nodes)
    right = 0.5 * sum(
        adjacency[i, j] * (x[i] - x[j]) ** 2 for i in range(n_nodes) for j in range(n_nodes)
    )
    np.testing.assert_allclose(x @ laplacian(adjacency) @ x, right, atol=1e-10)


@given(sizes=st.lists(st.integers(1, 6), max_size=5))
def test_zero_eigenvalues_count_components(sizes):
    sizes = [2, *sizes]
    adjacency = block_diag(*(1 - np.eye(size) for size in sizes))
    eigenvalues = np.linalg.eigvalsh(laplacian(adjacency))
    assert (eigenvalues < 1e-9).sum() == len(sizes)
    eigenvalues, _ = spectral_embedding(adjacency, sum(sizes))
    assert (eigenvalues < 1e-9).sum() == len(sizes)


@pytest.mark.parametrize("n_nodes", [5, 12, SMALL + 20, SMALL + 61])
def test_ring_has_known_eigenvalues(n_nodes):
    """The circulant graph: 1 - cos(2 pi j / n), each but the first twice."""
    frequency = np.arange(n_nodes)
    right = np.sort(1 - np.cos(2 * np.pi * frequency / n_nodes))[:5]
    eigenvalues, embedding = spectral_embedding(csr_array(ring(n_nodes)), 5)
    np.testing.assert_allclose(eigenvalues, right, atol=1e-9)
    radius = np.hypot(embedding[:, 1], embedding[:, 2])
    np.testing.assert_allclose(radius, radius[0], rtol=1e-6)  # a ring is drawn as a circle


def test_path_has_fiedlers_eigenvalues():
    """The path: 2 - 2 cos(pi j / n)."""
    path = np.eye(9, k=1) + np.eye(9, k=-1)
    right = 2 - 2 * np.cos(np.pi * np.arange(9) / 9)
    np.testing.assert_allclose(np.linalg.eigvalsh(laplacian(path)), right, atol=1e-12)


# Cuts


def partitions(n_nodes):
    """All ways of cutting nodes in two, node 0 in the first part."""
    for rest in itertools.product([0, 1], repeat=n_nodes - 1):
        if any(rest):
            yield np.array([0, *rest])


def slow_normalized_cut(adjacency, labels):
    total = 0
    for group in set(labels.tolist()):
        inside, outside = labels == group, labels != group
        total += adjacency[np.ix_(inside, outside)].sum() / adjacency[inside].sum()
    return total


@given(seed=seeds, n_nodes=st.integers(3, 12))
def test_normalized_cut_equals_its_definition(seed, n_nodes):
    """Equation eq-spectral-ncut."""
    adjacency = random_graph(n_nodes, seed) + 0.01 * (1 - np.eye(n_nodes))
    labels = np.random.default_rng(seed).integers(0, 3, n_nodes)
    right = slow_normalized_cut(adjacency, labels)
    assert normalized_cut(adjacency, labels) == pytest.approx(right, abs=1e-12)
    assert normalized_cut(csr_array(adjacency), labels) == pytest.approx(right, abs=1e-12)


@given(seed=seeds, n_nodes=st.integers(3, 8))
def test_relaxation_bounds_every_cut_and_cheeger_holds(seed, n_nodes):
    """lambda_2 <= min Ncut, and lambda_2 / 2 <= h <= sqrt(2 lambda_2), by enumeration."""
    adjacency = random_graph(n_nodes, seed) + 0.01 * (1 - np.eye(n_nodes))
    degrees = adjacency.sum(axis=0)
    second = spectral_embedding(adjacency, 2)[0][1]
    cuts = [(normalized_cut(adjacency, labels), labels) for labels in partitions(n_nodes)]
    assert second <= min(cut for cut, _ in cuts) + 1e-9
    conductance = min(
        adjacency[np.ix_(labels == 0, labels == 1)].sum()
        / min(degrees[labels == 0].sum(), degrees[labels == 1].sum())
        for _, labels in cuts
    )
    assert second / 2 <= conductance + 1e-9
    assert conductance <= np.sqrt(2 * second) + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_clear_cut_is_the_best_of_all(seed):
    weak = 0.05 * random_graph(10, seed, density=1)
    adjacency = np.where(np.equal.outer(np.arange(10) < 4, np.arange(10) < 4), 1, weak)
    np.fill_diagonal(adjacency, 0)
    labels = SpectralClustering(2, affinity="precomputed", random_state=0).fit_predict(adjacency)
    best = min(partitions(10), key=lambda labels: normalized_cut(adjacency, labels))
    assert adjusted_rand_score(labels, best) == 1


# The embedding


def thin_graph(n_points=900):
    """Neighbours along a noisy curve, on which Lanczos stalls."""
    return neighbor_affinity(make_moons(n_points, noise=0.1, random_state=0)[0], 10)


def wide_graph(n_points=600):
    X = make_blobs(n_points, 20, centers=5, cluster_std=5.0, random_state=1)[0]
    return neighbor_affinity(X, 10)


@pytest.mark.parametrize("make", [thin_graph, wide_graph])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("regularization", [0.0, 0.5])
def test_embedding_equals_a_dense_solver(make, dense, regularization):
    adjacency = make().toarray()
    np.fill_diagonal(adjacency, 0)
    given_graph = adjacency if dense else csr_array(adjacency)
    adjacency = adjacency + regularization / len(adjacency) * (1 - np.eye(len(adjacency)))
    degrees = adjacency.sum(axis=0)
    right_values, right = eigh(np.diag(degrees) - adjacency, np.diag(degrees))
    values, embedding = spectral_embedding(
        given_graph, 5, regularization=regularization, random_state=0
    )
    np.testing.assert_allclose(values, right_values[:5], atol=1e-9)
    assert subspace_angles(embedding, right[:, :5]).max() < 1e-5
    np.testing.assert_allclose(embedding.T @ (degrees[:, None] * embedding), np.eye(5), atol=1e-8)
    np.testing.assert_allclose(np.abs(embedding[:, 1]), np.abs(right[:, 1]), atol=1e-6)


@pytest.mark.parametrize("make", [thin_graph, wide_graph])
def test_embedding_equals_scikit_learn(make):
    adjacency = make()
    _, embedding = spectral_embedding(adjacency, 4)
    right = sklearn_embedding(adjacency, n_components=4, drop_first=False, random_state=0)
    assert subspace_angles(embedding, right).max() < 1e-6
    np.testing.assert_allclose(np.abs(embedding), np.abs(right), atol=1e-6)


@pytest.mark.parametrize("size", [3, 200])
def test_equal_components_are_all_found(size):
    """A repeated eigenvalue, which Lanczos from one start would see once."""
    rng = np.random.default_rng(0)
    block = neighbor_affinity(rng.normal(size=(size, 3)), min(10, size)).toarray()
    adjacency = block_diag(*[block] * 4)
    order = rng.permutation(len(adjacency))
    graph = csr_array(adjacency[np.ix_(order, order)])
    values, embedding = spectral_embedding(graph, 6)
    np.testing.assert_allclose(values[:4], 0, atol=1e-12)
    assert values[4] > 1e-4
    labels = SpectralClustering(4, affinity="precomputed", random_state=0).fit_predict(graph)
    assert adjusted_rand_score(labels, order // size) == 1
    np.testing.assert_allclose((laplacian(graph) @ embedding[:, :4]), 0, atol=1e-9)


def test_isolated_points_are_components():
    adjacency = block_diag(1 - np.eye(4), [[0]], 1 - np.eye(3))
    values = spectral_embedding(adjacency, 4)[0]
    np.testing.assert_allclose(values[:3], 0, atol=1e-12)
    assert values[3] > 0.5
    labels = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(adjacency)
    assert adjusted_rand_score(labels, [0] * 4 + [1] + [2] * 3) == 1


def test_more_pieces_than_clusters_is_told():
    adjacency = block_diag(*[1 - np.eye(4)] * 3)
    model = SpectralClustering(2, affinity="precomputed", random_state=0)
    with pytest.warns(UserWarning, match=r"3 pieces, more than n_clusters=2.*Raise n_neighbors"):
        model.fit(adjacency)
    model.set_params(regularization=0.1).fit(adjacency)  # which has one piece: no warning


@given(n_nodes=st.integers(2, 10), seed=seeds, tau=st.just(0.0) | st.floats(1e-6, 3))
def test_regularized_adjacency(n_nodes, seed, tau):
    """Equation eq-spectral-regularized: every pair gains tau / n, every degree tau (n - 1) / n."""
    adjacency = random_graph(n_nodes, seed)
    regularized = regularized_adjacency(adjacency, tau)
    np.testing.assert_allclose(regularized, regularized_adjacency(csr_array(adjacency), tau))
    gain = (regularized - adjacency) * n_nodes
    np.testing.assert_allclose(gain, tau * (1 - np.eye(n_nodes)), atol=1e-12)
    values = spectral_embedding(adjacency, n_nodes, regularization=tau)[0]
    right = np.linalg.eigvalsh(csgraph.laplacian(regularized, normed=True))
    np.testing.assert_allclose(values, right, atol=1e-9)


# The estimator


@pytest.mark.parametrize(
    ("X", "n_clusters", "arguments"),
    [
        (make_moons(400, noise=0.06, random_state=0), 2, {"affinity": "nearest_neighbors"}),
        (make_circles(400, factor=0.5, noise=0.04, random_state=0), 2, {"gamma": 40.0}),
        (make_blobs(500, 12, centers=4, random_state=0), 4, {"gamma": 0.02}),
        (make_blobs(500, 12, centers=4, random_state=0), 4, {"affinity": "nearest_neighbors"}),
    ],
)
def test_labels_equal_scikit_learn(X, n_clusters, arguments):
    X, y = X
    mine = SpectralClustering(n_clusters, random_state=0, **arguments).fit(X)
    other = SklearnSpectralClustering(n_clusters, random_state=0, **arguments).fit(X)
    difference = abs(mine.affinity_matrix_ - other.affinity_matrix_).max()
    assert difference < 1e-12
    assert adjusted_rand_score(mine.labels_, other.labels_) == 1
    assert adjusted_rand_score(mine.labels_, y) == 1


def test_neighbor_affinity_equals_scikit_learn():
    X = np.random.default_rng(0).normal(size=(80, 3))
    graph = kneighbors_graph(X, 6, include_self=True)
    right = (0.5 * (graph + graph.T)).toarray()
    np.testing.assert_array_equal(neighbor_affinity(X, 6).toarray(), right)


def test_dense_and_sparse_graphs_agree():
    adjacency = wide_graph(350)
    arguments = {"n_clusters": 5, "affinity": "precomputed", "random_state": 0}
    sparse = SpectralClustering(**arguments).fit(adjacency)
    dense = SpectralClustering(**arguments).fit(adjacency.toarray())
    np.testing.assert_allclose(sparse.embedding_, dense.embedding_, atol=1e-8)
    np.testing.assert_array_equal(sparse.labels_, dense.labels_)


def test_same_seed_same_numbers_and_global_state_untouched():
    adjacency = wide_graph()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    model = SpectralClustering(5, affinity="precomputed", random_state=4)
    first = model.fit(adjacency).embedding_
    np.testing.assert_array_equal(first, model.fit(adjacency).embedding_)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def sparse_communities(n_nodes, degree_inside, degree_outside, seed):
    """Largest component of a stochastic block model of two communities."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_nodes) % 2
    chance = np.where(y[:, None] == y, degree_inside, degree_outside) / n_nodes
    upper = np.triu(rng.uniform(size=(n_nodes, n_nodes)) < chance, 1)
    graph = csr_array((upper | upper.T).astype(float))
    component = csgraph.connected_components(graph)[1]
    largest = component == np.bincount(component).argmax()
    return graph[largest][:, largest], y[largest]


def test_regularization_rescues_a_sparse_block_model():
    """Mean degree about 3.6, so that small sets hang by one edge and are cheap to cut off."""
    scores = []
    for seed in range(3):
        graph, y = sparse_communities(1000, 6, 1, seed)
        model = SpectralClustering(2, affinity="precomputed", random_state=0)
        plain = adjusted_rand_score(y, model.fit_predict(graph))
        model.set_params(regularization=1.0)
        scores.append((plain, adjusted_rand_score(y, model.fit_predict(graph))))
    plain, regularized = np.mean(scores, axis=0)
    assert plain < 0.1
    assert regularized > 0.4


@pytest.mark.parametrize(
    ("X", "arguments", "message"),
    [
        (np.zeros((5, 2)), {"n_clusters": 6}, "n_clusters=6 must be .* at most 5"),
        (np.zeros((5, 2)), {"n_clusters": 0}, "n_clusters=0 must be"),
        (np.zeros((5, 2)), {"affinity": "cosine"}, "affinity='cosine' is not known: choose"),
        (np.zeros((5, 2)), {"assign_labels": "qr"}, "assign_labels='qr' is not known"),
        (np.zeros((5, 2)), {"gamma": 0.0}, "gamma=0.0 must be"),
        (np.zeros((5, 2)), {"regularization": -1.0}, "regularization=-1.0 must be"),
        (np.zeros((5, 2)), {"n_components": 6}, "n_components=6 must be .* at most 5"),
        (
            np.zeros((5, 2)),
            {"affinity": "nearest_neighbors", "n_neighbors": 6},
            "n_neighbors=6 must be .* at most 5",
        ),
        (np.zeros((5, 2)), {"affinity": "precomputed"}, r"shape \(5, 2\) but must be square"),
        (-np.ones((5, 5)), {"affinity": "precomputed"}, r"negative entry, -1.* exp\(-gamma"),
        (np.triu(np.ones((5, 5))), {"affinity": "precomputed"}, r"not symmetric: pass \(adjacency"),
        (
            csr_array(np.triu(np.ones((5, 5)))),
            {"affinity": "precomputed"},
            r"not symmetric: pass \(adjacency",
        ),
        (np.full((5, 2), np.nan), {}, "contains NaN"),
        (np.zeros((1, 2)), {}, "minimum of 2"),
        (np.zeros((1, 1)), {"affinity": "precomputed"}, "minimum of 2"),
    ],
)
def test_bad_input_is_named(X, arguments, message):
    model = SpectralClustering(**({"n_clusters": 2} | arguments))
    with pytest.raises(ValueError, match=message):
        model.fit(X)


def test_bad_graphs_are_named_by_the_functions_too():
    with pytest.raises(ValueError, match="must be square"):
        laplacian(np.ones((2, 3)))
    with pytest.raises(ValueError, match="negative entry"):
        spectral_embedding(diags_array([-1.0, 1.0]), 1)
    with pytest.raises(ValueError, match="regularization=-2"):
        regularized_adjacency(np.ones((2, 2)), -2)
    with pytest.raises(ValueError, match="n_neighbors=1 must be"):
        neighbor_affinity(np.zeros((4, 1)), 1)


def test_a_light_edge_is_an_edge():
    """A pair of far points with a single edge of 1e-9: no lone point has eigenvalue 0."""
    graph = np.kron(np.eye(2), np.ones((4, 4)))
    graph = np.pad(graph, (0, 1))
    graph[3, 4] = graph[4, 3] = 0.1
    graph[8, 0] = graph[0, 8] = 1e-9
    values, _ = spectral_embedding(graph, 3)
    expected = np.linalg.eigvalsh(laplacian(graph, normalized=True))[:3]
    np.testing.assert_allclose(values, expected, atol=1e-10)


def test_less_than_rounding_is_no_edge():
    """An edge of 1e-30 leaves two pieces, and two eigenvalues that are exactly 0."""
    graph = np.kron(np.eye(2), np.ones((4, 4)))
    graph[3, 4] = graph[4, 3] = 1e-30
    for weights in (graph, csr_array(graph)):
        values, embedding = spectral_embedding(weights, 2)
        assert (values == 0).all()
        assert np.ptp(embedding[:4], axis=0).max() < 1e-12
