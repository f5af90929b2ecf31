"""First pictures."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from companion.embedding.starts import starting_picture


def points(n=50, d=4):
    return np.random.default_rng(0).normal(size=(n, d)) * [4, 2, 1, 1][:d]


def test_principal_components_of_the_wanted_size():
    Y = starting_picture(points(), 2, "pca", np.random.RandomState(0), size=1e-4)
    theirs = PCA(2).fit_transform(points())
    correlation = np.corrcoef(Y.T, theirs.T)[:2, 2:]
    np.testing.assert_allclose(np.abs(np.diag(correlation)), 1, atol=1e-5)
    np.testing.assert_allclose(Y[:, 0].std(), 1e-4, rtol=1e-5)
    ratios = [Z[:, 1].std() / Z[:, 0].std() for Z in (Y, theirs)]
    np.testing.assert_allclose(*ratios, rtol=1e-4)
    assert Y.dtype == np.float32


def test_random_has_the_wanted_size_and_the_seed_decides():
    one, two = (starting_picture(points(2000), 3, "random", np.random.RandomState(1), size=0.1)
                for _ in range(2))  # fmt: skip
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one.std(axis=0), 0.1, rtol=0.1)


def test_more_components_than_the_data_have():
    Y = starting_picture(points(d=1), 2, "pca", np.random.RandomState(0))
    assert 0 < Y[:, 1].std() < 0.05
    flat = starting_picture(np.ones((10, 3)), 2, "pca", np.random.RandomState(0))
    assert np.isfinite(flat).all()
    assert len(np.unique(flat)) == 20


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("value", [1.0, 0.1])
def test_equal_points_start_from_noise(n, value):
    """Their principal components are rounding errors, which must not become the unit."""
    Y = starting_picture(np.full((n, 3), value), 2, "pca", np.random.RandomState(0))
    np.testing.assert_allclose(Y.std(axis=0), 0.01, rtol=0.3)


def test_a_given_picture_is_copied():
    given = np.zeros((50, 2), np.float32)
    Y = starting_picture(points(), 2, given, None)
    Y += 1
    assert not given.any()


@pytest.mark.parametrize(
    ("init", "message"),
    [("zeros", "init='zeros'.*'random'"), (np.zeros((50, 3)), r"\(50, 3\).*\(50, 2\)")],
)
def test_bad_start(init, message):
    with pytest.raises(ValueError, match=message):
        starting_picture(points(), 2, init, np.random.RandomState(0))
