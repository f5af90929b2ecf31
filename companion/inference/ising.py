"""Spins on a grid that like to agree with their neighbours, drawn half a chessboard at a time.

Chapter: `chains`.
"""

import numpy as np
from scipy.special import ellipkm1, expit


def neighbour_sum(spins, *, periodic=True):
    """Sum of the four neighbours of each spin (..., height, width): across the border, or 0."""
    if periodic:
        return sum(np.roll(spins, way, axis) for axis in (-2, -1) for way in (-1, 1))
    total = np.zeros_like(spins)
    total[..., 1:, :] += spins[..., :-1, :]
    total[..., :-1, :] += spins[..., 1:, :]
    total[..., 1:] += spins[..., :-1]
    total[..., :-1] += spins[..., 1:]
    return total


def ising_sweep(spins, coupling, rng, *, field=0.0, periodic=True):
    """Draw all spins anew in two halves, like the fields of a chessboard; in place.

    ``p(s) ∝ exp(coupling sum_(neighbours) s_i s_j + sum_i field_i s_i)``. The spins of one colour
    are independent given the other, so that half a sweep is one call of NumPy (Gibbs sampling).

    Parameters
    ----------
    spins : array (..., height, width) of -1 and 1
        One grid or several. Both sides even, if the grid is periodic: else neighbours have the
        same colour.
    coupling : float or array (n_grids, 1, 1)
        Of neighbours, in units of the temperature; above 0 they like to agree.
    rng : numpy.random.RandomState
    field : float or array (..., height, width)
    periodic : bool
        Whether the grid closes to a torus.

    Returns
    -------
    array
        The same `spins`.
    """
    if periodic and any(side % 2 for side in spins.shape[-2:]):
        raise ValueError(
            f"spins has shape {spins.shape}: both sides of the torus must be even; or take "
            "periodic=False."
        )
    for half in (0, 1):
        chessboard_half(spins, half, coupling, rng, field, periodic)
    return spins


def chessboard_half(spins, half, coupling, rng, field, periodic):
    """Draw the spins of one colour, each given its four neighbours; in place."""
    color = np.indices(spins.shape[-2:]).sum(axis=0) % 2
    pull = coupling * neighbour_sum(spins, periodic=periodic) + field
    up = rng.random_sample(spins.shape) < expit(2 * pull)
    spins[...] = np.where(color == half, 2 * up.astype(spins.dtype) - 1, spins)


CRITICAL = float(np.log(1 + np.sqrt(2)) / 2)  # coupling above which an endless grid takes sides


def onsager_magnetization(coupling):
    """Mean spin of an endless grid whose side was taken: ``(1 - sinh(2 J)^-4)^(1/8)``, or 0.

    Source: Onsager (1949), Yang (1952).
    """
    J = np.maximum(np.asarray(coupling, dtype=float), CRITICAL)
    return np.maximum(1 - np.sinh(2 * J) ** -4.0, 0) ** 0.125


def onsager_energy(coupling):
    """Mean of ``s_i s_j`` over neighbours on an endless grid (Onsager, 1944); coupling above 0."""
    J = np.asarray(coupling, dtype=float)
    far = 2 * np.tanh(2 * J) ** 2 - 1  # 0 at the critical coupling, where the integral is endless
    integral = ellipkm1(np.maximum(far**2, np.finfo(float).tiny))
    return (1 + 2 / np.pi * far * integral) / (2 * np.tanh(2 * J))
