"""Points in the plane, drawn from well-known shapes. Ground floor."""

import numpy as np
from sklearn.utils import check_random_state

from companion.validation import check_choice, check_integer, check_real


def toy(name, n, *, noise=None, random_state=None):
    """Draw points in the plane from a well-known shape.

    ===================== ====== ========================================================= =====
    name                  labels shape                                                     noise
    ===================== ====== ========================================================= =====
    ``"moons"``           2      two interleaved half circles of radius 1                  0.08
    ``"rings"``           2      circles of radius 0.5 and 1 around the origin             0.05
    ``"spiral"``          2      two arms, one and a half turns, out to radius 2           0.05
    ``"checkerboard"``    8      every other unit square of a 4 x 4 board about the origin 0
    ``"blobs"``           3      Gaussians around three fixed centres                      0.5
    ``"eight_gaussians"`` 8      Gaussians around eight points of a circle of radius 2     0.15
    ===================== ====== ========================================================= =====

    Parameters
    ----------
    name : str
    n : int
        Number of points; the groups have the same size, within one point.
    noise : float, optional
        Standard deviation of the Gaussian noise on both coordinates; default as in the table.
    random_state : int, RandomState or None

    Returns
    -------
    X : float64 array (n, 2)
    y : int64 array (n,)
        The group that each point was drawn from: 0, 1, ...

    Raises
    ------
    ValueError
        If the name is unknown, ``n < 1`` or the noise is negative.

    Examples
    --------
    >>> X, y = toy("moons", 200, random_state=0)
    >>> X.shape, np.bincount(y)
    ((200, 2), array([100, 100]))
    """
    n_groups, usual_noise, place = TOYS[check_choice("name", name, TOYS)]
    n = check_integer("n", n)
    noise = usual_noise if noise is None else check_real("noise", noise, low=0.0)
    rng = check_random_state(random_state)
    y = rng.permutation(np.arange(n, dtype=np.int64) % n_groups)
    return place(y, rng) + noise * rng.standard_normal((n, 2)), y


def _polar(radius, angle):
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _moons(y, rng):
    upper = _polar(1.0, rng.uniform(0.0, np.pi, len(y)))
    return np.where(y[:, None] == 0, upper, [1.0, 0.5] - upper)


def _rings(y, rng):
    return _polar(0.5 + 0.5 * y, rng.uniform(0.0, 2 * np.pi, len(y)))


def _spiral(y, rng):
    turns = 1.5 * np.sqrt(rng.uniform(0.02, 1.0, len(y)))  # the root: equally dense along the arm
    return _polar(2.0 * turns / 1.5, 2 * np.pi * turns + np.pi * y)


def _checkerboard(y, rng):
    row, pair = np.divmod(y, 2)
    corner = np.stack([2 * pair + row % 2, row], axis=1) - 2.0
    return corner + rng.uniform(size=(len(y), 2))


def _blobs(y, rng):
    return np.array([[-2.0, -1.0], [2.0, -1.0], [0.0, 2.0]])[y]


def _eight_gaussians(y, rng):
    return _polar(2.0, 2 * np.pi * y / 8)


# Name: number of groups, usual noise, and where the points of group y lie without it.
TOYS = {
    "moons": (2, 0.08, _moons),
    "rings": (2, 0.05, _rings),
    "spiral": (2, 0.05, _spiral),
    "checkerboard": (8, 0.0, _checkerboard),
    "blobs": (3, 0.5, _blobs),
    "eight_gaussians": (8, 0.15, _eight_gaussians),
}
