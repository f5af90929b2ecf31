"""Bayesian mixtures: ten steps from the same start, ours and scikit-learn's."""

import warnings

import numpy as np
from sklearn import mixture
from sklearn.exceptions import ConvergenceWarning

from benchmarks.harness import case
from companion.inference.variational import BayesianGaussianMixture


def ten_steps(n, d, k=8):
    """Both libraries on the same blobs, from the same rows."""
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(k, d))[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    options = {"n_components": k, "tol": 0, "max_iter": 10, "covariance_prior": np.eye(d)}
    options |= {"init_params": "random_from_data", "random_state": 0}

    def fit(kind):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return kind(**options).fit(X)

    def agree(mine, other):
        np.testing.assert_allclose(mine.means_, other.means_, atol=1e-6)
        np.testing.assert_allclose(mine.weights_, other.weights_, atol=1e-6)

    return (
        lambda: fit(BayesianGaussianMixture),
        lambda: fit(mixture.BayesianGaussianMixture),
        agree,
    )


@case("Bayesian mixture, 8 full covariances, 20,000 x 10", "scikit-learn", bar=0.7)
def full_10():
    return ten_steps(20_000, 10)
