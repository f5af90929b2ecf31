"""Best paths of hidden Markov models: Viterbi's loop, and the same in pieces, side by side.

In pieces each logarithm is rounded once, to a whole number of a small unit; sums of whole numbers
are exact. From the score of a way s / n_marks is taken, where s is the state before. That is less
than half a unit, so it decides only between ways that are equal; a maximum keeps it, and the way
back reads it off. The path may fall short of the best by a few units a step, some 1e-11 nats.

Chapter: `hidden_markov`.
"""

import contextlib
import functools
import math
import threading

import numpy as np

from companion.inference.side_by_side import CHECKED, refuse_impossible, settle, some

N_STEPS = 80  # of a piece, at least
SCRATCH, _kept = 2**20, threading.local()  # 8 MB a name and thread


def viterbi(start, transition, seen):
    """The likeliest path, int (n_steps,), and its log p with the symbols, in nats.

    The best way to each state is the best way to one before it and one step more.
    The last state is chosen first; from there it goes back (Viterbi, 1967).
    """
    with np.errstate(divide="ignore"):
        start, transition, seen = np.log(start), np.log(transition), np.log(seen)
    best, came = start + seen[0], np.zeros(seen.shape, dtype=np.int64)
    for t in range(1, len(seen)):
        ways = best[:, None] + transition
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + seen[t]
    path = np.empty(len(seen), dtype=np.int64)
    path[-1] = best.argmax()
    for t in range(len(seen) - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path, float(best.max())


def likeliest(start, transition, emission, x, lanes):
    """`viterbi` in lanes: path end to end, and log probability, nats.

    Raises
    ------
    ValueError
        If a sequence is impossible; it names the symbol.
    """
    with np.errstate(divide="ignore"):
        logs = [np.log(p) for p in (start, transition, emission)]
    best, n_marks, exact = best_ways(*logs, lanes.lay(x, emission.shape[1]), lanes)
    ends = lanes.sizes[lanes.last] - 1, np.flatnonzero(lanes.last)
    scores = np.rint(best[ends[0], :, ends[1]])
    if not np.isfinite(scores.max(axis=1)).all():
        refuse_impossible(np.isfinite(best.max(axis=1)), lanes)
    if exact:
        states = scores.argmax(axis=1)
        # A lane may go on behind the end of its sequence: what is read there is this state's mark.
        best[ends[0], :, ends[1]] = best[ends[0], states, ends[1]][:, None]
        path = np.empty(lanes.n, dtype=np.int64)
        path[:-1], path[lanes.ends] = states_before(best, n_marks, lanes)[1:], states
    else:
        parts = np.split(emission[:, x].T, lanes.begins[1:])
        path = np.concatenate([viterbi(start, transition, seen)[0] for seen in parts])
    steps = entries(logs[1], path[:-1], path[1:])
    steps[lanes.ends[:-1]] = 0
    total = logs[0][path[lanes.begins]].sum() + steps.sum()
    return path, float(total + entries(logs[2], path, x).sum())


def best_ways(start, transition, emission, symbols, lanes):
    """Scores of the best ways, the number of marks, and whether sums were exact.

    Scores (n_steps, n_states, n_lanes) are up to a number, the same for all states of a lane at a
    step. If each state can follow each, one that is possible at all is behind the best by one step
    at most, and the best falls by `CHECKED` steps before it is set to 0. Otherwise a state may fall
    behind for ever, until its score has no digits left.
    """
    k, full = len(start), np.isfinite(transition).all()
    n_marks = 2 << (k - 1).bit_length()
    largest = 2.0**51 / n_marks  # up to here `states_before` can read marks
    a_step = sum(-log[np.isfinite(log)].min() for log in (start, transition, emission))
    reach = 1 + a_step * (CHECKED + 2 if full else 8 * CHECKED)
    unit = 2.0 ** -math.floor(math.log2(largest / 2 / reach))
    first, steps, seen = (np.rint(log / unit) for log in (start, transition, emission))
    steps -= np.arange(k)[:, None] / n_marks
    best = run_ways(first, steps, np.column_stack([seen, np.zeros(k)]), symbols, lanes)
    exact = full or best.min(where=best > -np.inf, initial=0) > -largest
    return best, n_marks, exact


@contextlib.contextmanager
def narrow_buffer():
    """To add what is broadcast takes NumPy half the time if its buffer is narrower than usual."""
    kept = np.setbufsize(256)
    try:
        with np.errstate(invalid="ignore"):
            yield
    finally:
        np.setbufsize(kept)


@narrow_buffer()
def run_ways(start, transition, emission, symbols, lanes):
    """`best_ways` from scores of the parameters, those of transitions with marks."""
    (n_steps, n_lanes), k = symbols.shape, len(start)
    best, transition = scratch("best", n_steps, k, n_lanes), transition[:, :, None]

    @functools.lru_cache(1)
    def rooms(n):
        return scratch("whole", k, n), scratch("ways", k, k, n), scratch("next", k, n)

    def weigh(predicted, t, todo, out):
        message = emission.take(some(symbols[t], todo), axis=1, out=out, mode="clip")
        message += predicted
        if t % CHECKED == 0:  # so that they can be compared, and stay small
            message -= np.rint(np.maximum.reduce(message, axis=0))
        return message

    def advance(message):
        whole, ways, predicted = rooms(message.shape[-1])
        np.rint(message, out=whole)  # the marks go
        np.add(whole[:, None], transition, out=ways)  # new ones come
        return np.maximum.reduce(ways, axis=0, out=predicted)

    starts = start[:, None], np.zeros((k, 1))
    settle(weigh, advance, n_steps, starts, lanes.first, same_score, best)
    return best


def states_before(best, n_marks, lanes):
    """The state before each on the best path, end to end; `best` is written over.

    Floats between 1 and 2 times 2**52 / n_marks are the multiples of 1 / n_marks: if a score is
    taken from 1.5 times that, the state stands in the last bits. For -inf they are 0.
    """
    n_steps, _, n_lanes = best.shape
    guess = np.rint(best[-1]).argmax(axis=0)[None]
    before = np.subtract(1.5 * 2.0**52 / n_marks, best, out=best).view(np.int64)
    before &= n_marks - 1
    path, number = scratch("path", n_steps, 1, n_lanes).view(np.int64), np.arange(n_lanes)

    def weigh(state, t, todo, out):
        at = state * n_lanes
        at += some(number, todo)
        return before[-1 - t].take(at, out=out, mode="clip")

    starts = np.zeros((1, 1), dtype=np.int64), guess
    settle(weigh, lambda state: state, n_steps, starts, lanes.last, same_score, path, -1)
    return lanes.end_to_end(path[::-1, 0])


def same_score(a, b):
    """Whether scores agree, exactly; nan, which is impossible, agrees with itself."""
    return np.logical_and.reduce((a == b) | ((a != a) & (b != b)), axis=0)


def entries(table, rows, columns):
    """``table[rows, columns]``, in a third of the time; in a room that the next call takes."""
    at = scratch("at", len(rows)).view(np.int64)
    np.multiply(rows, table.shape[1], out=at)
    at += columns
    return table.ravel().take(at, out=scratch("entries", len(rows)), mode="clip")


def scratch(name, *shape):
    """Memory for a while, up to `SCRATCH` numbers a name are kept for the thread's next call.

    What a call returns must not lie here: the next one writes over it. It begins where a line of
    the cache does: to add takes two thirds of the time.
    """
    size = math.prod(shape)
    if size > SCRATCH:
        return np.empty(shape)
    kept = vars(_kept)
    if name not in kept or kept[name].size < size:
        room = np.empty(size + 8)
        kept[name] = room[-room.ctypes.data % 64 // 8 :]
    return kept[name][:size].reshape(shape)
