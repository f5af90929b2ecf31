"""Wrong answers that the checkers of book/adversarial/evaluation.md must refuse."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import entr, softmax


def gap(p):
    return entr(p.mean(axis=0)).sum() - entr(p).sum(axis=1).mean()


def without_the_exponential(logits):
    return float(gap(softmax(logits, axis=1)))


def overflows(logits):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(np.exp(gap(p)))


def zero_times_its_logarithm(logits):
    p = softmax(logits, axis=1)
    with np.errstate(all="ignore"):
        return float(np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean()))


def mean_of_the_logits_first(logits):
    p = softmax(logits, axis=1)
    return float(np.exp(entr(softmax(logits.mean(axis=0))).sum() - entr(p).sum(axis=1).mean()))


def summed_over_images(logits):
    p = softmax(logits, axis=1)
    return float(np.exp(entr(p.mean(axis=0)).sum() - entr(p).sum()))


def one_for_each_image(logits):
    p = softmax(logits, axis=1)
    return np.exp(entr(p.mean(axis=0)).sum() - entr(p).sum(axis=1))


def softmax_over_images(logits):
    return float(np.exp(gap(softmax(logits, axis=0))))


def only_the_entropy_of_the_mean(logits):
    return float(np.exp(entr(softmax(logits, axis=1).mean(axis=0)).sum()))


def share(some, centers, k):
    radius = np.sort(cdist(centers, centers), axis=1)[:, k]
    return float((cdist(some, centers) <= radius).any(axis=1).mean())


def counts_the_point_itself(drawn, real, k):
    return share(drawn, real, k - 1), share(real, drawn, k - 1)


def swapped(drawn, real, k):
    return share(real, drawn, k), share(drawn, real, k)


def rim_outside(drawn, real, k):
    def inside(some, centers):
        radius = np.sort(cdist(centers, centers), axis=1)[:, k]
        return float((cdist(some, centers) < radius).any(axis=1).mean())

    return inside(drawn, real), inside(real, drawn)


def balls_of_the_others(drawn, real, k):
    def inside(some, centers):
        radius = np.sort(cdist(some, some), axis=1)[:, k]
        return float((cdist(some, centers) <= radius[:, None]).any(axis=1).mean())

    return inside(drawn, real), inside(real, drawn)


def copies_do_not_count(drawn, real, k):
    def inside(some, centers):
        away = cdist(centers, centers)
        away[away == 0] = np.inf
        radius = np.sort(away, axis=1)[:, k - 1]
        return float((cdist(some, centers) <= radius).any(axis=1).mean())

    return inside(drawn, real), inside(real, drawn)


def precision_alone(drawn, real, k):
    return share(drawn, real, k)


def precision_twice(drawn, real, k):
    return share(drawn, real, k), share(drawn, real, k)


WRONG = {
    "score_of_logits": [
        without_the_exponential,
        overflows,
        zero_times_its_logarithm,
        mean_of_the_logits_first,
        summed_over_images,
        one_for_each_image,
        softmax_over_images,
        only_the_entropy_of_the_mean,
    ],
    "two_shares": [
        counts_the_point_itself,
        swapped,
        rim_outside,
        balls_of_the_others,
        copies_do_not_count,
        precision_alone,
        precision_twice,
    ],
}
