"""FastICA: from the same start to the same unmixing matrix, ours and scikit-learn's."""

import numpy as np
from sklearn import decomposition

from benchmarks.harness import case
from companion.components.ica import FastICA


def same_start(n, k, fun="logcosh"):
    """Both libraries on the same mixture of k sources, heavy-tailed and flat ones."""
    rng = np.random.default_rng(0)
    S = np.where(np.arange(k) % 2, rng.laplace(size=(n, k)), rng.uniform(-1, 1, size=(n, k)))
    X = S @ rng.normal(size=(k, k)).T
    options = {"fun": fun, "tol": 1e-8, "max_iter": 500, "w_init": rng.normal(size=(k, k))}

    def agree(mine, other):
        assert mine.n_iter_ == other.n_iter_
        size = np.abs(other.components_).max()
        np.testing.assert_allclose(mine.components_, other.components_, atol=1e-6 * size)

    return (
        lambda: FastICA(**options).fit(X),
        lambda: decomposition.FastICA(whiten="unit-variance", **options).fit(X),
        agree,
    )


@case("FastICA, tanh, 20,000 x 10", "scikit-learn", bar=1.0)
def tanh_10():
    return same_start(20_000, 10)


@case("FastICA, tanh, 10,000 x 40", "scikit-learn", bar=1.0)
def tanh_40():
    return same_start(10_000, 40)


@case("FastICA, kurtosis, 20,000 x 10", "scikit-learn", bar=1.0)
def cube_10():
    return same_start(20_000, 10, "cube")
