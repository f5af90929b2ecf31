"""Wrong answers that the checkers of book/semisupervised/semisupervised.md must refuse."""

import numpy as np


def logs(z):
    return z - np.logaddexp.reduce(z, axis=1, keepdims=True)


def parts(weak, strong, threshold):
    """Cross-entropies, and which of them count."""
    label = weak.argmax(axis=1)
    each = -logs(strong)[np.arange(len(label)), label]
    return each, np.exp(logs(weak).max(axis=1)) >= threshold


def divided_by_those_that_count(weak, strong, threshold):
    each, counts = parts(weak, strong, threshold)
    return (counts * each).sum() / max(counts.sum(), 1)


def mask_of_the_strong_view(weak, strong, threshold):
    each, _ = parts(weak, strong, threshold)
    return ((np.exp(logs(strong).max(axis=1)) >= threshold) * each).mean()


def label_of_the_strong_view(weak, strong, threshold):
    _, counts = parts(weak, strong, threshold)
    return (counts * -logs(strong).max(axis=1)).mean()


def threshold_on_logits(weak, strong, threshold):
    each, _ = parts(weak, strong, threshold)
    return ((weak.max(axis=1) >= threshold) * each).mean()


def overflows(weak, strong, threshold):
    with np.errstate(all="ignore"):
        p = np.exp(weak) / np.exp(weak).sum(axis=1, keepdims=True)
        q = np.exp(strong) / np.exp(strong).sum(axis=1, keepdims=True)
        label = p.argmax(axis=1)
        return -((p.max(axis=1) >= threshold) * np.log(q[np.arange(len(q)), label])).mean()


def one_for_each_image(weak, strong, threshold):
    each, counts = parts(weak, strong, threshold)
    return counts * each


def scaled(F):
    total = F.sum(axis=1, keepdims=True)
    return np.where(total > 0, F / np.where(total > 0, total, 1), 1 / F.shape[1])


def forgets_the_labels(S, Y, alpha, n_steps):
    F = Y
    for _ in range(n_steps):
        F = alpha * S @ F
    return scaled(F)


def swaps_the_shares(S, Y, alpha, n_steps):
    F = Y
    for _ in range(n_steps):
        F = (1 - alpha) * S @ F + alpha * Y
    return scaled(F)


def begins_with_nothing(S, Y, alpha, n_steps):
    F = 0 * Y
    for _ in range(n_steps):
        F = alpha * S @ F + (1 - alpha) * Y
    return scaled(F)


def not_scaled(S, Y, alpha, n_steps):
    F = Y
    for _ in range(n_steps):
        F = alpha * S @ F + (1 - alpha) * Y
    return F


def no_answer_for_the_lonely(S, Y, alpha, n_steps):
    F = not_scaled(S, Y, alpha, n_steps)
    return F / np.maximum(F.sum(axis=1, keepdims=True), 1e-300)


def changes_what_was_given(S, Y, alpha, n_steps):
    given, F = Y.copy(), Y
    for _ in range(n_steps):
        F[:] = alpha * S @ F + (1 - alpha) * given
    return scaled(F)


WRONG = {
    "fixmatch_loss": [
        divided_by_those_that_count,
        mask_of_the_strong_view,
        label_of_the_strong_view,
        threshold_on_logits,
        overflows,
        one_for_each_image,
    ],
    "walk": [
        forgets_the_labels,
        swaps_the_shares,
        begins_with_nothing,
        not_scaled,
        no_answer_for_the_lonely,
        changes_what_was_given,
    ],
}
