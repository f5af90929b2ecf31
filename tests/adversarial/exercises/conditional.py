"""Wrong answers that the checkers of book/adversarial/conditional.md must refuse."""

import math

import torch


def mean_of_the_told(p, q):
    return p / (p + q), (p / (p + q)).mean(axis=0)


def fakes_above(p, q):
    real, fake = p.mean(axis=0), q.mean(axis=0)
    return q / (p + q), fake / (real + fake)


def deaf_first(p, q):
    real, fake = p.mean(axis=0), q.mean(axis=0)
    return real / (real + fake), p / (p + q)


def both_told(p, q):
    return p / (p + q), p / (p + q)


def told_of_all_classes(p, q):
    real, fake = p.sum(axis=0), q.sum(axis=0)
    return p / (real + fake), real / (real + fake)


def multiplied(p, q):
    real, fake = p.prod(axis=0), q.prod(axis=0)
    return p / (p + q), real / (real + fake)


def without_the_entropy(logits, codes):
    return torch.log_softmax(logits, dim=1)[torch.arange(len(codes)), codes].mean()


def entropy_for_every_row(logits, codes):
    log_q = torch.log_softmax(logits, dim=1)[torch.arange(len(codes)), codes]
    return log_q.mean() + len(codes) * math.log(logits.shape[1])


def logits_as_they_are(logits, codes):
    return logits[torch.arange(len(codes)), codes].mean() + math.log(logits.shape[1])


def of_the_likeliest_code(logits, codes):
    return torch.log_softmax(logits, dim=1).max(dim=1).values.mean() + math.log(logits.shape[1])


def over_the_rows(logits, codes):
    log_q = torch.log_softmax(logits, dim=0)[torch.arange(len(codes)), codes]
    return log_q.mean() + math.log(logits.shape[1])


def in_bits(logits, codes):
    log_q = torch.log_softmax(logits, dim=1)[torch.arange(len(codes)), codes]
    return (log_q.mean() + math.log(logits.shape[1])) / math.log(2)


def one_bound_a_row(logits, codes):
    log_q = torch.log_softmax(logits, dim=1)[torch.arange(len(codes)), codes]
    return log_q + math.log(logits.shape[1])


def without_a_graph(logits, codes):
    log_q = torch.log_softmax(logits, dim=1)[torch.arange(len(codes)), codes]
    return torch.tensor(float(log_q.mean()) + math.log(logits.shape[1]), requires_grad=True)


def from_the_wrong_side(G, F, a, b):
    return (G(a) - a).abs().mean() + (F(b) - b).abs().mean()


def there_and_back(G, F, a, b):
    return (F(G(a)) - a).abs().mean() + (G(F(b)) - b).abs().mean()


def squares(G, F, a, b):
    return ((G(b) - b) ** 2).mean() + ((F(a) - a) ** 2).mean()


def only_one_of_them(G, F, a, b):
    return (G(b) - b).abs().mean()


def sums(G, F, a, b):
    return (G(b) - b).abs().sum() + (F(a) - a).abs().sum()


def signed(G, F, a, b):
    return (G(b) - b).mean() + (F(a) - a).mean()


WRONG = {
    "best_judges": [
        mean_of_the_told,
        fakes_above,
        deaf_first,
        both_told,
        told_of_all_classes,
        multiplied,
    ],
    "code_bound": [
        without_the_entropy,
        entropy_for_every_row,
        logits_as_they_are,
        of_the_likeliest_code,
        over_the_rows,
        in_bits,
        one_bound_a_row,
        without_a_graph,
    ],
    "leave_alone": [
        from_the_wrong_side,
        there_and_back,
        squares,
        only_one_of_them,
        sums,
        signed,
    ],
}
