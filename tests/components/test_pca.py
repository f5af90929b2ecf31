"""PCA against SciPy, scikit-learn and closed forms."""

import numpy as np
import pytest
import sklearn.decomposition as skd
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.pca import PCA, centred_products
from tests.components.blobs import blob

seeds = st.integers(0, 10_000)
SOLVERS = ("full", "covariance_eigh")


@parametrize_with_checks([PCA(), PCA(1, whiten=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("svd_solver", SOLVERS)
@pytest.mark.parametrize("whiten", [False, True])
@given(seed=seeds, n=st.integers(8, 60), d=st.integers(1, 7), k=st.integers(1, 7))
def test_equals_scikit_learn(svd_solver, whiten, seed, n, d, k):
    """All up to signs, which make the largest entry positive."""
    X, k = blob(seed, n, d), min(k, d)
    ours = PCA(k, whiten=whiten, svd_solver=svd_solver).fit(X)
    assert (ours.components_.max(axis=1) == abs(ours.components_).max(axis=1)).all()
    theirs = skd.PCA(k, whiten=whiten, svd_solver="full").fit(X)
    signs = np.sign((ours.components_ * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components_ * signs[:, None], theirs.components_, atol=1e-7)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-9)
    assert np.isclose(ours.noise_variance_, theirs.noise_variance_, atol=1e-9)
    np.testing.assert_allclose(ours.transform(X) * signs, theirs.transform(X), atol=1e-6)
    back = theirs.inverse_transform(theirs.transform(X))
    np.testing.assert_allclose(ours.inverse_transform(ours.transform(X)), back, atol=1e-8)


@given(seed=seeds, share=st.floats(0.05, 0.99))
def test_a_share_of_the_variance_takes_as_many_as_scikit_learn(seed, share):
    X = blob(seed)
    ours, theirs = PCA(share).fit(X), skd.PCA(share, svd_solver="full").fit(X)
    assert ours.n_components_ == theirs.n_components_ == len(ours.components_)
    assert ours.explained_variance_ratio_.sum() > share
    assert ours.explained_variance_ratio_[:-1].sum() <= share


def test_a_share_that_is_met_exactly_takes_one_more():
    """As scikit-learn does: the components must explain more than the share."""
    X = np.tile([[1.0, 0], [-1, 0], [0, 1], [0, -1]], (2, 1))
    assert PCA(0.5).fit(X).n_components_ == skd.PCA(0.5, svd_solver="full").fit(X).n_components_
    assert PCA(0.5).fit(X).n_components_ == 2


@given(seed=seeds, k=st.integers(1, 4))
def test_largest_variance_is_least_error(seed, k):
    """Equation eq-pca-two-views: of all projections none has more variance or less error."""
    X = blob(seed)
    centred = X - X.mean(axis=0)
    pca = PCA(k).fit(X)
    rng = np.random.default_rng(seed)
    other = np.linalg.qr(rng.normal(size=(5, k)))[0]

    def error(Q):
        return np.square(centred - centred @ Q @ Q.T).sum()

    best = error(pca.components_.T)
    assert best <= error(other) + 1e-9
    kept = pca.explained_variance_.sum() * (len(X) - 1)
    assert np.isclose(kept + best, np.square(centred).sum())
    residual = X - pca.inverse_transform(pca.transform(X))
    assert np.isclose(np.square(residual).sum(), best)


def test_the_square_loses_what_is_small():
    """X'X squares the singular values: one of 1e-9 is there for the SVD, and gone for it."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=s))[0] for s in ((50, 3), (3, 3)))
    X = U * [1.0, 1e-4, 1e-9] @ V.T
    exact = PCA(center=False, svd_solver="full").fit(X).singular_values_
    lost = PCA(center=False, svd_solver="covariance_eigh").fit(X).singular_values_
    assert np.isclose(exact[2], 1e-9, rtol=1e-3, atol=0)
    assert abs(lost[2] - 1e-9) > 1e-10
    np.testing.assert_allclose(lost[:2], exact[:2], rtol=1e-6)


@given(seed=seeds, far=st.sampled_from([0, 1, 1e3, 1e6]))
def test_products_are_exact_however_far_the_mean(seed, far):
    X = blob(seed) + far
    centred = X - X.mean(axis=0)
    ours = centred_products(X, X.mean(axis=0))
    np.testing.assert_allclose(ours, centred.T @ centred, atol=1e-9, rtol=1e-9)


def test_without_centring_the_first_axis_is_the_mean():
    X = blob(1) + 100
    mean = X.mean(axis=0) / np.linalg.norm(X.mean(axis=0))
    assert abs(PCA(1, center=False).fit(X).components_[0] @ mean) > 0.999
    _, singular, Vt = np.linalg.svd(X, full_matrices=False)
    ours = PCA(center=False, svd_solver="full").fit(X)
    np.testing.assert_allclose(ours.singular_values_, singular)
    np.testing.assert_allclose(abs(ours.components_), abs(Vt), atol=1e-9)


@given(seed=seeds)
def test_whitened_coordinates_have_the_identity_as_covariance(seed):
    X = blob(seed)
    Z = PCA(whiten=True).fit_transform(X)
    np.testing.assert_allclose(np.cov(Z.T), np.eye(5), atol=1e-8)


def test_a_thin_direction_is_whitened_too():
    X = np.random.default_rng(0).normal(size=(50, 2)) * [1, 1e-9]
    Z = PCA(whiten=True, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(Z.std(axis=0, ddof=1), 1)


def test_wide_data():
    """With n < d the noise is the mean of the n - k variances left out."""
    X = blob(0, 6, 30)
    pca = PCA().fit(X)
    assert len(pca.components_) == 6
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(X)), X, atol=1e-9)
    noise = skd.PCA(2, svd_solver="full").fit(X).noise_variance_
    assert np.isclose(PCA(2).fit(X).noise_variance_, noise)


@pytest.mark.parametrize("n", [10, 1000])
@pytest.mark.parametrize("svd_solver", SOLVERS)
def test_repeated_points_have_no_spread(svd_solver, n):
    """Their mean is off by a rounding error, which is no variance: 0.1 is no binary fraction."""
    X = np.full((n, 3), 0.1)
    flat = PCA(2, whiten=True, svd_solver=svd_solver).fit(X)
    np.testing.assert_allclose(flat.transform(X), 0, atol=1e-12)
    assert not flat.explained_variance_ratio_.any()
    X = np.column_stack([np.random.default_rng(0).normal(size=n), np.full(n, 1e6 + 0.1)])
    np.testing.assert_allclose(PCA(whiten=True).fit_transform(X)[:, 1], 0, atol=1e-6)
    with np.errstate(invalid="raise"):
        PCA(0.9).fit(np.ones((n, 3)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 9}, "n_components=9"),
        ({"n_components": 1.5}, "n_components=1.5"),
        ({"n_components": "mle"}, "n_components='mle'"),
        ({"svd_solver": "arpack"}, "svd_solver='arpack'"),
    ],
)
def test_bad_arguments_of_pca(options, words):
    with pytest.raises(ValueError, match=words):
        PCA(**options).fit(blob(0))


# Kernel PCA


@pytest.mark.parametrize("center", [True, False])
@given(seed=seeds, k=st.integers(1, 4))
def test_the_density_is_the_gaussian_of_the_covariance_and_scikit_learns(center, seed, k):
    """Tipping and Bishop (1999), as `sklearn.decomposition.PCA` has it."""
    X = blob(seed)
    ours = PCA(k, center=center, random_state=0).fit(X)
    covariance = ours.get_covariance()
    right = multivariate_normal(ours.mean_, covariance).logpdf(X)
    np.testing.assert_allclose(ours.score_samples(X), right, rtol=1e-8, atol=1e-8)
    assert ours.score(X) == pytest.approx(right.mean())
    if center:
        theirs = skd.PCA(k, svd_solver="full").fit(X)
        np.testing.assert_allclose(covariance, theirs.get_covariance(), atol=1e-9)
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-7)


def test_no_density_where_a_direction_has_no_variance():
    X = blob(0)
    flat = np.column_stack([X, X[:, 0]])
    with pytest.raises(ValueError, match="n_components=None leaves no variance in some direction"):
        PCA().fit(flat[:4]).score(flat[:4])
