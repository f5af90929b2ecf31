"""Spins on a grid that like to agree with their neighbours, drawn half a chessboard at a time.

Chapters: `chains`, `graphical_models`.
"""

import numpy as np
from scipy.special import expit


def neighbour_sum(spins, *, periodic=True):
    """Add up the four neighbours of each spin (..., height, width): across the border, or 0."""
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
    coupling : float
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
    color = np.indices(spins.shape[-2:]).sum(axis=0) % 2
    for half in (0, 1):
        pull = coupling * neighbour_sum(spins, periodic=periodic) + field
        up = rng.random_sample(spins.shape) < expit(2 * pull)
        spins[..., color == half] = np.where(up, 1, -1)[..., color == half]
    return spins
