"""Wrong answers that the checkers of book/embedding/neighbors.md must refuse."""

import numpy as np


def in_bits_and_nats(p):
    seen = p[p > 0]
    return float(2 ** -(seen * np.log(seen)).sum())


def entropy_itself(p):
    seen = p[p > 0]
    return float(-(seen * np.log(seen)).sum())


def without_minus(p):
    seen = p[p > 0]
    return float(np.exp((seen * np.log(seen)).sum()))


def zeros_kept(p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.exp(-(p * np.log(p)).sum()))


def number_of_choices(p):
    return float((p > 0).sum())


def gradient(P, Y, factor=4.0, diagonal=False, kernel_power=1, rows=False, repulsion=1.0):
    differences = Y[:, None] - Y
    kernel = 1 / (1 + (differences**2).sum(-1))
    if not diagonal:
        np.fill_diagonal(kernel, 0)
    Q = kernel / (kernel.sum(axis=1, keepdims=True) if rows else kernel.sum())
    weights = (P - repulsion * Q) * kernel**kernel_power
    return factor * (weights[:, :, None] * differences).sum(axis=1)


def half_of_it(P, Y):
    return gradient(P, Y, factor=2)


def downhill(P, Y):
    return -gradient(P, Y)


def as_in_sne(P, Y):
    return gradient(P, Y, kernel_power=0)


def repels_itself(P, Y):
    return gradient(P, Y, diagonal=True)


def each_row_by_itself(P, Y):
    return gradient(P, Y, rows=True)


def attraction_alone(P, Y):
    return gradient(P, Y, repulsion=0)


WRONG = {
    "perplexity": [in_bits_and_nats, entropy_itself, without_minus, zeros_kept, number_of_choices],
    "slope": [
        half_of_it,
        downhill,
        as_in_sne,
        repels_itself,
        each_row_by_itself,
        attraction_alone,
    ],
}
