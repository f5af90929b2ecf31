"""Wrong answers that the checkers of book/selfsupervised/contrastive.md must refuse."""

import numpy as np


def loss(z_a, z_b, temperature, *, itself=False, unit=True, power=-1, half=False, shifted=0):
    """The right answer, with room for faults."""
    z = np.concatenate([z_a, z_b]).astype(float)
    if unit:
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores, n = z @ z.T * temperature**power, len(z)
    if not itself:
        np.fill_diagonal(scores, -np.inf)
    partner = (np.arange(n) + n // 2 + shifted) % n
    rows = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(n), partner]
    return rows[: n // 2].mean() if half else rows.mean()


def a_view_is_its_own_candidate(z_a, z_b, temperature):
    return loss(z_a, z_b, temperature, itself=True)


def lengths_count(z_a, z_b, temperature):
    return loss(z_a, z_b, temperature, unit=False)


def times_the_temperature(z_a, z_b, temperature):
    return loss(z_a, z_b, temperature, power=1)


def temperature_in_front(z_a, z_b, temperature):
    return temperature * loss(z_a, z_b, temperature)


def half_of_the_rows(z_a, z_b, temperature):
    return loss(z_a, z_b, temperature, half=True)


def the_next_is_the_partner(z_a, z_b, temperature):
    return loss(z_a, z_b, temperature, shifted=1)


def partners_are_neighbours(z_a, z_b, temperature):
    z = np.concatenate([z_a, z_b]).astype(float)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores, rows = z @ z.T / temperature, np.arange(len(z))
    np.fill_diagonal(scores, -np.inf)
    return (np.logaddexp.reduce(scores, axis=1) - scores[rows, rows ^ 1]).mean()


def only_the_other_side(z_a, z_b, temperature):
    a, b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z_a, z_b))
    scores = a @ b.T / temperature
    return (np.logaddexp.reduce(scores, axis=1) - scores.diagonal()).mean()


def summed(z_a, z_b, temperature):
    return 2 * len(z_a) * loss(z_a, z_b, temperature)


def overflows(z_a, z_b, temperature):
    z = np.concatenate([z_a, z_b])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        terms = np.exp(z @ z.T / temperature)
        np.fill_diagonal(terms, 0)
        n = len(z)
        partner = (np.arange(n) + n // 2) % n
        return -np.log(terms[np.arange(n), partner] / terms.sum(1)).mean()


def rows_of(queue, keys, oldest):
    return (oldest + np.arange(len(keys))) % len(queue)


def in_place(queue, keys, oldest):
    queue[rows_of(queue, keys, oldest)] = keys
    return queue, (oldest + len(keys)) % len(queue)


def one_further(queue, keys, oldest):
    queue = np.array(queue)
    queue[rows_of(queue, keys, oldest)] = keys
    return queue, (oldest + 1) % len(queue)


def no_ring(queue, keys, oldest):
    queue = np.array(queue)
    n = len(queue[oldest : oldest + len(keys)])
    queue[oldest : oldest + n] = keys[:n]
    return queue, (oldest + len(keys)) % len(queue)


def pointer_runs_on(queue, keys, oldest):
    queue = np.array(queue)
    queue[rows_of(queue, keys, oldest)] = keys
    return queue, oldest + len(keys)


def moves_all(queue, keys, oldest):
    return np.concatenate([queue[len(keys) :], keys]), (oldest + len(keys)) % len(queue)


def grows(queue, keys, oldest):
    return np.concatenate([queue, keys]), oldest


WRONG = {
    "simclr_loss": [
        a_view_is_its_own_candidate,
        lengths_count,
        times_the_temperature,
        temperature_in_front,
        half_of_the_rows,
        the_next_is_the_partner,
        partners_are_neighbours,
        only_the_other_side,
        summed,
        overflows,
    ],
    "enqueue": [in_place, one_further, no_ring, pointer_runs_on, moves_all, grows],
}
