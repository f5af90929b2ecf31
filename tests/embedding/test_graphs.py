"""Isomap and locally linear embedding against scikit-learn, Floyd and Warshall, and theorems."""

import warnings

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import spearmanr
from sklearn import manifold
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.distances import nearest_neighbors, neighbor_graph
from companion.embedding.classical import align, gram_matrix
from companion.embedding.graphs import (
    SMALL,
    Isomap,
    LocallyLinearEmbedding,
    barycentric_weights,
    geodesic_distances,
    smoothest_vectors,
)


@parametrize_with_checks(
    [Isomap(n_components=1), LocallyLinearEmbedding(n_components=1), Isomap(n_neighbors=9)]
)
@pytest.mark.filterwarnings("ignore:The graph of neighbours falls")
def test_estimator_checks(estimator, check):
    check(estimator)


def roll(n=200, seed=0):
    """A Swiss roll and its flat coordinates: along the spiral (arc length) and across."""
    X, angle = make_swiss_roll(n, random_state=seed)
    arc = (angle * np.sqrt(1 + angle**2) + np.arcsinh(angle)) / 2
    return X, np.column_stack([arc, X[:, 1]])


def digits(n=None):
    X = load_digits().data[:n]
    return X + np.random.default_rng(0).normal(scale=1e-2, size=X.shape)  # unties distances


def same_up_to_sign(ours, theirs, atol):
    signs = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours * signs, theirs, atol=atol)


@pytest.mark.parametrize("n_neighbors", [3, 6, 12])
def test_shortest_paths_by_floyd_and_warshall(n_neighbors):
    """Exercise "Detours": three nested loops."""
    X, _ = roll(60)
    D = squareform(pdist(X))
    near = np.sort(D, axis=1)[:, n_neighbors, None] >= D
    G = np.where(near | near.T, D, np.inf)
    for via in range(len(G)):
        G = np.minimum(G, G[:, via, None] + G[None, via])
    if np.isfinite(G).all():
        np.testing.assert_allclose(geodesic_distances(X, n_neighbors), G)
    else:
        with pytest.warns(UserWarning, match="parts"):
            geodesic_distances(X, n_neighbors)


@pytest.mark.parametrize("n", [150, SMALL + 100])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_isomap_as_scikit_learn(n, k):
    """Section "Against a reference"."""
    X, _ = roll(n)
    options = {"n_neighbors": 8, "n_components": k}
    ours, theirs = (kind(**options).fit(X) for kind in (Isomap, manifold.Isomap))
    np.testing.assert_allclose(ours.dist_matrix_, theirs.dist_matrix_)
    same_up_to_sign(ours.embedding_, theirs.embedding_, 1e-7)
    np.testing.assert_allclose(ours.reconstruction_error(), theirs.reconstruction_error())
    new = X[:9] + 0.05
    same_up_to_sign(ours.transform(new), theirs.transform(new), 1e-7)


def test_isomap_on_digits_as_scikit_learn():
    X = digits(500)
    ours, theirs = (kind(n_neighbors=10).fit(X) for kind in (Isomap, manifold.Isomap))
    same_up_to_sign(ours.embedding_, theirs.embedding_, 1e-7)


