"""A black and white picture with flipped pixels, given back: a Markov random field on a grid.

``p(s | x) ∝ exp(coupling sum_(neighbours) s_i s_j + sum_i field_i s_i)``; the field of a pixel says
what was seen there. Pixels are -1 and 1.

Chapter: `graphical_models`.
"""

import math

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from sklearn.utils import check_random_state

from companion.inference.ising import ising_sweep, neighbour_sum
from companion.validation import check_integer, check_real

LARGEST = 10**8  # of the whole numbers that stand for weights in a cut


def check_field(field):
    """Return a field as floats (..., height, width), or raise a `ValueError`."""
    field = np.asarray(field, dtype=float)
    if field.ndim < 2 or field.size == 0 or not np.isfinite(field).all():
        raise ValueError(
            f"field has shape {field.shape}: give finite numbers, (height, width) or a stack."
        )
    return field


def flip_field(noisy, flip):
    """What pixels (-1 or 1) say of themselves, if each was turned over with probability `flip`.

    ``log p(x_i | s_i) = field_i s_i + constant``, ``field_i = x_i / 2 log((1 - flip) / flip)``.
    """
    noisy, flip = np.asarray(noisy), check_real("flip", flip, 0, 1, inclusive=False)
    if not np.isin(noisy, (-1, 1)).all():
        raise ValueError("noisy must have only -1 and 1: np.where(image > threshold, 1, -1), say.")
    return 0.5 * math.log((1 - flip) / flip) * noisy


def energy(spins, coupling, field):
    """``-coupling sum_(neighbours) s_i s_j - sum_i field_i s_i`` by grid."""
    spins = np.asarray(spins, dtype=float)
    bonds = spins * neighbour_sum(spins, periodic=False) / 2
    return -(coupling * bonds + field * spins).sum(axis=(-2, -1))


def modes_sweep(spins, field, coupling):
    """Give each pixel the sign of what pulls at it; half a chessboard at a time."""
    spins, color = spins.copy(), np.indices(spins.shape[-2:]).sum(axis=0) % 2
    for half in (0, 1):
        pull = coupling * neighbour_sum(spins, periodic=False) + field
        wanted = np.where(pull == 0, spins, np.sign(pull))
        spins[..., color == half] = wanted[..., color == half]
    return spins


def iterated_conditional_modes(field, coupling, *, start=None, n_sweeps=100):
    """Set each pixel to its likelier value, given its neighbours, until none changes (Besag, 1986).

    The energy never rises, and no change of one pixel makes the picture that is left better.

    Parameters
    ----------
    field : array (..., height, width)
    coupling : float
    start : array of -1 and 1, optional
        By default the sign of the field: what was seen.
    n_sweeps : int
        At most.

    Returns
    -------
    int array, as field
    """
    field, coupling = check_field(field), check_real("coupling", coupling)
    check_integer("n_sweeps", n_sweeps)
    spins = np.where(field >= 0, 1, -1) if start is None else np.asarray(start, dtype=int)
    for _ in range(n_sweeps):
        before, spins = spins, modes_sweep(spins, field, coupling)
        if np.array_equal(spins, before):
            break
    return spins


def cut_graph(field, coupling):
    """Capacities of a graph whose cuts are pictures; last come source and sink."""
    pixel = np.arange(field.size).reshape(field.shape)
    source, sink = field.size, field.size + 1
    down = pixel[..., :-1, :].ravel(), pixel[..., 1:, :].ravel()
    right = pixel[..., :-1].ravel(), pixel[..., 1:].ravel()
    one, other = np.concatenate([down, right], axis=1)
    seen, h = pixel.ravel(), field.ravel()
    start = np.concatenate([one, other, np.where(h > 0, source, seen)])
    end = np.concatenate([other, one, np.where(h > 0, seen, sink)])
    weight = np.concatenate([np.full(2 * len(one), coupling), abs(h)])
    weight = np.rint(LARGEST * (weight / (weight.max() or 1.0))).astype(np.int32)
    return coo_array((weight, (start, end)), shape=(sink + 1, sink + 1)).tocsr()


def source_side(capacity, source, sink):
    """Nodes that a minimum cut leaves with the source: paths with room go there."""
    room = capacity - maximum_flow(capacity, source, sink).flow
    room.eliminate_zeros()
    return breadth_first_order(room, source, return_predecessors=False)


def minimum_cut(field, coupling):
    """The picture of least energy, of all there are: a minimum cut (Greig et al., 1989).

    Edges lead from a source to each pixel that was seen 1, from each that was seen -1 to a sink,
    and between neighbours. Pixels that the cut leaves on the source's side are 1. What it cuts is
    half of what the energy is above that of all wishes fulfilled. For SciPy's maximum flow weights
    are rounded to whole numbers, the largest to 10^8.

    Parameters
    ----------
    field : array (..., height, width)
    coupling : float
        At least 0: neighbours that like to differ have no such cut.

    Returns
    -------
    int array, as field
    """
    field = check_field(field)
    coupling = check_real("coupling", coupling, 0, remedy="neighbours must like to agree.")
    spins = np.full(field.size + 2, -1)
    spins[source_side(cut_graph(field, coupling), field.size, field.size + 1)] = 1
    return spins[: field.size].reshape(field.shape)


def gibbs_marginals(field, coupling, n_sweeps=200, *, n_burn=50, random_state=None):
    """Probability that each pixel is 1, from sweeps of Gibbs sampling (Geman & Geman, 1984).

    Parameters
    ----------
    field : array (..., height, width)
    coupling : float
    n_sweeps : int
        That count, after `n_burn` that do not.
    n_burn : int
    random_state : int, RandomState or None

    Returns
    -------
    array, as field
        Above 1/2: the pixel that is wrong least often, each for itself.
    """
    field, coupling = check_field(field), check_real("coupling", coupling)
    n, n_burn = check_integer("n_sweeps", n_sweeps), check_integer("n_burn", n_burn, 0)
    rng, spins = check_random_state(random_state), np.where(field >= 0, 1, -1).astype(np.int8)
    total = np.zeros(field.shape)
    for sweep in range(n_burn + n):
        ising_sweep(spins, coupling, rng, field=field, periodic=False)
        if sweep >= n_burn:
            total += spins
    return (1 + total / n) / 2
