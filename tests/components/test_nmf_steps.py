"""NMF's steps on sparse data are those on dense data, and the unit of the data does not matter."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import rel_entr
from sklearn.exceptions import ConvergenceWarning

from companion.components.nmf import LOSSES, NMF
from companion.components.nmf_steps import (
    coordinate_step,
    divergence,
    multiplicative_step,
    nndsvd,
    shares_of,
)

seeds = st.integers(0, 10_000)
kinds = st.sampled_from([sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.coo_array])


def counts(seed, n=20, d=9, k=3):
    """Counts, most of them zero, and a start."""
    rng = np.random.default_rng(seed)
    X = rng.poisson(rng.gamma(0.4, size=(n, k)) @ rng.gamma(0.6, size=(k, d))).astype(float)
    X[0, 0] += 1
    return X, rng.uniform(0.1, 1, size=(n, k)), rng.uniform(0.1, 1, size=(k, d))


@pytest.mark.parametrize("beta_loss", LOSSES)
@given(seed=seeds, zero=st.booleans())
def test_sparse_and_dense_steps_agree(beta_loss, seed, zero):
    X, W, H = counts(seed)
    if zero:
        W[:, 0] = H[0] = 0
    S = sparse.csr_array(X)
    dense, thin = (multiplicative_step(data, W, H, beta_loss, 0.1, 0.2) for data in (X, S))
    np.testing.assert_allclose(thin, dense, rtol=1e-10)
    parts = [multiplicative_step(data.T, H.T, W.T, beta_loss) for data in (X, S)]
    np.testing.assert_allclose(*parts, rtol=1e-10)
    losses = [divergence(data, W, H, beta_loss) for data in (X, S)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-10)
    if beta_loss == "frobenius":
        ours, theirs = (coordinate_step(data, W, H) for data in (X, S))
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-12)
        assert ours[1] == pytest.approx(theirs[1])


@given(seed=seeds)
def test_the_divergence_of_sparse_data_by_its_definition(seed):
    X, W, H = counts(seed)
    right = (rel_entr(X, W @ H) - X + W @ H).sum()
    assert divergence(sparse.csr_array(X), W, H, LOSSES[1]) == pytest.approx(right)
    ratio = shares_of(sparse.csr_array(X), W, H)
    np.testing.assert_allclose(ratio.toarray(), X / (W @ H))


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
@given(seed=seeds)
def test_nndsvd_of_sparse_data_has_the_same_products(shape, seed):
    """Singular vectors have no sign of their own, and nndsvd takes the better one."""
    X, _, _ = counts(seed, *shape)
    X += 0.01 * np.random.default_rng(seed).uniform(size=shape)  # no repeated singular value
    (W, H), (U, V) = nndsvd(X, 3), nndsvd(sparse.csr_array(X), 3)
    np.testing.assert_allclose(U, W, atol=1e-6)
    np.testing.assert_allclose(V, H, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"init": "nndsvd"},
        {"solver": "mu", "init": "random"},
        {"solver": "mu", "beta_loss": "kullback-leibler", "init": "random"},
    ],
)
@given(seed=seeds, kind=kinds)
def test_sparse_data_give_what_dense_data_give(options, seed, kind):
    X, _, _ = counts(seed)
    X += 0.01 * (X > 0) * np.random.default_rng(seed).uniform(size=X.shape)
    model = NMF(3, max_iter=15, random_state=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        right, parts = model.fit_transform(X), model.components_
        given = kind(X)
        before = given.toarray()
        found = model.fit_transform(given)
        np.testing.assert_allclose(found, right, atol=1e-5)
        np.testing.assert_allclose(model.components_, parts, atol=1e-5)
        np.testing.assert_allclose(model.transform(given), model.transform(X), atol=1e-6)
    np.testing.assert_array_equal(given.toarray(), before)


@pytest.mark.parametrize("power", [-66, -20, 27])
def test_exact_data_are_found_in_every_unit(power):
    """Rank 3 exactly: scikit-learn's default leaves a fifth of it at 2^27 times the unit."""
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(40, 3))) @ np.abs(rng.normal(size=(3, 10)))
    for options in ({}, {"init": "nndsvd"}):
        left = []
        for unit in (1.0, 2.0**power):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = NMF(3, max_iter=1000, **options).fit(unit * X)
            left.append(model.reconstruction_err_ / np.linalg.norm(unit * X))
        assert left[1] == pytest.approx(left[0], rel=1e-3, abs=1e-9)
        assert left[0] < 0.01


def test_a_start_that_is_not_asked_for_is_refused():
    X, W, H = counts(0)
    with pytest.raises(ValueError, match="W and H start init='custom' alone, not init=None"):
        NMF(3).fit_transform(X, W=W, H=H)
    W[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"W has shape .* without NaN or negative entries"):
        NMF(3, init="custom").fit_transform(X, W=W, H=H)