def test_isomap_joins_parts_as_scikit_learn():
    """Section "Break it": three clusters far apart."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(15, 3)) + shift for shift in (0, 30, 100)])
    with pytest.warns(UserWarning, match="3 parts.*n_neighbors"):
        ours = Isomap(n_neighbors=4).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = manifold.Isomap(n_neighbors=4).fit(X)
    np.testing.assert_allclose(ours.dist_matrix_, theirs.dist_matrix_)
    same_up_to_sign(ours.embedding_, theirs.embedding_, 1e-7)


def test_error_of_inner_products_where_some_eigenvalues_are_negative():
    X = np.random.default_rng(0).normal(size=(12, 3))
    isomap = Isomap(n_neighbors=3, n_components=12).fit(X)
    Y = isomap.embedding_
    error = np.linalg.norm(gram_matrix(isomap.dist_matrix_) - Y @ Y.T) / 12
    np.testing.assert_allclose(isomap.reconstruction_error(), error)


def test_isomap_unrolls_the_roll():
    """Section "Distances along the sheet": the flat coordinates come back, in their units."""
    X, flat = roll(1000)
    Y = Isomap(n_neighbors=8).fit_transform(X)
    error = np.abs(align(Y, flat) - flat).mean()
    assert error < 0.03 * np.ptp(flat[:, 0])


def test_isomap_with_all_neighbours_is_classical_scaling():
    X, _ = roll(40)
    D = squareform(pdist(X))
    np.testing.assert_allclose(geodesic_distances(X, 39), D)


def test_equal_points_are_neighbours_at_distance_zero():
    X, _ = roll(80)
    X = np.concatenate([X, X])
    D = geodesic_distances(X, 9)
    np.testing.assert_allclose(np.diag(D[:80, 80:]), 0, atol=1e-100)
    np.testing.assert_allclose(D[:80, :80], D[80:, 80:], atol=1e-9)


@pytest.mark.parametrize("n", [150, SMALL + 100])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_lle_as_scikit_learn(n, k):
    """Section "Against a reference": both solvers."""
    X, _ = roll(n)
    options = {"n_neighbors": 10, "n_components": k}
    ours = LocallyLinearEmbedding(**options, random_state=0).fit(X)
    theirs = manifold.LocallyLinearEmbedding(**options, eigen_solver="dense").fit(X)
    same_up_to_sign(ours.embedding_, theirs.embedding_, 1e-5)
    np.testing.assert_allclose(ours.reconstruction_error_, theirs.reconstruction_error_, rtol=1e-4)
    new = X[:9] + 0.05
    same_up_to_sign(ours.transform(new), theirs.transform(new), 1e-5)


def test_lle_on_digits_as_scikit_learn():
    X = digits(500)
    ours = LocallyLinearEmbedding(n_neighbors=12).fit(X)
    theirs = manifold.LocallyLinearEmbedding(n_neighbors=12, eigen_solver="dense").fit(X)
    same_up_to_sign(ours.embedding_, theirs.embedding_, 1e-6)


def test_weights_by_least_squares_under_a_constraint():
    """`eq-mds-weights`: the Lagrange system, solved as a whole."""
    rng = np.random.default_rng(0)
    X, reg = rng.normal(size=(30, 4)), 1e-2
    _, indices = nearest_neighbors(X, 6)
    weights = barycentric_weights(X, X, indices, reg)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    for x, w, near in zip(X, weights, X[indices], strict=True):
        C = (near - x) @ (near - x).T
        C += reg * np.trace(C) * np.eye(6)
        system = np.block([[2 * C, np.ones((6, 1))], [np.ones((1, 6)), np.zeros((1, 1))]])
        np.testing.assert_allclose(w, np.linalg.solve(system, np.eye(7)[-1])[:6], atol=1e-9)


def test_weights_feel_no_shift_turn_or_scale():
    """Section "Mixtures of neighbours"."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    _, indices = nearest_neighbors(X, 5)
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    moved = 7 * X @ Q + [1, 2, 3]
    np.testing.assert_allclose(
        barycentric_weights(X, X, indices), barycentric_weights(moved, moved, indices), atol=1e-9
    )


def test_a_point_on_a_segment_is_a_mixture_of_its_ends():
    Y = np.array([[0.0, 0.0], [4.0, 8.0]])
    weights = barycentric_weights(np.array([[1.0, 2.0]]), Y, np.array([[0, 1]]), reg=1e-9)
    np.testing.assert_allclose(weights, [[0.75, 0.25]], atol=1e-6)


