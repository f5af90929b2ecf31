import itertools

import numpy as np
import pytest

from companion.inference.ising import (
    CRITICAL,
    ising_sweep,
    neighbour_sum,
    onsager_energy,
    onsager_magnetization,
)
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


@pytest.mark.parametrize("periodic", [True, False])
def test_many_grids_at_once_each_with_its_coupling(periodic):
    """One grid alone gets the numbers of one among many; endless couplings decide for the crowd."""
    rng = np.random.RandomState(3)
    spins = rng.choice([-1, 1], (3, 4, 6))
    near = [neighbour_sum(s, periodic=periodic) for s in spins]
    assert np.array_equal(neighbour_sum(spins, periodic=periodic), near)
    one = ising_sweep(spins[:1].copy(), 0.4, np.random.RandomState(5), periodic=periodic)
    alone = ising_sweep(spins[0].copy(), 0.4, np.random.RandomState(5), periodic=periodic)
    assert np.array_equal(one[0], alone)
    coupling = np.array([0.0, 0.3, 50.0])[:, None, None]
    up = ising_sweep(np.ones((3, 40, 40), dtype=int), coupling, rng, periodic=periodic)
    assert (up[2] == 1).all()
    assert abs(up[0].mean()) < 0.15 < up[1].mean()


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


def test_onsager_between_the_ends():
    assert pytest.approx(1) == np.sinh(2 * CRITICAL)
    assert onsager_magnetization([0.1, CRITICAL]).tolist() == [0, 0]
    low = np.exp(-8 * 0.9)  # at low temperature single spins flip: 1 - 2 exp(-8 J)
    assert onsager_magnetization(0.9) == pytest.approx(1 - 2 * low, abs=20 * low**1.5)
    assert onsager_energy(0.05) == pytest.approx(np.tanh(0.05), rel=0.01)
    for near in (CRITICAL, CRITICAL - 1e-9, CRITICAL + 1e-12):
        assert onsager_energy(near) == pytest.approx(2**-0.5, abs=1e-6)


def transfer_energy(coupling, width=12):
    """Mean product of neighbours on an endlessly long strip, by its transfer matrix."""

    def log_z(j):
        rows = np.array(list(itertools.product([-1, 1], repeat=width)))
        inside = np.exp(j * (rows * np.roll(rows, 1, axis=1)).sum(axis=1) / 2)
        one = np.array([[np.exp(j), np.exp(-j)], [np.exp(-j), np.exp(j)]])
        v, size = np.ones(2**width), 1.0
        for _ in range(300):
            v = v * inside
            for _ in range(width):  # the Kronecker product of `width` small matrices, one at a time
                v = (v.reshape(2, -1).T @ one).ravel()
            v *= inside
            size = np.linalg.norm(v)
            v /= size
        return np.log(size) / width

    return (log_z(coupling + 1e-4) - log_z(coupling - 1e-4)) / 4e-4


@pytest.mark.parametrize("coupling", [0.2, 0.3, 0.6])
def test_the_energy_is_that_of_a_transfer_matrix(coupling):
    assert onsager_energy(coupling) == pytest.approx(transfer_energy(coupling), rel=2e-3)


@pytest.mark.parametrize("coupling", [0.3, 0.6])
def test_a_large_torus_is_near_onsager(coupling):
    rng, spins = np.random.RandomState(1), np.ones((64, 64), dtype=int)
    seen = []
    for i in range(1200):
        ising_sweep(spins, coupling, rng)
        if i >= 200:
            seen.append((spins.mean(), (spins * neighbour_sum(spins)).mean() / 4))
    m, e = np.array(seen).T
    assert abs(m.mean() - onsager_magnetization(coupling)) < 5 * standard_error(m)
    assert abs(e.mean() - onsager_energy(coupling)) < 5 * standard_error(e)
