"""Chains whose long-run shares are the distribution that we cannot draw from.

Chapter: `chains`.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from companion.validation import check_integer, check_real


class Chain(NamedTuple):
    """What a chain visited.

    Attributes
    ----------
    x : array (n, d)
        One row a step; a proposal that was refused leaves the chain where it is, and that row is
        written again.
    accepted : bool array (n,)
    log_p : array (n,)
        Unnormalised log probability of each row, in nats.
    """

    x: np.ndarray
    accepted: np.ndarray
    log_p: np.ndarray


def run(step, log_p, x, n, n_burn):
    """Repeat ``step(x, log_p(x)) -> (x, log_p, accepted)`` and keep what comes after `n_burn`."""
    x = np.array(x, dtype=float)
    value = float(log_p(x))
    if not np.isfinite(value):
        raise ValueError(f"x={x} has log_p={value}: start where the density is positive.")
    n, n_burn = check_integer("n", n), check_integer("n_burn", n_burn, 0)
    rows, told, logs = np.empty((n, len(x))), np.empty(n, dtype=bool), np.empty(n)
    for i in range(-n_burn, n):
        x, value, accepted = step(x, value)
        if i >= 0:
            rows[i], told[i], logs[i] = x, accepted, value
    return Chain(rows, told, logs)


def metropolis_step(log_p, propose, log_ratio, x, value, rng):
    """Propose a move, and go or stay: x, its log p, and whether it moved."""
    new = propose(x, rng)
    new_value = float(log_p(new))
    gain = new_value - value + log_ratio(x, new)
    if np.log(rng.random_sample()) < gain:
        return new, new_value, True
    return x, value, False


def metropolis_hastings(
    log_p, x, n, *, std=1.0, propose=None, log_ratio=None, n_burn=0, random_state=None
):
    """Propose a move, and take it with probability ``min(1, p(x') q(x | x') / (p(x) q(x' | x)))``.

    Parameters
    ----------
    log_p : callable
        Unnormalised log density of x (d,), in nats; -inf outside.
    x : array (d,)
        Where the chain begins.
    n, n_burn : int
        Steps kept, and steps before them.
    std : float
        Of the Gaussian move, if `propose` is not given.
    propose : callable, optional
        ``propose(x, rng)`` returns x'.
    log_ratio : callable, optional
        ``log_ratio(x, x')`` is ``log q(x | x') - log q(x' | x)``; 0 for a symmetric move.
    random_state : int, RandomState or None

    Returns
    -------
    Chain

    Notes
    -----
    Source: Metropolis et al. (1953), Hastings (1970).
    """
    rng, std = check_random_state(random_state), check_real("std", std, 0, inclusive=False)

    def walk(x, rng):
        return x + std * rng.standard_normal(len(x))

    def step(x, value):
        return metropolis_step(
            log_p, propose or walk, log_ratio or (lambda x, new: 0.0), x, value, rng
        )

    return run(step, log_p, x, n, n_burn)


def metropolis_matrix(p, q):
    """Transition matrix (k, k) of Metropolis-Hastings on k states.

    ``A_ij = q_ij min(1, p_j q_ji / (p_i q_ij))`` off the diagonal, and on it what is left: refused
    moves stay.

    Parameters
    ----------
    p : array (k,)
        Positive shares, not necessarily normalised.
    q : array (k, k)
        Row i holds the chances of each proposal from state i; rows sum to 1.
    """
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if q.shape != (len(p), len(p)) or not np.allclose(q.sum(axis=1), 1) or (q < 0).any():
        raise ValueError(
            f"q has shape {q.shape}: give a row of chances, sum 1, for each state of p."
        )
    if not (p > 0).all():
        raise ValueError(f"p={p} must be positive: leave out the states that are never visited.")
    there = p[:, None] * q
    A = np.minimum(there, there.T) / p[:, None]
    np.fill_diagonal(A, 0)
    return A + np.diag(1 - A.sum(axis=1))


def langevin(log_p, gradient, x, n, *, step_size, adjusted=True, n_burn=0, random_state=None):
    """Metropolis-adjusted Langevin: a step of half ``step_size**2`` up the gradient, and noise.

    ``x' = x + step_size^2 / 2 grad log p(x) + step_size noise``; the move is not symmetric, and the
    ratio says so (Roberts and Tweedie, 1996). If not `adjusted`, every move is taken: the chain has
    then another law than p, the nearer the smaller the step.
    """
    size = check_real("step_size", step_size, 0, inclusive=False)

    def mean(x):
        return x + size**2 / 2 * gradient(x)

    def log_q(to, at):
        return -((to - mean(at)) ** 2).sum() / (2 * size**2)

    def log_ratio(x, new):
        return log_q(x, new) - log_q(new, x) if adjusted else np.inf

    return metropolis_hastings(
        log_p,
        x,
        n,
        propose=lambda x, rng: mean(x) + size * rng.standard_normal(len(x)),
        log_ratio=log_ratio,
        n_burn=n_burn,
        random_state=random_state,
    )


def leapfrog(gradient, x, momentum, step_size, n_steps):
    """Half a kick, then steps and kicks, and half a kick at the end.

    Reversible, keeps volumes; the energy is off by the square of the step.
    """
    momentum = momentum + step_size / 2 * gradient(x)
    for i in range(n_steps):
        x = x + step_size * momentum
        kick = step_size if i < n_steps - 1 else step_size / 2
        momentum = momentum + kick * gradient(x)
    return x, momentum


def hamiltonian_monte_carlo(
    log_p, gradient, x, n, *, step_size, n_steps, n_burn=0, random_state=None
):
    """Give the point a random push and let it roll; accept by the error of the energy.

    Parameters
    ----------
    log_p, gradient : callable
        Unnormalised log density of x (d,) in nats, and its gradient (d,).
    step_size : float
    n_steps : int
        Leapfrog steps of one move.
    x, n, n_burn, random_state
        As for `metropolis_hastings`.

    Returns
    -------
    Chain

    Notes
    -----
    Source: Duane et al. (1987); Neal (2011), arXiv:1206.1901.
    """
    rng = check_random_state(random_state)
    size = check_real("step_size", step_size, 0, inclusive=False)
    n_steps = check_integer("n_steps", n_steps)

    def step(x, value):
        push = rng.standard_normal(len(x))
        new, momentum = leapfrog(gradient, x, push, size, n_steps)
        new_value = float(log_p(new))
        gain = new_value - value + (push @ push - momentum @ momentum) / 2
        if np.log(rng.random_sample()) < gain:
            return new, new_value, True
        return x, value, False

    return run(step, log_p, x, n, n_burn)


def gibbs_sample(conditionals, x, n, *, n_burn=0, random_state=None):
    """Draw one coordinate after the other, each given all others (Geman and Geman, 1984).

    Parameters
    ----------
    conditionals : sequence of callable
        ``conditionals[i](x, rng)`` draws coordinate i given the others in x.
    x : array (d,)
        Where the chain begins; it is not changed.
    n, n_burn : int
        Sweeps kept, and sweeps before them.

    Returns
    -------
    array (n, d)
        The state after each sweep.
    """
    rng, x = check_random_state(random_state), np.array(x)
    if len(conditionals) != len(x):
        raise ValueError(
            f"conditionals has {len(conditionals)} functions but x has {len(x)} coordinates: give "
            "one for each."
        )
    n, n_burn = check_integer("n", n), check_integer("n_burn", n_burn, 0)
    rows = np.empty((n, len(x)), dtype=x.dtype)
    for i in range(-n_burn, n):
        for j, draw in enumerate(conditionals):
            x[j] = draw(x, rng)
        if i >= 0:
            rows[i] = x
    return rows
