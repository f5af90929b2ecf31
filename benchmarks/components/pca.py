"""PCA, kernel PCA and the randomised SVD, ours and scikit-learn's, on the same points."""

import numpy as np
from sklearn import decomposition
from sklearn.utils import extmath

from benchmarks.harness import case
from companion.components.pca import PCA, KernelPCA
from companion.components.random_svd import randomized_svd


def default_pca(n, d, k):
    """The default solvers of both, k components of n points in d dimensions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5

    def agree(mine, other):
        np.testing.assert_allclose(mine.explained_variance_, other.explained_variance_, rtol=1e-6)
        cosines = abs((mine.components_ * other.components_).sum(axis=1))
        np.testing.assert_allclose(cosines, 1, atol=1e-6)

    return lambda: PCA(k).fit(X), lambda: decomposition.PCA(k).fit(X), agree


@case("PCA, 10 of 20 components, 100,000 points", "scikit-learn", bar=1.0)
def pca_flat():
    return default_pca(100_000, 20, 10)


@case("PCA, 10 of 100 components, 20,000 points", "scikit-learn", bar=1.0)
def pca_tall():
    return default_pca(20_000, 100, 10)


@case("PCA, all of 500 components, 1,000 points", "scikit-learn", bar=1.0)
def pca_square():
    return default_pca(1000, 500, None)


@case("kernel PCA, 10 components, 2,000 points in 50 dimensions", "scikit-learn", bar=1.0)
def kernel_pca():
    X = np.random.default_rng(0).normal(size=(2000, 50))
    options = {"kernel": "rbf", "gamma": 0.01}

    def agree(mine, other):
        np.testing.assert_allclose(mine.eigenvalues_, other.eigenvalues_, rtol=1e-6)

    return (
        lambda: KernelPCA(10, **options).fit(X),
        lambda: decomposition.KernelPCA(10, **options).fit(X),
        agree,
    )


@case("randomised SVD, 10 of 1,000 singular values, 5,000 rows", "scikit-learn", bar=1.5)
def random_svd():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 1000)) / np.arange(1, 1001)

    def agree(mine, other):
        np.testing.assert_allclose(mine[1], other[1], rtol=1e-4)

    return (
        lambda: randomized_svd(X, 10, random_state=0),
        lambda: extmath.randomized_svd(X, 10, n_iter=4, random_state=0),
        agree,
    )
