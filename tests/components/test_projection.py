"""Projection onto rows and back, against least squares."""

import numpy as np

from companion.components.pca import PCA
from companion.components.projection import Projection
from tests.components.blobs import blob


def test_projection_is_least_squares():
    """For orthonormal rows the coordinates are those of the nearest point of the plane."""
    X = blob(0)
    model = PCA(2).fit(X)
    assert isinstance(model, Projection)
    nearest = np.linalg.lstsq(model.components_.T, (X - model.mean_).T, rcond=None)[0].T
    np.testing.assert_allclose(model.transform(X), nearest, atol=1e-9)
    back = model.inverse_transform(nearest)
    np.testing.assert_allclose(model.transform(back), nearest, atol=1e-9)
    assert model.get_feature_names_out().tolist() == ["pca0", "pca1"]
