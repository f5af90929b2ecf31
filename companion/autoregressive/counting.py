"""Counts that go on learning while they predict, at all orders at once: PPM's idea, in arrays.

Chapter: `sequences`.
"""

import numpy as np

from companion.validation import check_integer, check_real


def earlier(groups, weights):
    """Sum of the weights of all earlier places of the same group, float (T,).

    With weights of 1 it says how often the group of a place has come before.
    """
    # By group, then by place: numbers without ties are sorted faster.
    places = np.arange(len(groups))
    order = np.argsort(groups.astype(np.int64) * len(groups) + places)
    sorted_groups, total = groups[order], weights[order].cumsum() - weights[order]
    is_first = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    sums = np.empty(len(groups))
    sums[order] = total - total[is_first][is_first.cumsum() - 1]
    return sums


def beginnings(groups, weights, n_learn):
    """Sum of the weights of the group's places among the first `n_learn`, float (T,)."""
    first = slice(n_learn)
    return np.bincount(groups[first], weights[first], minlength=groups.max() + 1)[groups]


def context_groups(x, order, n_levels):
    """Groups of places with the same last k entries, and with the same next entry too.

    Returns
    -------
    contexts, pairs : lists of int arrays (T,), one for each k = 0 ... order
    """
    x = np.asarray(x, dtype=np.int64)
    longest = check_integer("order", order, low=0) + 1
    # Place i of row k: the k entries before it. One place more than x has: the last k + 1 entries
    # there are a context of k and what followed it.
    groups = [np.zeros(len(x) + 1, dtype=np.int32)]  # half the memory
    for k in range(1, longest + 1):
        back = np.r_[np.full(min(k, len(x) + 1), n_levels), x[: max(len(x) + 1 - k, 0)]]
        code = groups[-1].astype(np.int64) * (n_levels + 1) + back
        groups.append(np.unique(code, return_inverse=True)[1].astype(np.int32))
    return [some[:-1] for some in groups[:-1]], [some[1:] for some in groups[1:]]


def count_ahead(contexts, pairs, n_levels, *, discount, n_learn=None):
    """Probability of every entry, from the counts of what came before it.

    ``p_k(a | C) = (N_k(C, a) - d + d M(C) p_{k-1}(a | C')) / N_k(C)``, where M(C) different entries
    have followed C. The longest context counts all that followed. A shorter one counts what was
    new to the context that is one longer (Cleary and Witten, 1984; Kneser and Ney, 1995).

    Parameters
    ----------
    contexts, pairs : lists of int arrays (T,)
        From `context_groups`.
    n_levels : int
    discount : float
        d, what is taken off every count.
    n_learn : int, optional
        Count the first `n_learn` entries only, as a model that is frozen does.

    Returns
    -------
    float array (T,)
    """
    check_real("discount", discount, 0, 1)
    ones = np.ones(len(pairs[0]))

    def count(groups, weights):
        if n_learn is None:
            return earlier(groups, weights)
        return beginnings(groups, weights, n_learn)

    is_new = [(earlier(pair, ones) == 0).astype(float) for pair in pairs]
    counted, p = [*is_new[1:], ones], ones / n_levels
    for context, pair, new, weights in zip(contexts, pairs, is_new, counted, strict=True):
        followed, seen = count(context, weights), count(pair, weights)
        spread = discount * count(context, new) * p
        mixed = (np.maximum(seen - discount, 0) + spread) / np.maximum(followed, 1)
        p = np.where(followed > 0, mixed, p)
    return p
