"""Topographic ICA against automatic derivatives, ordinary ICA, and planted neighbourhoods."""

import warnings

import numpy as np
import pytest
import torch
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.components.topographic_ica import (
    TopographicICA,
    along_rotations,
    topographic_gradient,
    topographic_objective,
    torus_neighborhoods,
)
from companion.components.whitening import orthonormalise, whiten


@parametrize_with_checks([TopographicICA()])
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


def test_neighbourhoods_of_a_torus():
    near = torus_neighborhoods(4, 5)
    assert (near == near.T).all()
    assert (near.sum(axis=0) == 9).all()
    assert sorted(np.flatnonzero(near[0])) == [0, 1, 4, 5, 6, 9, 15, 16, 19]  # round both edges
    np.testing.assert_array_equal(torus_neighborhoods(4, 5, 0), np.eye(20))
    assert torus_neighborhoods(2, 2).all()


@pytest.mark.parametrize("radius", [0, 1])
def test_gradient_is_that_of_torch(radius):
    """`eq-filters-topographic`."""
    rng = np.random.default_rng(0)
    Z, W = rng.normal(size=(2100, 12)), rng.normal(size=(12, 12))
    near = torus_neighborhoods(3, 4, radius)
    w = torch.tensor(W, requires_grad=True)
    energies = (torch.tensor(Z) @ w.T) ** 2 @ torch.tensor(near)
    value = torch.sqrt(0.01 + energies).sum(1).mean()
    (expected,) = torch.autograd.grad(value, w)
    mine, gradient = topographic_gradient(W, Z, near, 0.01)
    assert np.isclose(mine, value.item())
    assert np.isclose(topographic_objective(W, Z, near, 0.01), value.item())
    np.testing.assert_allclose(gradient, expected.numpy(), atol=1e-10)


def test_a_direction_along_rotations_keeps_them_orthogonal():
    rng = np.random.default_rng(0)
    W = orthonormalise(rng.normal(size=(5, 5)))
    D = along_rotations(rng.normal(size=(5, 5)), W)
    step = W + 1e-5 * D
    np.testing.assert_allclose(step @ step.T, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(along_rotations(D, W), D)


def test_without_neighbours_it_is_ordinary_ica():
    """With a radius of 0 the fixed point is that of scikit-learn's FastICA with the same G."""
    rng = np.random.default_rng(0)
    X = rng.laplace(size=(5000, 4)) @ rng.normal(size=(4, 4))

    def root(u):
        inside = 0.1 + u**2
        return u / np.sqrt(inside), (0.1 * inside**-1.5).mean(axis=-1)

    ours = TopographicICA((2, 2), radius=0, epsilon=0.1, tol=1e-13, random_state=0).fit(X)
    theirs = decomposition.FastICA(fun=root, tol=1e-12, max_iter=500, random_state=0).fit(X)
    match = ours.components_ @ theirs.mixing_
    order = np.abs(match).argmax(axis=1)
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_allclose(np.abs(match), np.eye(4)[order], atol=2e-5)


def activity_together(U):
    """Correlations of the absolute values of the columns."""
    return np.corrcoef(np.abs(U).T)


def planted(n=8000, k=12):
    """White sources on a ring whose loudness is shared by neighbours."""
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=(n, k))
    S = rng.normal(size=(n, k)) * sum(np.roll(noise, s, axis=1) for s in (-1, 0, 1))
    S -= S.mean(axis=0)
    values, vectors = np.linalg.eigh(S.T @ S / n)
    return S @ (vectors / np.sqrt(values)) @ vectors.T


def test_the_objective_prefers_active_sources_side_by_side():
    """Of all arrangements of planted sources the true one is best; without neighbours all tie."""
    S, near = planted(), torus_neighborhoods(1, 12)
    best = topographic_objective(np.eye(12), S, near)
    for seed in range(30):
        P = np.eye(12)[np.random.default_rng(seed).permutation(12)]
        assert topographic_objective(P, S, near) > best + 0.1
        alone = [topographic_objective(W, S, np.eye(12)) for W in (P, np.eye(12))]
        assert np.isclose(*alone)


