"""Wrong answers that the checkers of book/autoregressive/transformers.md must refuse."""

import torch


def back(n):
    return torch.arange(n)[:, None] - torch.arange(n)


def one_too_wide(n, width):
    return (back(n) >= 0) & (back(n) <= width)


def not_itself(n, width):
    return (back(n) > 0) & (back(n) <= width)


def both_ways(n, width):
    return back(n).abs() < width


def transposed(n, width):
    return ((back(n) >= 0) & (back(n) < width)).T


def numbers(n, width):
    return ((back(n) >= 0) & (back(n) < width)).float()


def weights(q, k, masked=True, root=True, axis=1):
    matches = q @ k.T / (q.shape[1] ** 0.5 if root else 1)
    if masked:
        matches = matches.masked_fill(back(len(q)) < 0, -torch.inf)
    return matches.softmax(dim=axis)


def no_mask(q, k, v):
    return weights(q, k, masked=False) @ v


def no_root(q, k, v):
    return weights(q, k, root=False) @ v


def over_the_queries(q, k, v):
    return weights(q, k, masked=False, axis=0) @ v


def masked_after(q, k, v):
    return weights(q, k, masked=False).tril() @ v


def overflows(q, k, v):
    scores = (q @ k.T / q.shape[1] ** 0.5).exp().tril()
    return scores / scores.sum(dim=1, keepdim=True) @ v


WRONG = {
    "window_mask": [one_too_wide, not_itself, both_ways, transposed, numbers],
    "attend": [no_mask, no_root, over_the_queries, masked_after, overflows],
}
