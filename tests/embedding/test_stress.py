"""The stress and its majorisation against autograd, theorems and plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from companion.embedding import stress as module
from companion.embedding.mds import guttman_transform, stress
from companion.embedding.stress import descend, disparity_matrix

SEEDS = st.integers(0, 10**6)


def case(seed, n=12, k=2):
    """A map and dissimilarities that no map has."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k)), squareform(rng.uniform(0.5, 3, size=n * (n - 1) // 2))


def bound(X, Y, D):
    """The right-hand side of `eq-stress-bound`, pair by pair."""
    total = 0.0
    for i in range(len(X)):
        for j in range(i):
            x, y = X[i] - X[j], Y[i] - Y[j]
            total += D[i, j] ** 2 + x @ x - 2 * D[i, j] * (x @ y) / np.linalg.norm(y)
    return total


def test_stress_by_a_plain_loop():
    """`eq-stress-stress` and `eq-stress-kruskal`."""
    X, D = case(0, n=6)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    d = np.array([np.linalg.norm(X[i] - X[j]) for i, j in pairs])
    raw = sum((d - [D[p] for p in pairs]) ** 2)
    np.testing.assert_allclose(stress(X, D), raw)
    np.testing.assert_allclose(stress(X, D, normalized=True), np.sqrt(raw / (d**2).sum()))


@settings(deadline=None, max_examples=50)
@given(seed=SEEDS, k=st.integers(1, 3))
def test_the_bound_touches_and_lies_above(seed, k):
    """`eq-stress-bound`: Cauchy and Schwarz."""
    X, D = case(seed, 7, k)
    Y = np.random.default_rng(seed + 1).normal(size=X.shape)
    np.testing.assert_allclose(bound(Y, Y, D), stress(Y, D))
    assert bound(X, Y, D) >= stress(X, D) - 1e-9


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_the_transform_is_the_minimum_of_the_bound(seed):
    """`eq-stress-guttman`."""
    Y, D = case(seed, 6)
    X, at = guttman_transform(Y, D)
    np.testing.assert_allclose(at, stress(Y, D))
    best, rng = bound(X, Y, D), np.random.default_rng(seed)
    for size in (1e-3, 0.1, 1):
        assert bound(X + size * rng.normal(size=X.shape), Y, D) > best - 1e-12


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, n=st.integers(2, 15), k=st.integers(1, 3))
def test_the_stress_never_rises(seed, n, k):
    """Section "A bound that touches"."""
    X, D = case(seed, n, k)
    values = []
    for _ in range(25):
        X, value = guttman_transform(X, D)
        values.append(value)
    assert np.diff(values).max() <= 1e-9


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, n=st.integers(4, 12))
def test_the_stress_never_rises_without_metric_either(seed, n):
    """Of all disparities in order and of mean square 1, the scaled isotonic fit is the closest, so
    that both half-steps go down.
    """
    X, D = case(seed, n)
    values = [descend(D, X, metric=False, max_iter=m, eps=0)[2] for m in range(1, 12)]
    assert np.diff(values).max() <= 1e-9


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_gradient_is_zero_where_it_stops(k):
    """Autograd agrees: it ends at a stationary point, and a step is one down the gradient."""
    X, D = case(3, 10, k)
    target = torch.tensor(squareform(D))

    def gradient(X):
        X = torch.tensor(X, requires_grad=True)
        i, j = np.triu_indices(len(X), 1)
        d = (X[i] - X[j]).norm(dim=1)
        (d - target).square().sum().backward()
        return X.grad.numpy()

    X = X - X.mean(axis=0)
    step = X - guttman_transform(X, D)[0]
    np.testing.assert_allclose(gradient(X), 2 * len(X) * step, atol=1e-9)
    end, *_, converged = descend(D, X, max_iter=20_000, eps=1e-15)
    assert converged
    np.testing.assert_allclose(gradient(end), 0, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_translation_rotation_and_reflection_change_nothing(seed):
    """Section "One of many maps": the stress is the same, and a step commutes with a rotation."""
    X, D = case(seed)
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    moved = X @ Q + rng.normal(size=2)
    np.testing.assert_allclose(stress(moved, D), stress(X, D))
    np.testing.assert_allclose(
        guttman_transform(moved, D)[0], guttman_transform(X, D)[0] @ Q, atol=1e-9
    )


def test_the_best_scale_makes_both_denominators_equal():
    """Exercise "Which d?": at its own best scale each normalised stress is the same number."""
    X, D = case(1)
    d, wanted = pdist(X), squareform(D)
    by_given = lambda s: np.square(s * d - wanted).sum() / np.square(wanted).sum()  # noqa: E731
    by_map = lambda s: np.square(s * d - wanted).sum() / np.square(s * d).sum()  # noqa: E731
    best = 1 - (d @ wanted) ** 2 / ((d @ d) * (wanted @ wanted))
    np.testing.assert_allclose(by_given(d @ wanted / (d @ d)), best)
    np.testing.assert_allclose(by_map(wanted @ wanted / (d @ wanted)), best)


def test_blocks_do_not_matter(monkeypatch):
    X, D = case(0, 30)
    reference = guttman_transform(X, D)
    for size in (1, 7, 29, 30, 1000):
        monkeypatch.setattr(module, "BLOCK", size)
        moved, value = guttman_transform(X, D)
        np.testing.assert_allclose(moved, reference[0], atol=1e-12)
        np.testing.assert_allclose(value, reference[1])


def test_points_at_one_place_do_not_push_each_other():
    X, D = case(0, 5)
    X[1] = X[0]
    moved, value = guttman_transform(X, D)
    assert np.isfinite(moved).all()
    np.testing.assert_allclose(value, stress(X, D))


def test_neither_argument_is_changed():
    X, D = case(0)
    before = X.copy(), D.copy()
    guttman_transform(X, D)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(D, before[1])


def test_disparities_have_mean_square_one():
    D = disparity_matrix(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(np.square(squareform(D)).mean(), 1)
    np.testing.assert_array_equal(disparity_matrix(np.zeros(3)), 0)
