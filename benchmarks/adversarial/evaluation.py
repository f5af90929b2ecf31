"""Parzen windows against scikit-learn's kernel density, both exact.

In 64 dimensions a tree of boxes saves nothing, and scikit-learn's default one rounds: with a single
leaf it is the plain sum. So both do the same work.
"""

import numpy as np
from sklearn.neighbors import KernelDensity

from benchmarks.harness import case  # first: it asks for one thread
from companion import data
from companion.adversarial.evaluation import parzen_log_likelihood


def windows(samples, held_out, bandwidth):
    """The two ways to the same number, and their agreement."""
    theirs = KernelDensity(bandwidth=bandwidth, leaf_size=len(samples)).fit(samples)

    def equal(ours, theirs):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)

    return (
        lambda: parzen_log_likelihood(samples, held_out, bandwidth),
        lambda: theirs.score_samples(held_out),
        equal,
    )


@case("Parzen windows, digits, 1437 for 360", "scikit-learn", bar=1.0)
def digits():
    x_train, _, x_test, _ = data.digits()
    return windows(*(x.reshape(len(x), -1).astype(float) for x in (x_train, x_test)), 3.0)


@case("Parzen windows, 10,000 x 8 for 2,000", "scikit-learn", bar=1.0)
def gaussian():
    rng = np.random.default_rng(0)
    return windows(rng.normal(size=(10_000, 8)), rng.normal(size=(2_000, 8)), 0.5)