@pytest.mark.parametrize("n", [SMALL - 50, SMALL + 50])
def test_smoothest_vectors_as_lapack(n):
    X, _ = roll(n)
    _, indices = nearest_neighbors(X, 8)
    W = neighbor_graph(indices, barycentric_weights(X, X, indices))
    values, vectors = smoothest_vectors(W, 2, random_state=0)
    residual = np.eye(n) - W.toarray()
    all_values, all_vectors = eigh(residual.T @ residual)
    np.testing.assert_allclose(values, all_values[1:3], atol=1e-11)
    same_up_to_sign(vectors, all_vectors[:, 1:3], 1e-4)
    np.testing.assert_allclose(vectors.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-9)


def test_lle_orders_the_roll():
    X, flat = roll(1500)
    Y = LocallyLinearEmbedding(n_neighbors=12, random_state=0).fit_transform(X)
    assert max(abs(spearmanr(y, flat[:, 0]).statistic) for y in Y.T) > 0.95


def test_lle_of_equal_points():
    X = np.repeat(np.eye(3), 8, axis=0)
    assert np.isfinite(LocallyLinearEmbedding(n_neighbors=3).fit(X).embedding_).all()


def test_new_points_on_old_places():
    X, _ = roll(200)
    isomap = Isomap(n_neighbors=6).fit(X)
    np.testing.assert_allclose(isomap.transform(X), isomap.embedding_, atol=1e-7)
    assert isomap.get_feature_names_out().tolist() == ["isomap0", "isomap1"]
    assert cdist(isomap.transform(X[:1] + 1e-6), isomap.embedding_).argmin() == 0


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Isomap(n_neighbors=0), "n_neighbors=0"),
        (Isomap(n_neighbors=50), "n_neighbors=50.*fewer neighbours"),
        (Isomap(n_components=0), "n_components=0"),
        (LocallyLinearEmbedding(n_neighbors=50), "n_neighbors=50"),
        (LocallyLinearEmbedding(n_components=4), "n_components=4"),
        (LocallyLinearEmbedding(reg=-1), "reg=-1"),
        (LocallyLinearEmbedding(reg=0), "reg=0.*1e-12"),
        (LocallyLinearEmbedding(method="hessian"), "method='hessian'.*'standard'"),
    ],
)
def test_bad_arguments_are_named(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(roll(50)[0])


@pytest.mark.parametrize("gap", [0.0, 50.0])
def test_isomap_of_distances_as_of_points_and_as_scikit_learn(gap):
    """In one piece and in two; new points too."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[:30] += gap
    new = X[:5] + 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points = Isomap(n_neighbors=8).fit(X)
        ours = Isomap(n_neighbors=8, metric="precomputed").fit(cdist(X, X))
        theirs = manifold.Isomap(n_neighbors=8, metric="precomputed").fit(cdist(X, X))
    np.testing.assert_allclose(ours.dist_matrix_, points.dist_matrix_)
    np.testing.assert_allclose(ours.dist_matrix_, theirs.dist_matrix_)
    there = cdist(new, X)
    np.testing.assert_allclose(ours.transform(there), points.transform(new), atol=1e-7)
    signs = np.sign((ours.embedding_ * theirs.embedding_).sum(axis=0))
    np.testing.assert_allclose(ours.transform(there), theirs.transform(there) * signs, atol=1e-6)
    assert ours.__sklearn_tags__().input_tags.pairwise
    with pytest.raises(ValueError, match="59 features"):
        ours.transform(there[:, :59])
    with pytest.raises(ValueError, match="X has a negative entry"):
        ours.transform(-there)


def test_bad_distances_are_named():
    with pytest.raises(ValueError, match="X is not symmetric"):
        Isomap(metric="precomputed").fit(np.triu(np.ones((9, 9)), 1))
    with pytest.raises(ValueError, match="metric='l3' is not known"):
        Isomap(metric="l3").fit(np.ones((9, 2)))
