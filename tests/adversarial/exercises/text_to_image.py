"""Wrong answers that the checkers of book/adversarial/text_to_image.md must refuse."""

import torch
from torch.nn import functional

from companion.adversarial.captions import meaning, read_caption


def left_out(scores, wrong):
    """Scores with those of the pairs that do not count at minus infinity."""
    return scores.masked_fill(~wrong, -torch.inf)


def columns(scores, wrong):
    return functional.softplus(left_out(scores, wrong).logsumexp(dim=0) - scores.diagonal()).mean()


def counts_all(scores, wrong):
    return functional.cross_entropy(scores, torch.arange(len(scores)))


def without_the_right_one(scores, wrong):
    return (left_out(scores, wrong).logsumexp(dim=1) - scores.diagonal()).mean()


def one_by_one(scores, wrong):
    gaps = functional.softplus(scores - scores.diagonal()[:, None])
    return (gaps * wrong).sum(dim=1).mean()


def sum_over_images(scores, wrong):
    return functional.softplus(left_out(scores, wrong).logsumexp(dim=1) - scores.diagonal()).sum()


def overflows(scores, wrong):
    gaps = (scores - scores.diagonal()[:, None]).exp() * wrong
    return (1 + gaps.sum(dim=1)).log().mean()


def each_image(scores, wrong):
    return functional.softplus(left_out(scores, wrong).logsumexp(dim=1) - scores.diagonal())


def wrong_way_round(scores, wrong):
    return functional.softplus(scores.diagonal() - left_out(scores, wrong).logsumexp(dim=1)).mean()


def compares_words(caption, other):
    return caption == other


def any_order_of_words(caption, other):
    return sorted(caption.split()) == sorted(other.split())


def same_objects_alone(caption, other):
    return sorted(read_caption(caption)[0]) == sorted(read_caption(other)[0])


def forgets_to_exchange_the_objects(caption, other):
    objects, relation = read_caption(caption)
    others, another = read_caption(other)
    return objects == others and relation // 2 == another // 2


def always_exchanges(caption, other):
    objects, relation = read_caption(caption)
    others, another = read_caption(other)
    return objects == others[::-1] and relation != another


def layout_alone(caption, other):
    layout, _ = meaning([caption, other])
    return bool(layout[0] == layout[1])


WRONG = {
    "matching": [
        columns,
        counts_all,
        without_the_right_one,
        one_by_one,
        sum_over_images,
        overflows,
        each_image,
        wrong_way_round,
    ],
    "same": [
        compares_words,
        any_order_of_words,
        same_objects_alone,
        forgets_to_exchange_the_objects,
        always_exchanges,
        layout_alone,
    ],
}
