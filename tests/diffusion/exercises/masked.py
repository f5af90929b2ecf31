"""Wrong answers that the checkers of book/diffusion/masked.md must refuse."""

import torch


def all_pixels(logs, hidden):
    return logs.shape[1] / hidden.sum(dim=1) * logs.sum(dim=1)


def no_weight(logs, hidden):
    return torch.where(hidden, logs, 0).sum(dim=1)


def mean_of_hidden(logs, hidden):
    return torch.where(hidden, logs, 0).sum(dim=1) / hidden.sum(dim=1)


def one_n_for_all(logs, hidden):
    return logs.shape[1] / hidden.sum(dim=1).float().mean() * torch.where(hidden, logs, 0).sum(1)


def seen_ones(logs, hidden):
    return logs.shape[1] / hidden.sum(dim=1) * torch.where(hidden, 0, logs).sum(dim=1)


def least_sure(logs, hidden, n_shown):
    worst = torch.where(hidden, -logs, -torch.inf).topk(n_shown, dim=1).indices
    return torch.zeros_like(hidden).scatter(1, worst, value=True)


def also_seen(logs, hidden, n_shown):
    best = logs.topk(n_shown, dim=1).indices
    return torch.zeros_like(hidden).scatter(1, best, value=True)


def seen_as_zero(logs, hidden, n_shown):
    best = torch.where(hidden, logs, 0).topk(n_shown, dim=1).indices
    return torch.zeros_like(hidden).scatter(1, best, value=True)


def indices(logs, hidden, n_shown):
    return torch.where(hidden, logs, -torch.inf).topk(n_shown, dim=1).indices


def once_sorted(logs, hidden, n_shown):
    return torch.where(hidden, -logs, torch.inf).argsort(dim=1) < n_shown


WRONG = {
    "one_draw": [all_pixels, no_weight, mean_of_hidden, one_n_for_all, seen_ones],
    "surest": [least_sure, also_seen, seen_as_zero, indices, once_sorted],
}
