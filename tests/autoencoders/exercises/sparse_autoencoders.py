"""Wrong answers that the checkers of book/autoencoders/sparse_autoencoders.md must refuse."""

import numpy as np


def coins(rho, other):
    return rho * np.log(rho / other) + (1 - rho) * np.log((1 - rho) / (1 - other))


def mean_of_the_prices(activations, rho):
    return coins(rho, np.clip(activations, 1e-9, 1 - 1e-9)).mean(axis=0).sum()


def mean_over_units(activations, rho):
    return coins(rho, np.mean(activations, axis=0)).mean()


def the_other_way_round(activations, rho):
    return coins(np.mean(activations, axis=0), rho).sum()


def heads_only(activations, rho):
    return (rho * np.log(rho / np.mean(activations, axis=0))).sum()


def in_bits(activations, rho):
    return coins(rho, np.mean(activations, axis=0)).sum() / np.log(2)


def of_each_row(activations, rho):
    return coins(rho, np.mean(activations, axis=1)).sum()


def kept(codes, places):
    result = np.zeros_like(codes)
    np.put_along_axis(result, places, np.take_along_axis(codes, places, axis=1), axis=1)
    return result


def largest_not_strongest(codes, k):
    return kept(codes, np.argsort(-codes, axis=1)[:, :k])


def weakest(codes, k):
    return kept(codes, np.argsort(np.abs(codes), axis=1)[:, :k])


def sizes_without_signs(codes, k):
    return np.abs(kept(codes, np.argsort(-np.abs(codes), axis=1)[:, :k]))


def of_all_rows(codes, k):
    limit = np.sort(np.abs(codes).ravel())[-k * len(codes)]
    return np.where(np.abs(codes) >= limit, codes, 0)


def in_place(codes, k):
    away = np.argsort(-np.abs(codes), axis=1)[:, k:]
    np.put_along_axis(codes, away, 0, axis=1)
    return codes


def only_the_entries(codes, k):
    return np.take_along_axis(codes, np.argsort(-np.abs(codes), axis=1)[:, :k], axis=1)


WRONG = {
    "activity_price": [
        mean_of_the_prices,
        mean_over_units,
        the_other_way_round,
        heads_only,
        in_bits,
        of_each_row,
    ],
    "keep_strongest": [
        largest_not_strongest,
        weakest,
        sizes_without_signs,
        of_all_rows,
        in_place,
        only_the_entries,
    ],
}
