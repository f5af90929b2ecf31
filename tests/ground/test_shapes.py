"""Signed distances against their geometry, and painted areas against closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from companion.data.shapes import arc, box, coverage, cross, ellipse, paint, pixel_grid, triangle

SIZE = 200
X, Y = (axis[0].astype(float) for axis in pixel_grid(SIZE))

# Shape, its distance, its area, and how far the signed distance may be off.
CASES = {
    "circle": (lambda x, y: ellipse(x, y, 0.6, 0.6), np.pi * 0.36, 1e-6),
    "ellipse": (lambda x, y: ellipse(x, y, 0.7, 0.5), np.pi * 0.35, 0.15),
    "box": (lambda x, y: box(x, y, 0.7, 0.4), 1.12, 1e-6),
    "rounded box": (lambda x, y: box(x, y, 0.7, 0.4, 0.2), 1.12 - (4 - np.pi) * 0.04, 1e-6),
    "triangle": (lambda x, y: triangle(x, y, 0.8), 0.75 * np.sqrt(3) * 0.64, 0.5),
    "cross": (lambda x, y: cross(x, y, 0.6), 0.96 - 0.16, 0.2),
}


def test_grid_is_centred():
    x, y = pixel_grid(4)
    np.testing.assert_allclose(x[0, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(y[0, :, 0], [-0.75, -0.25, 0.25, 0.75])
    assert x.dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_area_is_the_closed_form(name):
    distance_to, area, _ = CASES[name]
    covered = coverage(distance_to(X, Y), 2 / SIZE).sum() * (2 / SIZE) ** 2
    assert abs(covered - area) < 2e-3


@pytest.mark.parametrize("name", CASES)
def test_distance_is_that_to_the_edge(name):
    """Brute force: the nearest of many points on the zero line."""
    distance_to, _, tolerance = CASES[name]
    fine = np.linspace(-1, 1, 801)
    inside = distance_to(*np.meshgrid(fine, fine)) < 0
    edge = inside ^ np.roll(inside, 1, axis=0) | inside ^ np.roll(inside, 1, axis=1)
    on_edge = fine[np.argwhere(edge)[:, ::-1]]
    x, y = np.random.default_rng(0).uniform(-1, 1, size=(2, 60))
    nearest = cdist(np.column_stack([x, y]), on_edge).min(axis=1)
    assert np.abs(np.abs(distance_to(x, y)) - nearest).max() < tolerance + 5e-3


def test_arc_has_its_thickness_and_ends():
    assert arc(0.0, 0.0, 0.5, 0.2, 0.05) == pytest.approx(-0.05)
    assert arc(0.5, 0.2, 0.5, 0.2, 0.05) == pytest.approx(-0.05)
    assert arc(0.7, 0.2, 0.5, 0.2, 0.05) == pytest.approx(0.15)


def test_distances_are_finite_at_the_centre():
    for distance_to, _, _ in CASES.values():
        assert distance_to(np.zeros(1), np.zeros(1)) < -0.15


def test_paint_mixes_in_place():
    canvas = np.zeros((3, 1, 2, 2), dtype=np.float32)
    paint(canvas, np.array([[[0, 0.5], [1, 1]]]), (1.0, 0.5, 0.0))
    np.testing.assert_allclose(canvas[:, 0, 0, 1], [0.5, 0.25, 0])
    np.testing.assert_allclose(canvas[:, 0, 1, 0], [1, 0.5, 0])