def test_planted_neighbours_are_kept():
    """Started near the truth, descent ends with neighbours that are active together."""
    S = planted()
    turn = np.sqrt(len(S)) * whiten(S)[1]
    start = np.eye(12) + 0.15 * np.random.default_rng(1).normal(size=(12, 12))
    model = TopographicICA((1, 12), w_init=start @ turn.T, max_iter=500, tol=1e-7).fit(S)
    np.testing.assert_allclose(np.abs(model.components_).round(1), np.eye(12), atol=0.21)
    together = activity_together(model.transform(S))
    apart = np.abs(np.arange(12)[:, None] - np.arange(12))
    apart = np.minimum(apart, 12 - apart)
    by_distance = [together[apart == d].mean() for d in range(1, 7)]
    assert by_distance[0] > 1.5 * by_distance[1] > 5 * max(by_distance[2:])


def by_distance(radius):
    """Likeness of activity and of spectra of filters 1, 2 and 3 cells apart, after `radius`."""
    X = data.patches(3000, 10, random_state=0).reshape(3000, -1)
    X -= X.mean(axis=1, keepdims=True)
    model = TopographicICA((6, 6), radius=radius, max_iter=60, tol=0, epsilon=0.01, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    place = np.divmod(np.arange(36), 6)
    apart = np.maximum(*(np.minimum(d, 6 - d) for d in (np.abs(p[:, None] - p) for p in place)))
    spectra = np.abs(np.fft.fft2(model.mixing_.T.reshape(-1, 10, 10))).reshape(36, -1)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    both = activity_together(model.transform(X)), spectra @ spectra.T
    return model, X, np.array([[m[apart == d].mean() for d in (1, 2, 3)] for m in both])


@pytest.fixture(scope="module")
def fitted():
    return by_distance(1)


def test_neighbouring_filters_of_photos_are_more_alike_than_distant_ones(fitted):
    """`fig-filters-neighbours`: active together, and of like spectra; not so for ordinary ICA."""
    likeness, plain = fitted[2], by_distance(0)[2]
    assert (likeness[:, 0] > likeness[:, 2] + 0.03).all()
    assert (likeness[:, 0] > likeness[:, 1]).all()
    assert (np.abs(plain[:, 0] - plain[:, 2]) < 0.015).all()


def test_objective_never_rises_and_sources_are_white(fitted):
    model, X, _ = fitted
    assert np.diff(model.objectives_).max() <= 0
    assert len(model.objectives_) == model.n_iter_ + 1
    assert model.grid_ == (6, 6)
    U = model.transform(X)
    np.testing.assert_allclose(U.T @ U / len(U), np.eye(36), atol=1e-8)
    end = topographic_objective(np.eye(36), U, model.neighborhoods_, 0.01)
    assert np.isclose(end, model.objectives_[-1])
    back = model.inverse_transform(U)
    np.testing.assert_allclose(model.transform(back), U, atol=1e-8)


def test_same_seed_same_numbers():
    X = np.random.default_rng(0).laplace(size=(300, 4))
    one, two = (TopographicICA((2, 2), random_state=3).fit(X).components_ for _ in range(2))
    np.testing.assert_array_equal(one, two)
    starts = [TopographicICA((2, 2), random_state=s).fit(X).objectives_[0] for s in (1, 1, 2)]
    assert starts[0] == starts[1] != starts[2]


def test_start_can_be_given_and_missing_convergence_is_said():
    X = np.random.default_rng(0).laplace(size=(300, 4))
    with pytest.warns(ConvergenceWarning, match="max_iter=1: raise"):
        model = TopographicICA((2, 2), radius=0, max_iter=1, tol=0, w_init=np.eye(4)).fit(X)
    Z = whiten(X)[0]
    assert np.isclose(model.objectives_[0], topographic_objective(np.eye(4), Z, np.eye(4)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": (2, 3)}, r"n_components=6.*4 directions"),
        ({"grid": (0, 3)}, r"grid=\(0, 3\) must be two whole numbers"),
        ({"grid": (2,)}, r"grid=\(2,\) must be"),
        ({"grid": 4}, r"grid=4 must be two whole numbers"),
        ({"grid": ("a", 2)}, r"grid=\('a', 2\) must be two whole numbers"),
        ({"grid": (2.5, 2)}, r"grid=\(2.5, 2\) must be two whole numbers"),
        ({"radius": -1}, r"radius=-1"),
        ({"epsilon": 0}, r"epsilon=0"),
        ({"max_iter": 0}, r"max_iter=0"),
        ({"tol": -1}, r"tol=-1"),
        ({"w_init": np.eye(3)}, r"w_init has shape \(3, 3\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    X = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(ValueError, match=message):
        TopographicICA(**arguments).fit(X)
