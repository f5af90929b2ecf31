"""Wrong answers that the checkers of book/selfsupervised/joint_embedding.md must refuse."""

import numpy as np


def made(
    z,
    *,
    centre=True,
    divide=1,
    root=True,
    eps=1e-4,
    hinge=True,
    diagonal=False,
    once=False,
    outputs=True,
):
    """The right answer, with room for faults."""
    z = z - z.mean(axis=0) if centre else z
    c = z.T @ z / (len(z) - divide)
    alive = np.diag(c) + eps
    short = 1 - (np.sqrt(alive) if root else alive)
    variance = np.maximum(0, short).mean() if hinge else short.mean()
    off = c if diagonal else c - np.diag(np.diag(c))
    total = (off**2).sum() / (2 if once else 1)
    return variance, total / z.shape[1] if outputs else total


def variance_without_a_root(z):
    return made(z, root=False)


def with_the_diagonal(z):
    return made(z, diagonal=True)


def below_zero(z):
    return made(z, hinge=False)


def not_centred(z):
    return made(z, centre=False)


def divided_by_n(z):
    return made(z, divide=0)


def no_small_number(z):
    return made(z, eps=0)


def each_pair_once(z):
    return made(z, once=True)


def not_divided_by_outputs(z):
    return made(z, outputs=False)


def swapped(z):
    return made(z)[::-1]


def loss(pictures, captions, a, *, lengths=True, ways=(1, 0), sign=1, power=False, total=False):
    """The right answer, with room for faults."""
    u, t = pictures, captions
    if lengths:
        u, t = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (u, t))
    scores = u @ t.T * a**sign
    if power:
        with np.errstate(all="ignore"):
            sums = [np.log(np.exp(scores).sum(axis=i)).mean() for i in ways]
    else:
        sums = [np.logaddexp.reduce(scores, axis=i).mean() for i in ways]
    found = sum(sums) / len(ways) - np.diag(scores).mean()
    return found * len(scores) if total else found


def one_direction(pictures, captions, a):
    return loss(pictures, captions, a, ways=(1,))


def with_lengths(pictures, captions, a):
    return loss(pictures, captions, a, lengths=False)


def divided_by_a(pictures, captions, a):
    return loss(pictures, captions, a, sign=-1)


def overflows(pictures, captions, a):
    return loss(pictures, captions, a, power=True)


def sum_over_pairs(pictures, captions, a):
    return loss(pictures, captions, a, total=True)


def sum_of_both(pictures, captions, a):
    return 2 * loss(pictures, captions, a)


WRONG = {
    "terms": [
        variance_without_a_root,
        with_the_diagonal,
        below_zero,
        not_centred,
        divided_by_n,
        no_small_number,
        each_pair_once,
        not_divided_by_outputs,
        swapped,
    ],
    "both_ways": [
        one_direction,
        with_lengths,
        divided_by_a,
        overflows,
        sum_over_pairs,
        sum_of_both,
    ],
}
