"""Wrong answers that the checkers of book/autoregressive/decoding.md must refuse."""

import torch


def times_the_temperature(logits, tau):
    return (logits * tau).softmax(dim=0)


def no_limit(logits, tau):
    return (logits / tau).softmax(dim=0)


def first_of_the_largest(logits, tau):
    if tau == 0:
        return torch.nn.functional.one_hot(logits.argmax(), len(logits))
    return (logits / tau).softmax(dim=0)


def overflows(logits, tau):
    if tau == 0:
        largest = (logits == logits.max()).float()
        return largest / largest.sum()
    weights = (logits / tau).exp()
    return weights / weights.sum()


def share_of_the_whole(logits, share):
    return torch.where(logits.softmax(dim=-1) >= share, logits, -torch.inf)


def in_logits(logits, share):
    highest = logits.max(dim=-1, keepdim=True).values
    return torch.where(logits >= share * highest, logits, -torch.inf)


def probabilities(logits, share):
    p = logits.softmax(dim=-1)
    return torch.where(p >= share * p.max(dim=-1, keepdim=True).values, p.log(), -torch.inf)


def one_likeliest_for_all(logits, share):
    p = logits.exp()
    return torch.where(p >= share * p.max(), logits, -torch.inf)


def changes_its_input(logits, share):
    p = logits.softmax(dim=-1)
    logits[p < share * p.max(dim=-1, keepdim=True).values] = -torch.inf
    return logits


WRONG = {
    "temper": [times_the_temperature, no_limit, first_of_the_largest, overflows],
    "at_least": [
        share_of_the_whole,
        in_logits,
        probabilities,
        one_likeliest_for_all,
        changes_its_input,
    ],
}
