"""umap-learn and PaCMAP compile themselves, for longer than the tests of this folder run."""

import importlib
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def uncompiled():
    """Import a module that numba would compile, as the Python that it is written in."""
    numba = pytest.importorskip("numba")

    def load(name):
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            patch.setattr(numba.config, "DISABLE_JIT", True)
            warnings.simplefilter("ignore")
            pytest.importorskip(name.partition(".")[0])
            return importlib.import_module(name)

    return load


@pytest.fixture(scope="module")
def umap_learn(uncompiled):
    """umap-learn as plain Python."""
    return uncompiled("umap.umap_")


@pytest.fixture(scope="module")
def digits():
    """Digits without ties."""
    X = load_digits().data[:500]
    return X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)
