"""Agglomerative clustering against SciPy."""

import numpy as np
import scipy.cluster.hierarchy as reference

from benchmarks.harness import case
from companion.clustering.hierarchical import linkage


def linkage_case(method):
    X = np.random.default_rng(0).normal(size=(5_000, 50))
    return (
        lambda: linkage(X, method),
        lambda: reference.linkage(X, method),
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-10),
    )


@case("single linkage, 5,000 x 50", "SciPy", bar=1.0)
def single():
    return linkage_case("single")


@case("complete linkage, 5,000 x 50", "SciPy", bar=1.0)
def complete():
    return linkage_case("complete")


@case("average linkage, 5,000 x 50", "SciPy", bar=1.0)
def average():
    return linkage_case("average")


@case("Ward linkage, 5,000 x 50", "SciPy", bar=1.0)
def ward():
    return linkage_case("ward")
