"""Chains: moments within five standard errors, detailed balance, and reversibility."""

import itertools

import numpy as np
import pytest

from companion.inference.mcmc import (
    gibbs_sample,
    hamiltonian_monte_carlo,
    langevin,
    leapfrog,
    metropolis_hastings,
    metropolis_matrix,
)
from tests.inference.models import standard_error

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.0]])
PRECISION = np.linalg.inv(COVARIANCE)


def log_p(x):
    return -x @ PRECISION @ x / 2


def gradient(x):
    return -PRECISION @ x


KINDS = {
    "metropolis": lambda seed: metropolis_hastings(
        log_p, [0, 0], 40_000, std=1.2, random_state=seed
    ),
    "langevin": lambda seed: langevin(
        log_p, gradient, [0, 0], 20_000, step_size=0.8, random_state=seed
    ),
    "hamiltonian": lambda seed: hamiltonian_monte_carlo(
        log_p, gradient, [0, 0], 8_000, step_size=0.4, n_steps=5, random_state=seed
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_moments_are_those_of_the_target(kind):
    chain = KINDS[kind](0)
    x = chain.x
    for values, due in (
        (x[:, 0], 0),
        (x[:, 0] ** 2, 1),
        (x[:, 0] * x[:, 1], 0.8),
        (x[:, 1] ** 4, 3),
    ):
        assert abs(values.mean() - due) < 5 * standard_error(values)
    np.testing.assert_allclose(chain.log_p[:50], [log_p(row) for row in x[:50]])
    again = KINDS[kind](0)
    assert np.array_equal(again.x, x)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_refused_stays_in_the_chain(kind):
    """Pitfall I1."""
    chain = KINDS[kind](1)
    assert 0.2 < chain.accepted.mean() < 1
    refused = np.flatnonzero(~chain.accepted[1:]) + 1
    assert np.array_equal(chain.x[refused], chain.x[refused - 1])
    moved = np.flatnonzero(chain.accepted[1:]) + 1
    assert (chain.x[moved] != chain.x[moved - 1]).any(axis=1).all()


def random_chain(seed, k):
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.full(k, 0.6), k) * (rng.random((k, k)) < 0.8) + np.eye(k) * 1e-3
    return rng.gamma(0.7, size=k) + 1e-3, q / q.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_p_is_what_the_matrix_leaves_as_it_is(seed, k):
    """`eq-chains-balance`, with proposals that are not symmetric and moves with no way back."""
    p, q = random_chain(seed, k)
    A = metropolis_matrix(p, q)
    flow = p[:, None] * A
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    np.testing.assert_allclose(p @ A, p, rtol=1e-12)
    np.testing.assert_allclose(A.sum(axis=1), 1)
    assert (A >= 0).all()
    assert np.array_equal(metropolis_matrix(5 * p, q), A) or np.allclose(
        metropolis_matrix(5 * p, q), A, rtol=1e-12
    )
    for i, j in itertools.permutations(range(k), 2):
        due = q[i, j] * min(1, p[j] * q[j, i] / (p[i] * q[i, j])) if q[i, j] else 0
        assert A[i, j] == pytest.approx(due, rel=1e-12)


def test_without_the_ratio_of_proposals_it_is_another_law():
    """The control: the matrix of Metropolis' rule with proposals that are not symmetric."""
    p, q = np.array([0.2, 0.3, 0.5]), np.array([[0, 0.9, 0.1], [0.5, 0, 0.5], [0.1, 0.9, 0]])
    naive = q * np.minimum(1, p / p[:, None])
    naive += np.diag(1 - naive.sum(axis=1))
    assert abs(p @ naive - p).max() > 0.02
    np.testing.assert_allclose(p @ metropolis_matrix(p, q), p)


def test_the_chain_moves_by_the_matrix():
    """Five states on a line, moves left and right with unequal proposals."""
    p = np.array([1.0, 4.0, 2.0, 3.0, 0.5])
    right = np.array([1.0, 0.7, 0.4, 0.5, 0.0])
    q = np.diag(right[:-1], 1) + np.diag(1 - right[1:], -1)
    kernel = metropolis_matrix(p, q)

    def propose(x, rng):
        i = int(x[0])
        return np.array([float(i + (1 if rng.random_sample() < right[i] else -1))])

    chain = metropolis_hastings(
        lambda x: np.log(p[int(x[0])]) if 0 <= x[0] < 5 else -np.inf,
        [1.0],
        60_000,
        propose=propose,
        log_ratio=lambda x, new: np.log(q[int(new[0]), int(x[0])] / q[int(x[0]), int(new[0])]),
        random_state=0,
    )
    moves = np.zeros((5, 5))
    states = chain.x[:, 0].astype(int)
    np.add.at(moves, (states[:-1], states[1:]), 1)
    seen = moves / moves.sum(axis=1, keepdims=True)
    error = np.sqrt(kernel * (1 - kernel) / moves.sum(axis=1, keepdims=True))
    assert (np.abs(seen - kernel) <= 5 * error + 1e-12).all()


def test_without_the_refused_the_law_is_p_times_the_acceptance():
    """Pitfall I1: what comes out is the stationary law of the chain of moves."""
    p = np.array([0.2, 0.3, 0.5])
    A = metropolis_matrix(p, (1 - np.eye(3)) / 2)
    due = p * (1 - A.diagonal())
    due /= due.sum()
    np.testing.assert_allclose(due, [2 / 7, 5 / 14, 5 / 14])
    chain = metropolis_hastings(
        lambda x: np.log(p[int(x[0])]),
        [0.0],
        40_000,
        propose=lambda x, rng: np.array([(x[0] + rng.randint(1, 3)) % 3]),
        random_state=0,
    )
    states = chain.x[:, 0].astype(int)
    assert len(states) == 40_000
    np.testing.assert_allclose(np.bincount(states) / 40_000, p, atol=0.02)
    kept = np.bincount(states[chain.accepted])
    np.testing.assert_allclose(kept / kept.sum(), due, atol=0.02)


@pytest.mark.parametrize("size", [0.3, 1.0, 1.6])
def test_langevin_without_refusals_has_the_variance_of_its_recursion(size):
    """Pitfall I4: `eq-chains-langevin-variance`; on a normal target 1 / (1 - size^2 / 4)."""
    told = {"log_p": lambda x: -x @ x / 2, "gradient": lambda x: -x, "x": [0.0], "step_size": size}
    raw = langevin(**told, n=40_000, adjusted=False, random_state=0)
    cured = langevin(**told, n=40_000, random_state=0)
    assert raw.accepted.all()
    due = 1 / (1 - size**2 / 4)
    for chain, variance in ((raw, due), (cured, 1.0)):
        squares = chain.x[:, 0] ** 2
        assert abs(squares.mean() - variance) < 5 * standard_error(squares)


def test_leapfrog_is_reversible_and_of_second_order():
    """Pitfall I3: a chain without the last half kick has the right variance, and is caught here."""
    rng = np.random.default_rng(0)
    x, push = rng.normal(size=(2, 3))
    quartic = lambda z: -z - z**3  # noqa: E731 -- a force that is not linear
    there = leapfrog(quartic, x, push, 0.1, 7)
    back = leapfrog(quartic, there[0], -there[1], 0.1, 7)
    np.testing.assert_allclose(back[0], x, atol=1e-12)
    np.testing.assert_allclose(-back[1], push, atol=1e-12)

    def energy(z, m):
        return (z**2 / 2 + z**4 / 4).sum() + (m**2).sum() / 2

    errors = [
        abs(energy(*leapfrog(quartic, x, push, 1 / n, n)) - energy(x, push)) for n in (40, 80, 160)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_without_the_last_half_kick_the_way_back_is_lost():
    """Pitfall I3, the control: what the test above would say to the wrong scheme."""
    slope = lambda z: -z - z**3  # noqa: E731
    rng = np.random.default_rng(0)
    x, push = rng.normal(size=(2, 3))

    def cut(z, m):
        z, m = leapfrog(slope, z, m, 0.1, 7)
        return z, m - 0.05 * slope(z)

    there = cut(x, push)
    assert abs(cut(there[0], -there[1])[0] - x).max() > 1e-3


def test_the_energy_is_that_of_the_push_of_this_step():
    """Pitfall I2: with a tiny step every move is accepted, with a huge one hardly any."""
    told = {"log_p": log_p, "gradient": gradient, "x": [0.3, -1], "n": 300, "n_steps": 4}
    small = hamiltonian_monte_carlo(**told, step_size=1e-3, random_state=0)
    large = hamiltonian_monte_carlo(**told, step_size=3.0, random_state=0)
    assert small.accepted.mean() > 0.99
    assert large.accepted.mean() < 0.05


def test_gibbs_on_two_correlated_gaussians():
    def draw(j):
        return lambda x, rng: 0.8 * x[1 - j] + 0.6 * rng.standard_normal()

    x = gibbs_sample([draw(0), draw(1)], [5.0, 5.0], 20_000, n_burn=100, random_state=0)
    for values, due in ((x[:, 0], 0), (x[:, 1] ** 2, 1), (x[:, 0] * x[:, 1], 0.8)):
        assert abs(values.mean() - due) < 5 * standard_error(values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metropolis_hastings(lambda x: -np.inf, [0.0], 5), "density is positive"),
        (lambda: metropolis_hastings(log_p, [0, 0], 0), "n=0"),
        (lambda: metropolis_hastings(log_p, [0, 0], 5, std=0), "std=0"),
        (lambda: gibbs_sample([], [0.0], 5), "one for each"),
        (lambda: metropolis_matrix([1, 2], np.ones((2, 2))), "sum 1"),
        (lambda: metropolis_matrix([1, 0], np.eye(2)), "must be positive"),
    ],
)
def test_bad_chains_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
