"""Distances on the sphere against vectors, an atlas and a closed form."""

import numpy as np
import pytest

from companion import data


@pytest.mark.parametrize(("region", "n"), [("europe", 22), ("world", 20)])
def test_names_and_positions(region, n):
    names, degrees = data.cities(region)
    assert len(names) == len(set(names)) == n
    assert degrees.shape == (n, 2)
    assert (abs(degrees) < [90, 180]).all()


@pytest.mark.parametrize("region", ["europe", "world"])
def test_great_circle_by_angles_between_vectors(region):
    north, east = np.radians(data.cities(region)[1]).T
    x = np.column_stack([np.cos(east) * np.cos(north), np.sin(east) * np.cos(north), np.sin(north)])
    expected = data.EARTH_RADIUS * np.arccos(np.clip(x @ x.T, -1, 1))
    np.testing.assert_allclose(data.great_circle(data.cities(region)[1]), expected, atol=0.2)


def test_great_circle_of_known_arcs():
    quarter = data.EARTH_RADIUS * np.pi / 2
    D = data.great_circle([[0, 0], [90, 0], [0, 180], [-90, 77]])
    expected = quarter * np.array([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]])
    np.testing.assert_allclose(D, expected, atol=1e-3)


def test_london_and_paris_as_in_an_atlas():
    names, degrees = data.cities()
    D = data.great_circle(degrees)
    assert D[names.index("London"), names.index("Paris")] == pytest.approx(344, abs=2)
    np.testing.assert_array_equal(D, D.T)
    np.testing.assert_array_equal(np.diag(D), 0)


def test_a_small_chart_has_the_distances():
    degrees = np.array([[50.0, 10], [50.1, 10], [50, 10.1]])
    chart = data.flat_chart(degrees)
    away = np.linalg.norm(chart[:, None] - chart, axis=2)
    np.testing.assert_allclose(away, data.great_circle(degrees), rtol=2e-3)


def test_an_unknown_region_is_named():
    with pytest.raises(ValueError, match=r"region='moon'.*'europe'"):
        data.cities("moon")
