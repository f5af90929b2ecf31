"""UMAP against umap-learn, SciPy and PyTorch."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.clustering.distances import nearest_neighbors
from companion.embedding.umap import (
    UMAP,
    find_ab,
    fuzzy_graph,
    pull,
    push,
    sgd_epoch,
    smooth_knn_distances,
)
from companion.metrics import trustworthiness


@parametrize_with_checks([UMAP(n_neighbors=3, n_epochs=5)])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def umap_learn():
    """Compiles for a quarter of a minute."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("umap.umap_")


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:500]
    return X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)


def with_self(X, n_neighbors):
    """What umap-learn calls the neighbours: the point itself first."""
    distances, indices = nearest_neighbors(X, n_neighbors - 1)
    zero, own = np.zeros((len(X), 1)), np.arange(len(X))[:, None]
    return np.hstack([zero, distances]).astype(np.float32), np.hstack([own, indices])


@pytest.mark.parametrize("n_neighbors", [5, 15])
def test_widths_and_graph_are_those_of_umap_learn(umap_learn, digits, n_neighbors):
    """`eq-neighbors-fuzzy`."""
    distances, indices = with_self(digits, n_neighbors)
    sigma, rho = umap_learn.smooth_knn_dist(distances, float(n_neighbors))
    mine = smooth_knn_distances(distances[:, 1:].astype(float), n_neighbors)
    np.testing.assert_allclose(mine[0], rho, rtol=1e-6)
    np.testing.assert_allclose(mine[1], sigma, rtol=1e-3)
    theirs, _, _ = umap_learn.fuzzy_simplicial_set(
        digits, n_neighbors, None, "euclidean", knn_indices=indices, knn_dists=distances
    )
    assert abs(fuzzy_graph(digits, n_neighbors) - theirs).max() < 2e-4


@pytest.mark.parametrize(("min_dist", "spread"), [(0.0, 1.0), (0.1, 1.0), (0.5, 1.0), (0.8, 2.0)])
def test_curve_is_that_of_umap_learn(umap_learn, min_dist, spread):
    np.testing.assert_allclose(
        find_ab(min_dist, spread), umap_learn.find_ab_params(spread, min_dist), rtol=1e-4
    )


def test_more_trustworthy_than_principal_components(digits):
    """The benchmark compares with umap-learn's picture, which takes long to compile."""
    mine = UMAP(random_state=0, n_epochs=200).fit_transform(digits)
    plane = PCA(2).fit_transform(digits)
    scores = [trustworthiness(digits, Y, n_neighbors=10) for Y in (mine, plane)]
    assert scores[0] > max(0.97, scores[1] + 0.1)


def test_width_solves_its_equation():
    distances = np.sort(np.random.default_rng(0).gamma(3, size=(20, 14)), axis=1)
    rho, sigma = smooth_knn_distances(distances, 15)
    np.testing.assert_array_equal(rho, distances[:, 0])
    for row, r, s in zip(distances, rho, sigma, strict=True):
        root = brentq(lambda t, d: np.exp(-d / t).sum() - np.log2(15), 1e-3, 1e3, args=(row - r,))
        np.testing.assert_allclose(s, root, rtol=1e-6)


def test_ties_do_not_collapse_a_width():
    rho, sigma = smooth_knn_distances(np.array([[2.0] * 5, [0.0] * 5, [0.0, 0.0, 1, 1, 1]]), 6)
    assert (sigma > 0).all()
    assert np.isfinite(sigma).all()
    np.testing.assert_array_equal(rho, [2, 0, 1])


def test_graph_is_a_union_of_what_both_ends_say(digits):
    graph = fuzzy_graph(digits, 10)
    assert abs(graph - graph.T).max() == 0
    assert graph.data.max() <= 1
    assert graph.data.min() >= 0
    assert graph.diagonal().max() == 0
    np.testing.assert_allclose(graph.max(axis=1).toarray(), 1)  # the nearest, for certain


@pytest.mark.parametrize(("a", "b"), [find_ab(0.1), (1.0, 1.0), (0.5, 1.3)])
def test_slopes_of_the_cross_entropy_against_autograd(a, b):
    """`eq-neighbors-cross-entropy`: of an edge, and of a pair of strangers."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        y, z = rng.normal(size=(2, 2))
        leaf = torch.tensor(y, requires_grad=True)
        phi = 1 / (1 + a * ((leaf - torch.tensor(z)) ** 2).sum() ** b)
        (together,) = torch.autograd.grad(-torch.log(phi), leaf, retain_graph=True)
        (apart,) = torch.autograd.grad(-torch.log(1 - phi), leaf)
        squares = ((y - z) ** 2).sum()
        np.testing.assert_allclose(pull(squares, a, b) * (y - z), together.numpy())
        np.testing.assert_allclose(-push(squares, a, b, 0) * (y - z), apart.numpy())


def test_an_epoch_pulls_edges_and_pushes_strangers():
    Y = np.array([[0.0, 5.0, 100.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    draws = np.random.default_rng(0)
    sgd_epoch(Y, np.array([0]), np.array([1]), 1.5, 0.9, 0.1, 0, draws)
    assert Y[0, 0] > 0
    assert Y[0, 1] < 5
    assert Y[0, 2] == 100
    np.testing.assert_allclose(Y[0, 0] + Y[0, 1], 5, rtol=1e-6)
    before = Y.copy()
    sgd_epoch(Y, np.array([0]), np.array([0]), 1.5, 0.9, 0.1, 50, draws)  # an edge to itself
    assert Y[0, 0] < before[0, 0]
    np.testing.assert_array_equal(Y[:, 1:], before[:, 1:])


def test_edges_are_drawn_as_often_as_their_weight_says(digits, monkeypatch):
    """Of 100 epochs, those of the largest weight in each; with 7 strangers for each edge."""
    counts, rates = np.zeros((100, 100)), set()

    def recorder(Y, heads, tails, a, b, rate, n_negative, random_state):
        np.add.at(counts, (heads, tails), 1)
        rates.add(n_negative)

    monkeypatch.setattr("companion.embedding.umap.sgd_epoch", recorder)
    graph = UMAP(n_epochs=100, negative_sample_rate=7).fit(digits[:100]).graph_.toarray()
    assert np.abs(counts - 100 * graph / graph.max()).max() <= 1 + 1e-6
    assert rates == {7}


@pytest.mark.parametrize("init", ["spectral", "pca", "random"])
def test_same_seed_same_picture_and_the_global_state_is_left_alone(digits, init):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (UMAP(init=init, n_epochs=5, random_state=1).fit_transform(digits) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_pieces_of_a_graph_are_not_drawn_as_points():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 50])
    Y = UMAP(n_neighbors=8, random_state=0, n_epochs=100).fit_transform(X)
    assert trustworthiness(X, Y) > 0.9
    assert np.linalg.norm(Y[:40].mean(axis=0) - Y[40:].mean(axis=0)) > Y[:40].std()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_neighbors": 1}, "n_neighbors=1.*its own first"),
        ({"n_neighbors": 501}, "n_neighbors=501"),
        ({"n_components": 0}, "n_components=0"),
        ({"min_dist": 1.5}, "min_dist=1.5"),
        ({"spread": 0}, "spread=0"),
        ({"n_epochs": 0}, "n_epochs=0"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"negative_sample_rate": -1}, "negative_sample_rate=-1"),
        ({"init": "zeros"}, "init='zeros'.*'spectral'"),
        ({"init": np.zeros((3, 2))}, r"init has shape \(3, 2\)"),
    ],
)
def test_bad_arguments(digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        UMAP(**arguments).fit(digits)
