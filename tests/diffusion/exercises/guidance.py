"""Wrong answers that the checkers of book/diffusion/guidance.md must refuse."""

from itertools import pairwise

import torch


def between(network, x, t, told, w, *, nothing=None):
    unconditional = network(x, t, torch.zeros_like(told) if nothing is None else nothing)
    return network(x, t, told), unconditional


def counts_from_the_unconditional(network, x, t, told, w):
    conditional, unconditional = between(network, x, t, told, w)
    return unconditional + w * (conditional - unconditional)


def wrong_sign(network, x, t, told, w):
    conditional, unconditional = between(network, x, t, told, w)
    return conditional + w * (unconditional - conditional)


def weights_do_not_sum_to_one(network, x, t, told, w):
    conditional, unconditional = between(network, x, t, told, w)
    return (1 + w) * conditional + w * unconditional


def class_in_both(network, x, t, told, w):
    conditional, unconditional = between(network, x, t, told, w, nothing=told)
    return conditional + w * (conditional - unconditional)


def ones_for_any_class(network, x, t, told, w):
    conditional, unconditional = between(network, x, t, told, w, nothing=torch.ones_like(told))
    return conditional + w * (conditional - unconditional)


def mean_over_the_batch(network, x, t, told, w):
    return counts_from_the_unconditional(network, x, t, told, w + 1).mean(dim=0)


def walk(guess, x, alpha_bar, steps, *, ask=lambda now, after: max(now, 1), put=None):
    for now, after in pairwise(steps):
        noise = guess(x, ask(now, after))
        x0 = (x - (1 - alpha_bar[now]).sqrt() * noise) / alpha_bar[now].sqrt()
        kept = alpha_bar[after]
        x = (put or (lambda kept, x0, n: kept.sqrt() * x0 + (1 - kept).sqrt() * n))(kept, x0, noise)
    return x


def asks_where_it_goes(guess, x, alpha_bar, steps):
    return walk(guess, x, alpha_bar, steps, ask=lambda now, after: after)


def without_roots(guess, x, alpha_bar, steps):
    return walk(guess, x, alpha_bar, steps, put=lambda k, x0, n: k * x0 + (1 - k) * n)


def forgets_the_noise(guess, x, alpha_bar, steps):
    return walk(guess, x, alpha_bar, steps, put=lambda k, x0, n: k.sqrt() * x0)


def draws_fresh_noise(guess, x, alpha_bar, steps):
    def put(kept, x0, noise):
        return kept.sqrt() * x0 + (1 - kept).sqrt() * torch.randn_like(noise)

    return walk(guess, x, alpha_bar, steps, put=put)


def stops_one_step_short(guess, x, alpha_bar, steps):
    return walk(guess, x, alpha_bar, steps[:-1])


def walks_to_the_data(guess, x, alpha_bar, steps):
    return walk(guess, x, alpha_bar, steps[::-1])


WRONG = {
    "guided": [
        counts_from_the_unconditional,
        wrong_sign,
        weights_do_not_sum_to_one,
        class_in_both,
        ones_for_any_class,
        mean_over_the_batch,
    ],
    "to_noise": [
        asks_where_it_goes,
        without_roots,
        forgets_the_noise,
        draws_fresh_noise,
        stops_one_step_short,
        walks_to_the_data,
    ],
}
