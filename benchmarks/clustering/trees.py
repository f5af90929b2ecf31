"""Single linkage in the plane, by the spanning tree of Delaunay's edges, against SciPy."""

import numpy as np
import scipy.cluster.hierarchy as reference

from benchmarks.harness import case
from companion.clustering.hierarchical import linkage


@case("single linkage in the plane, 10,000 x 2", "SciPy", bar=0.3)
def single_in_the_plane():
    X = np.random.default_rng(0).normal(size=(10_000, 2))
    return (
        lambda: linkage(X, "single"),
        lambda: reference.linkage(X, "single"),
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-10),
    )
