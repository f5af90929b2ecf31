"""Oja's and Sanger's rules, against PCA and one row at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion import data
from companion.components.pca import PCA, AdaptivePCA, oja_step, sanger_step
from tests.components.blobs import blob

seeds = st.integers(0, 10_000)


@parametrize_with_checks([AdaptivePCA()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@given(seed=seeds)
def test_sanger_starts_with_oja(seed):
    rng = np.random.default_rng(seed)
    W, x = rng.normal(size=(3, 5)), rng.normal(size=5)
    np.testing.assert_allclose(sanger_step(W, x, 0.1)[0], oja_step(W[0], x, 0.1))
    # Row j sees what the rows before it leave of x: eq-kernel_pca-sanger, one row at a time.
    for j in range(3):
        y = W @ x
        rest = x - y[:j] @ W[:j]
        np.testing.assert_allclose(
            sanger_step(W, x, 0.1)[j],
            oja_step(W[j], rest, 0.1) if j == 0 else W[j] + 0.1 * y[j] * (rest - y[j] * W[j]),
        )


def test_components_are_a_fixed_point_of_the_mean_step():
    """Over all samples the mean of Sanger's step is zero at the principal components."""
    X = blob(2, 400)
    X -= X.mean(axis=0)
    W = PCA(3).fit(X).components_
    step = np.mean([sanger_step(W, x, 1.0) - W for x in X], axis=0)
    np.testing.assert_allclose(step, 0, atol=1e-8)
    swapped = W[[1, 0, 2]]
    moved = np.mean([sanger_step(swapped, x, 1.0) - swapped for x in X], axis=0)
    np.testing.assert_allclose(moved, 0, atol=1e-8)  # a saddle: stationary too, and not stable


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_adaptive_pca_finds_the_components(how):
    X = blob(3, 2000)
    adaptive = AdaptivePCA(3, random_state=0)
    if how == "fit":
        adaptive.fit(X)
    else:
        for _ in range(10):
            adaptive.partial_fit(X)
    exact = PCA(3).fit(X).components_
    cosines = abs((adaptive.components_ * exact).sum(axis=1))
    assert (cosines > 0.995).all()
    np.testing.assert_allclose(np.linalg.norm(adaptive.components_, axis=1), 1, atol=0.02)
    np.testing.assert_allclose(adaptive.mean_, X.mean(axis=0), atol=1e-8)
    assert np.isclose(adaptive.scale_, np.square(X - X.mean(axis=0)).sum(axis=1).mean(), rtol=1e-3)


@given(seed=seeds)
def test_running_mean_and_scale_are_exact(seed):
    """After one pass they are those of all rows: Welford's recursion."""
    X = blob(seed, 9)
    adaptive = AdaptivePCA(2, random_state=0).partial_fit(X[:4]).partial_fit(X[4:])
    np.testing.assert_allclose(adaptive.mean_, X.mean(axis=0))
    assert np.isclose(adaptive.scale_, np.square(X - X.mean(axis=0)).sum(axis=1).mean())


def test_samples_far_out_do_not_throw_it_off():
    """Student's t with three degrees of freedom: now and then a sample is very large."""
    X = np.random.default_rng(1).standard_t(3, size=(1000, 5)) * [4, 3, 2, 1, 1]
    ours, exact = AdaptivePCA(2, random_state=0).fit(X).components_, PCA(2).fit(X).components_
    assert (abs((ours * exact).sum(axis=1)) > 0.99).all()


def test_rows_one_by_one_are_rows_at_once():
    X = blob(0, 20)
    alone, together = AdaptivePCA(2, random_state=0), AdaptivePCA(2, random_state=0)
    for i in range(20):
        alone.partial_fit(X[i : i + 1])
    np.testing.assert_array_equal(alone.components_, together.partial_fit(X).components_)


def test_adaptive_pca_of_digits():
    X = data.digits().x_train.reshape(-1, 64).astype(float)
    adaptive = AdaptivePCA(4, n_epochs=10, random_state=0).fit(X)
    exact = PCA(4).fit(X).components_
    assert np.rad2deg(subspace_angles(adaptive.components_.T, exact.T).max()) < 5


def test_same_seed_same_components():
    X = blob(0)
    first, second = (AdaptivePCA(2, random_state=4).fit(X).components_ for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 6}, "n_components=6"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"decay": -1}, "decay=-1"),
        ({"n_epochs": 0}, "n_epochs=0"),
    ],
)
def test_bad_arguments_of_adaptive_pca(options, words):
    with pytest.raises(ValueError, match=words):
        AdaptivePCA(**options).fit(blob(0))
