import itertools

import numpy as np
import pytest

from companion.inference.ising import ising_sweep, neighbour_sum
from tests.inference.models import standard_error


def enumerated(shape, coupling, field, *, periodic):
    """Mean of the product across each bond's axis, and of each spin, from all states."""
    states = np.array(list(itertools.product([-1, 1], repeat=shape[0] * shape[1])))
    states = states.reshape(-1, *shape)
    near = np.array([neighbour_sum(s, periodic=periodic) for s in states])
    energy = (states * near).sum(axis=(1, 2)) / 2
    weights = np.exp(coupling * energy + (field * states).sum(axis=(1, 2)))
    weights /= weights.sum()
    return weights @ energy, np.tensordot(weights, states, 1)


@pytest.mark.parametrize(
    ("shape", "periodic"), [((2, 4), True), ((3, 3), False), ((1, 5), False), ((2, 3), False)]
)
@pytest.mark.parametrize("coupling", [0.2, 0.4])
def test_sweeps_have_the_energy_and_the_means_of_enumeration(shape, periodic, coupling):
    """Pitfall I5: all bonds, also across the border, and a field that differs from spin to spin."""
    field = np.random.default_rng(0).normal(0, 0.3, size=shape)
    due, means = enumerated(shape, coupling, field, periodic=periodic)
    rng, spins = np.random.RandomState(0), np.ones(shape, dtype=int)
    seen = np.array(
        [
            ising_sweep(spins, coupling, rng, field=field, periodic=periodic).copy()
            for _ in range(10_000)
        ]
    )
    energy = np.array(
        [(s * neighbour_sum(s, periodic=periodic)).sum() / 2 for s in seen], dtype=float
    )
    assert abs(energy.mean() - due) < 5 * standard_error(energy)
    for at in np.ndindex(*shape):
        spin = seen[(slice(None), *at)].astype(float)
        assert abs(spin.mean() - means[at]) < 5 * standard_error(spin)


def test_a_torus_joins_its_borders():
    spins = np.arange(16).reshape(4, 4)
    assert neighbour_sum(spins)[0, 0] == 4 + 12 + 1 + 3
    assert neighbour_sum(spins, periodic=False)[0, 0] == 4 + 1


def test_a_stack_is_swept_as_its_grids_are():
    rng, field = np.random.default_rng(0), np.random.default_rng(1).normal(size=(3, 4, 6))
    spins = np.where(rng.random((3, 4, 6)) < 0.5, 1, -1)
    for periodic in (True, False):
        each = [neighbour_sum(s, periodic=periodic) for s in spins]
        assert np.array_equal(neighbour_sum(spins, periodic=periodic), each)
    ising_sweep(spins, 0.0, np.random.RandomState(0), field=100 * field, periodic=False)
    assert np.array_equal(spins, np.sign(field)), "each has its own field"


def test_an_odd_torus_is_refused():
    with pytest.raises(ValueError, match="must be even"):
        ising_sweep(np.ones((3, 4)), 1.0, np.random.RandomState(0))
