"""Weighted stress and Sammon's map against plain loops, a closed form and a general optimiser."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import ConvergenceWarning

from companion.embedding.classical import align
from companion.embedding.stress import guttman_transform, stress
from companion.embedding.weighted import (
    inverse_of,
    power_weights,
    weighted_smacof,
    weighted_step,
    weighted_stress,
)

SEEDS = st.integers(0, 10**6)


def case(seed, n=12, q=2):
    """A centred map, dissimilarities that no map has, and weights."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, q))
    wanted, weights = rng.uniform(0.5, 3, size=(2, n * (n - 1) // 2))
    return Z - Z.mean(axis=0), squareform(wanted), squareform(weights)


def test_weighted_stress_by_a_plain_loop():
    """`eq-stress-weighted`."""
    Z, D, W = case(0, n=6)
    total = 0.0
    for i in range(6):
        for j in range(i):
            total += W[i, j] * (np.linalg.norm(Z[i] - Z[j]) - D[i, j]) ** 2
    np.testing.assert_allclose(weighted_stress(Z, D, W), total)


def test_sammons_error_by_its_own_formula():
    """Section "Weights": sum (d - delta)^2 / delta / sum delta, but for the scale."""
    Z, D, _ = case(1)
    d, wanted = pdist(Z), squareform(D)
    sammon = ((d - wanted) ** 2 / wanted).sum() / wanted.sum()
    W = power_weights(D, 1)
    scale = weighted_stress(2 * Z, D, W) / weighted_stress(Z, D, W)
    other = ((2 * d - wanted) ** 2 / wanted).sum() / wanted.sum()
    np.testing.assert_allclose(scale, other / sammon)
    np.testing.assert_allclose(squareform(W).mean(), 1)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n=st.integers(2, 12), q=st.integers(1, 3))
def test_equal_weights_give_the_guttman_transform(seed, n, q):
    """`eq-stress-guttman` is the step for weights of 1."""
    Z, D, _ = case(seed, n, q)
    ones = 1 - np.eye(n)
    ours = weighted_step(Z, D, ones, inverse_of(ones))
    np.testing.assert_allclose(ours, guttman_transform(Z, D)[0], atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, q=st.integers(1, 3))
def test_the_weighted_stress_never_rises(seed, q):
    Z, D, W = case(seed, 10, q)
    solve, values = inverse_of(W), []
    for _ in range(25):
        values.append(weighted_stress(Z, D, W))
        Z = weighted_step(Z, D, W, solve)
    assert np.diff(values).max() <= 1e-9


@pytest.mark.parametrize("power", [0, 1, 2, 4])
def test_a_general_optimiser_finds_the_same_map(power):
    """L-BFGS with numerical gradients, from the same start, ends in the same valley."""
    rng = np.random.default_rng(3)
    D = squareform(pdist(rng.normal(size=(10, 4))))
    W = power_weights(D, power)
    Z, value, _ = weighted_smacof(D, W, eps=1e-13, max_iter=20_000)
    theirs = minimize(
        lambda z: weighted_stress(z.reshape(10, 2), D, W), weighted_smacof(D, W)[0].ravel()
    )
    np.testing.assert_allclose(value, theirs.fun, rtol=1e-5)
    np.testing.assert_allclose(align(theirs.x.reshape(10, 2), Z), Z, atol=1e-2)


def test_on_a_line_by_weighted_least_squares():
    """In one dimension a map whose order is kept is a linear problem with a closed form."""
    rng = np.random.default_rng(0)
    places = np.sort(rng.uniform(0, 10, size=7))
    d = pdist(places[:, None]) * rng.uniform(0.9, 1.1, size=21)
    D, W = squareform(d), squareform(rng.uniform(0.2, 5, size=21))
    Z, value, _ = weighted_smacof(D, W, init=places[:, None], eps=0, max_iter=50)
    assert (np.diff(Z[:, 0]) > 0).all()
    i, j = np.triu_indices(7, 1)
    A = np.zeros((21, 7))
    A[np.arange(21), j], A[np.arange(21), i] = 1, -1
    root = np.sqrt(W[i, j])
    best = np.linalg.lstsq(root[:, None] * A, root * D[i, j], rcond=None)[0]
    np.testing.assert_allclose(Z[:, 0], best - best.mean(), atol=1e-9)
    np.testing.assert_allclose(value, weighted_stress(best[:, None], D, W))


def test_unknown_pairs_are_not_used():
    """Weight 0 is "not known": the map of the other pairs is exact, whatever stands there."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(15, 2))
    D = squareform(pdist(X))
    known = squareform((rng.uniform(size=105) < 0.8).astype(float))
    maps = []
    for wrong in (1.0, 50.0):
        given_ones = np.where(known == 1, D, wrong * (1 - np.eye(15)))
        Z, value, _ = weighted_smacof(given_ones, known, init=X + 0.1, eps=1e-15)
        assert value < 1e-9
        maps.append(Z)
    np.testing.assert_allclose(align(maps[0], X), X, atol=1e-6)
    np.testing.assert_allclose(maps[0], maps[1])


def test_the_unit_does_not_matter():
    _, D, W = case(4)
    one, other = (weighted_smacof(f * D, g * W) for f, g in ((1, 1), (1e6, 1e-3)))
    np.testing.assert_allclose(other[0], 1e6 * one[0], rtol=1e-5, atol=1)
    assert one[2] == other[2]


def test_euclidean_distances_are_met():
    X = np.random.default_rng(2).normal(size=(12, 2))
    D = squareform(pdist(X))
    Z, value, _ = weighted_smacof(D, power_weights(D, 1))
    assert value < 1e-12
    np.testing.assert_allclose(align(Z, X), X, atol=1e-6)
    assert stress(Z, D) < 1e-12


def test_points_at_one_place_do_not_push_each_other():
    Z, D, W = case(0, 5)
    Z[1] = Z[0]
    assert np.isfinite(weighted_step(Z, D, W, inverse_of(W))).all()


def test_no_argument_is_changed():
    Z, D, W = case(0)
    W += np.eye(len(W))
    before = [part.copy() for part in (Z, D, W)]
    weighted_smacof(D, W, init=Z)
    for part, kept in zip((Z, D, W), before, strict=True):
        np.testing.assert_array_equal(part, kept)


def test_warns_at_max_iter():
    _, D, W = case(0)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        weighted_smacof(D, W, max_iter=2)


IN_TWO = np.kron(np.eye(2), np.ones((6, 6)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": np.ones((3, 3))}, r"weights has shape \(3, 3\).*use 0"),
        ({"weights": -np.ones((12, 12))}, "at least 0"),
        ({"weights": np.triu(np.ones((12, 12)))}, "symmetric"),
        ({"weights": np.full((12, 12), np.nan)}, "finite"),
        ({"weights": IN_TWO}, r"no pair between them.*above 0"),
        ({"init": np.zeros((3, 2))}, r"init has shape \(3, 2\)"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"eps": -1}, "eps=-1"),
        ({"dissimilarities": [[0, 1], [2, 0]]}, "dissimilarities is not symmetric"),
    ],
)
def test_bad_arguments_are_named(changed, message):
    _, D, W = case(0)
    with pytest.raises(ValueError, match=message):
        weighted_smacof(**({"dissimilarities": D, "weights": W} | changed))


def test_equal_points_have_no_power_weights():
    with pytest.raises(ValueError, match=r"infinite weight.*keep one of two equal points"):
        power_weights([[0, 0, 1], [0, 0, 1], [1, 1, 0]], 1)
