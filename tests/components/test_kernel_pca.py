"""Kernel PCA against scikit-learn, and with the linear kernel against PCA."""

import numpy as np
import pytest
import sklearn.decomposition as skd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from companion.components.kernel_pca import KernelPCA, center_kernel
from companion.components.pca import PCA
from tests.components.blobs import blob

seeds = st.integers(0, 10_000)


@parametrize_with_checks([KernelPCA(), KernelPCA(fit_inverse_transform=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": "linear"},
        {"kernel": "rbf", "gamma": 0.05},
        {"kernel": "rbf"},
        {"kernel": "poly", "degree": 2, "coef0": 1.5, "gamma": 0.3},
        {"kernel": "cosine"},
    ],
)
@given(seed=seeds, k=st.integers(1, 4))
def test_kernel_pca_equals_scikit_learn(options, seed, k):
    X, new = blob(seed, 20), blob(seed + 1, 7)
    ours = KernelPCA(k, **options).fit(X)
    theirs = skd.KernelPCA(k, eigen_solver="dense", **options).fit(X)
    np.testing.assert_allclose(ours.eigenvalues_, theirs.eigenvalues_, rtol=1e-8)
    assert (ours.eigenvectors_.max(axis=0) == abs(ours.eigenvectors_).max(axis=0)).all()
    signs = np.sign((ours.eigenvectors_ * theirs.eigenvectors_).sum(axis=0))
    for points in (X, new):
        right = theirs.transform(points)
        np.testing.assert_allclose(ours.transform(points) * signs, right, atol=1e-7)


def test_kernel_pca_keeps_a_copy_of_the_data():
    X, new = blob(0), blob(1, 7)
    model = KernelPCA(gamma=0.05).fit(X)
    before = model.transform(new)
    X[:] = 0
    np.testing.assert_array_equal(model.transform(new), before)


@given(seed=seeds)
def test_linear_kernel_pca_is_pca(seed):
    """Equation eq-kernel_pca-gram: the same coordinates from inner products."""
    X, new = blob(seed, 20), blob(seed + 1, 5)
    pca, kernel = PCA(3, svd_solver="full").fit(X), KernelPCA(3, kernel="linear").fit(X)
    for points in (X, new):
        np.testing.assert_allclose(
            abs(kernel.transform(points)), abs(pca.transform(points)), atol=1e-8
        )


@given(seed=seeds)
def test_centring_a_kernel_is_centring_features(seed):
    X = blob(seed, 12)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(center_kernel(X @ X.T), centred @ centred.T, atol=1e-9)
    K = KernelPCA(2, kernel="precomputed").fit(X @ X.T)
    np.testing.assert_allclose(
        abs(K.transform(X @ X.T)), abs(KernelPCA(2, kernel="linear").fit_transform(X)), atol=1e-8
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kernel": "rfb"}, "kernel='rfb'"), ({"n_components": 61}, "n_components=61")],
)
def test_bad_arguments_of_kernel_pca(options, words):
    with pytest.raises(ValueError, match=words):
        KernelPCA(**options).fit(blob(0))


def test_a_precomputed_kernel_must_be_square():
    with pytest.raises(ValueError, match=r"\(n, n\)"):
        KernelPCA(kernel="precomputed").fit(blob(0))


@pytest.mark.parametrize("options", [{"kernel": "rbf", "gamma": 0.1}, {"kernel": "poly"}])
@given(seed=seeds, alpha=st.floats(1e-3, 10))
def test_the_way_back_is_scikit_learns_of_centred_data(options, seed, alpha):
    X = blob(seed)
    X = (X - X.mean(axis=0)) / np.abs(X).max()  # cubes of large numbers lose digits in both
    far = np.arange(X.shape[1]) if options["kernel"] == "rbf" else 0.0
    how = options | {"fit_inverse_transform": True, "alpha": alpha}
    ours = KernelPCA(3, **how).fit(X + far)
    theirs = skd.KernelPCA(3, eigen_solver="dense", **how).fit(X)
    back = ours.inverse_transform(ours.transform(X + far)) - far
    wanted = theirs.inverse_transform(theirs.transform(X))
    np.testing.assert_allclose(back, wanted, atol=1e-5 * np.abs(X).max())


def test_the_way_back_must_be_asked_for():
    X = blob(0)
    with pytest.raises(ValueError, match="fit_inverse_transform=False: set it to True"):
        KernelPCA().fit(X).inverse_transform(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="fit_inverse_transform=True with kernel='precomputed'"):
        KernelPCA(kernel="precomputed", fit_inverse_transform=True).fit(X @ X.T)
    with pytest.raises(ValueError, match="alpha=0 must be a number"):
        KernelPCA(alpha=0).fit(X)


def test_a_kernel_that_is_symmetric_up_to_rounding_is_taken_and_others_are_refused():
    X = blob(0)
    K = X @ X.T
    right = KernelPCA(2, kernel="precomputed").fit(K).eigenvalues_
    noise = 1e-15 * np.abs(K).max() * np.random.default_rng(0).normal(size=K.shape)
    found = KernelPCA(2, kernel="precomputed").fit(K + noise).eigenvalues_
    np.testing.assert_allclose(found, right, rtol=1e-9)
    K[0, 1] *= 2
    with pytest.raises(ValueError, match=r"X is not symmetric: pass \(X \+ X.T\) / 2"):
        KernelPCA(2, kernel="precomputed").fit(K)
