"""Drawing with signed distances, many pictures at a time. Ground floor.

A shape is a function of the place that is negative inside, positive outside, and measures how far
the edge is. A pixel whose centre is less than half a pixel from the edge is covered in part, which
makes edges smooth; shapes are painted one over the other. Lengths are those of a picture that
reaches from -1 to 1, with x to the right and y down.
"""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])  # grey of red, green and blue, ITU-R BT.601


def pixel_grid(size):
    """Return x and y of the pixel centres of a picture, each float32 (1, size, size)."""
    y, x = np.mgrid[:size, :size].astype(np.float32) * (2 / size) + (1 / size - 1)
    return x[None], y[None]


def coverage(distance, pixel):
    """Return the covered part of each pixel, 0 to 1, from a shape's signed distance."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def paint(canvas, amount, color):
    """Paint over a canvas (3, n, size, size) in place, as much as `amount` (n, size, size) says."""
    for channel, value in zip(canvas, color, strict=True):
        channel += amount * (value - channel)


def ellipse(x, y, half_width, half_height):
    """Signed distance to an ellipse around the origin; exact for a circle, else to first order."""
    relative = np.hypot(x / half_width, y / half_height)
    slope = np.hypot(x / half_width**2, y / half_height**2)
    smallest = 1 / np.maximum(half_width, half_height)
    return np.where(
        relative < 1e-3,
        -np.minimum(half_width, half_height),
        relative * (relative - 1) / np.maximum(slope, 1e-3 * smallest),
    )


def box(x, y, half_width, half_height, radius=0.0):
    """Signed distance to a rectangle around the origin with corners of this radius."""
    beyond_x = np.abs(x) - half_width + radius
    beyond_y = np.abs(y) - half_height + radius
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return outside + np.minimum(np.maximum(beyond_x, beyond_y), 0) - radius


def triangle(x, y, radius):
    """Signed distance to the equilateral triangle, tip up, with corners at this radius.

    Exact inside and beside the edges; beyond a corner it is a lower bound.
    """
    slanted = (np.sqrt(3) * np.abs(x) - y - radius) / 2
    return np.maximum(slanted, y - radius / 2)


def cross(x, y, radius):
    """Signed distance to the union of two bars, a third as wide as they are long."""
    return np.minimum(box(x, y, radius, radius / 3), box(x, y, radius / 3, radius))


def arc(x, y, half_width, bend, thickness):
    """Signed distance to a stroke along ``y = bend (x / half_width)^2``, to first order."""
    u = np.clip(x / half_width, -1, 1)
    across = (y - bend * u**2) / np.hypot(1, 2 * bend * u / half_width)
    return np.hypot(across, x - half_width * u) - thickness
