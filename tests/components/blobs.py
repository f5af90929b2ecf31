"""Points for the tests of linear components."""

import numpy as np


def blob(seed, n=60, d=5):
    """Points with a mean and a different variance in each direction of a turned frame."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return rng.normal(size=(n, d)) * np.arange(d, 0, -1) @ frame + rng.normal(size=d)
