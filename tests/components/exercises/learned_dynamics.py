"""Wrong answers that the checkers of book/components/learned_dynamics.md must refuse."""

import numpy as np


def rule(means, covs, lag_covs, *, plain=False, turned=False, steps=0, cut=True):
    covs, lag_covs = (0 * covs, 0 * lag_covs) if plain else (covs, lag_covs)
    end = -1 if cut else None
    past = covs[:end].sum(axis=0) + means[:end].T @ means[:end]
    later = covs[1:].sum(axis=0) + means[1:].T @ means[1:]
    cross = lag_covs.sum(axis=0) + means[1:].T @ means[:-1]
    F = cross @ np.linalg.inv(past)
    return (F.T if turned else F), (later - F @ cross.T) / (len(lag_covs) + steps)


def takes_the_means_for_the_states(means, covs, lag_covs):
    return rule(means, covs, lag_covs, plain=True)


def transposes(means, covs, lag_covs):
    return rule(means, covs, lag_covs, turned=True)


def divides_by_the_rows(means, covs, lag_covs):
    return rule(means, covs, lag_covs, steps=1)


def takes_the_last_row_as_past(means, covs, lag_covs):
    return rule(means, covs, lag_covs, cut=False)


def only_the_rule(means, covs, lag_covs):
    F, _ = rule(means, covs, lag_covs)
    return F, np.eye(3)


def decomposes_the_loadings_only(C, Z):
    U, singular, Vt = np.linalg.svd(C, full_matrices=False)
    return U, Z @ (singular[:, None] * Vt).T


def smallest_first(C, Z):
    U, singular, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    k = C.shape[1]
    return Vt[:k][::-1].T, (U[:, :k] * singular[:k])[:, ::-1]


def forgets_the_size(C, Z):
    U, _, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    return Vt[: C.shape[1]].T, U[:, : C.shape[1]]


def keeps_all(C, Z):
    U, singular, Vt = np.linalg.svd(Z @ C.T, full_matrices=False)
    return Vt.T, U * singular


def only_normalises(C, Z):
    sizes = np.linalg.norm(C, axis=0)
    return C / sizes, Z * sizes


WRONG = {
    "learn_rule": [
        takes_the_means_for_the_states,
        transposes,
        divides_by_the_rows,
        takes_the_last_row_as_past,
        only_the_rule,
    ],
    "orthonormalize": [
        decomposes_the_loadings_only,
        smallest_first,
        forgets_the_size,
        keeps_all,
        only_normalises,
    ],
}
