"""Factor analysis: the same steps from the same start, ours and scikit-learn's."""

import numpy as np
from sklearn import decomposition

from benchmarks.harness import case
from companion.components.factors import FactorAnalysis


def fits(n, d, k):
    """Both libraries on readings of d variables with k factors and unequal noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, k)) @ rng.normal(size=(k, d))
    X += rng.normal(size=(n, d)) * rng.uniform(0.3, 2, size=d)
    options = {"tol": 1e-2, "max_iter": 1000, "noise_variance_init": np.ones(d)}
    ours = FactorAnalysis(k, **options)
    theirs = decomposition.FactorAnalysis(k, svd_method="lapack", **options)

    def agree(mine, other):
        assert mine.n_iter_ == other.n_iter_
        np.testing.assert_allclose(mine.loglike_, other.loglike_, rtol=1e-10)
        np.testing.assert_allclose(mine.get_covariance(), other.get_covariance(), atol=1e-6)

    return lambda: ours.fit(X), lambda: theirs.fit(X), agree


@case("factor analysis, 10 factors, 5,000 x 100", "scikit-learn, lapack", bar=0.1)
def wide():
    return fits(5000, 100, 10)


@case("factor analysis, 5 factors, 2,000 x 30", "scikit-learn, lapack", bar=0.4)
def narrow():
    return fits(2000, 30, 5)
