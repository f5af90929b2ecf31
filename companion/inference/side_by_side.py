"""Long chains cut into pieces that are run side by side, as fast as NumPy works on wide arrays.

A chain is a loop over time, and a loop in Python is slow. So a sequence is cut into pieces, and all
pieces take their first step together, then their second. Where a piece begins, it guesses what the
piece before will say. Then every piece whose guess was wrong runs again from what the piece
before did say, until what it finds is what stands there. Chains forget, so that takes two or three
rounds; at worst, as many as there are pieces. Nothing is approximated but the last digits
(Maleki, Musuvathi and Mytkowicz, 2014).

Chapter: `hidden_markov`.
"""

import math
import threading

import numpy as np

N_STEPS = 128  # of a piece
CANNOT_SAY = "this model cannot say this sequence"
CHECKED = 8  # steps between two looks whether a piece has forgotten its wrong start
SCRATCH, _kept = 2**20, threading.local()  # 8 MB


class SideBySide:
    """Sequences laid end to end, cut into pieces of at most `n_steps`; one piece a lane.

    What lies in lanes has shape (n_steps, ..., n_lanes), what lies end to end (..., n).
    """

    def __init__(self, lengths, n_steps=N_STEPS):
        lengths = np.asarray(lengths)
        n_steps = min(n_steps, int(lengths.max()))
        n_pieces = -(-lengths // n_steps)
        piece = np.arange(n_pieces.sum()) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
        ends = np.cumsum(lengths)
        begins = np.repeat(ends - lengths, n_pieces) + piece * n_steps
        at = np.add.outer(np.arange(n_steps), begins)
        self.first = piece == 0
        self.last = np.roll(self.first, -1)
        self.inside = at < np.repeat(ends, n_pieces)
        self.begins, self.ends = ends - lengths, ends - 1  # first and last symbols of sequences
        self.at, self.n = np.minimum(at, ends[-1] - 1, out=at), int(ends[-1])
        self._rooms, self._order = {}, None
        if not self.inside.T.ravel()[: self.n].all():  # lanes with gaps behind them
            self._order = np.flatnonzero(self.inside.T)

    def lay(self, x, nothing):
        """Symbols in lanes, (n_steps, n_lanes); `nothing` where a lane has none left."""
        laid = x[self.at]
        laid[~self.inside] = nothing
        return laid

    def room(self, name, *shape):
        """Memory that is used again by the next iteration: to ask for new memory costs time."""
        if self._rooms.get(name, np.empty(0)).shape != shape:
            self._rooms[name] = np.empty(shape)
        return self._rooms[name]

    def end_to_end(self, values, name=None):
        """From lanes back to (..., n); with a name, in that room."""
        there = np.moveaxis(values, 0, -1)
        if name is not None:
            room = self.room(name, *there.shape)
            np.copyto(room, there)
            there = room
        there = there.reshape(*there.shape[:-2], -1)
        if self._order is None:
            return there[..., : self.n]
        return there.take(self._order, axis=-1)


def scratch(name, *shape):
    """Memory for a while, up to `SCRATCH` numbers a name are kept for the thread's next call.

    What a call returns must not lie here: the next one writes over it.
    """
    size = math.prod(shape)
    if size > SCRATCH:
        return np.empty(shape)
    kept = vars(_kept)
    if name not in kept or kept[name].size < size:
        kept[name] = np.empty(size)
    return kept[name][:size].reshape(shape)


def settle(weigh, advance, n_steps, starts, fixed, near, messages, towards=1):
    """Run all lanes until each begins as its neighbour ends.

    Parameters
    ----------
    weigh : callable
        ``weigh(predicted, t, lanes, out)``: the message of some lanes at step t, written to
        `out`, unless that is None.
    advance : callable
        ``advance(message)``: what it predicts for the next step, (..., n_lanes).
    n_steps : int
        Of a lane.
    starts : pair of arrays
        Prediction at the first step of `fixed` lanes, and a guess for the others.
    fixed : bool array (n_lanes,)
        Lanes that begin a sequence.
    near : callable
        ``near(a, b)``: whether messages are the same up to rounding, a lane each.
    messages : array (n_steps / keep, ..., n_lanes)
        Filled with each message or, if it has fewer rows, each `CHECKED`-th.
    towards : 1 or -1
        Where a lane goes on: in the next, or the one before if time runs back.
    """
    keep, every = 1 if len(messages) == n_steps else CHECKED, np.arange(len(fixed))
    ends, todo, again = np.empty_like(messages[0]), slice(None), False
    predicted = np.where(fixed, starts[0][:, None], starts[1][:, None])
    while True:
        for t in range(n_steps):
            kept = messages[t // keep]
            message = weigh(predicted, t, todo, None if again or t % keep else kept)
            if again and t % CHECKED == 0:
                other = np.flatnonzero(~near(message, kept[..., todo]))
                if not len(other):
                    break
                if len(other) < 0.8 * message.shape[-1]:  # the rest have forgotten
                    todo, message = every[todo][other], message[..., other]
            if t % keep == 0 and message is not kept:
                kept[..., todo] = message
            predicted = advance(message)
        else:
            ends[..., todo] = message
        if fixed.all() or np.isnan(ends).any() or (again and not len(other) and t == 0):
            return  # nan: it is impossible
        predicted = np.roll(advance(ends), towards, axis=-1)
        predicted[:, fixed] = starts[0][:, None]
        todo, again = slice(None), True


def same_share(a, b):
    """Whether shares agree up to rounding: each, however small, to 13 digits."""
    return (np.abs(a - b) <= 1e-13 * b).all(axis=0)


def same_log(a, b):
    """Whether logarithms agree up to rounding; -inf agrees with itself."""
    return ((a == b) | (np.abs(a - b) <= 1e-11)).all(axis=0)


def filtered(start, transition, emission, symbols, lanes, *, keep=1, backwards=False):
    """`companion.inference.hmm.forward` in lanes: shares (n_steps, n_states, n_lanes), scales.

    With `backwards` time runs the other way: what each symbol and all later ones say of the state.
    """

    def weigh(predicted, t, todo, out):
        joint = table.take(symbols[t, todo], axis=1, out=out, mode="clip")
        joint *= predicted
        sizes[t][todo] = size = np.add.reduce(joint, axis=0)
        joint /= size
        return joint

    step, turn = (transition, -1) if backwards else (np.ascontiguousarray(transition.T), 1)
    (n_steps, n_lanes), k = symbols.shape, len(start)
    table, symbols = np.column_stack([emission, np.ones(k)]), symbols[::turn]
    messages = lanes.room(f"messages {turn}", -(-n_steps // keep), k, n_lanes)
    sizes = lanes.room(f"sizes {turn}", n_steps, n_lanes)
    with np.errstate(invalid="ignore", divide="ignore"):
        settle(
            weigh,
            lambda message: step @ message,
            n_steps,
            (start, np.full(k, 1 / k)),
            lanes.last if backwards else lanes.first,
            same_share,
            messages,
            turn,
        )
    return messages[::turn], sizes[::turn]


def refuse_impossible(possible, lanes):
    """Raise a `ValueError` that names the symbol at which a sequence has become impossible."""
    if not possible.all():
        at = lanes.at[~possible & lanes.inside].min()
        raise ValueError(f"X[{at}] has probability 0: {CANNOT_SAY}.")


def smoothed(start, transition, emission, x, lanes):
    """Log p of all sequences, and what is known given all of each, end to end.

    What later symbols say comes as ``m_t = seen_t * beta_t``, up to a factor; with it
    ``beta_t = transition @ m_{t+1}``, and 1 at the end of a sequence.

    Returns
    -------
    log_prob : float
    alpha : array (n_states, n)
    posterior : array (n_states, n)
    later : array (n_states, n)
        ``alpha_{t-1} transition later_t`` are the posteriors of pairs; 0 where a sequence begins.
    """
    symbols, ones = lanes.lay(x, emission.shape[1]), np.ones_like(start)
    alpha, scale = filtered(start, transition, emission, symbols, lanes)
    refuse_impossible(scale > 0, lanes)
    later, _ = filtered(ones, transition, emission, symbols, lanes, backwards=True)
    alpha, later = lanes.end_to_end(alpha, "alpha"), lanes.end_to_end(later, "later")
    posterior = lanes.room("posterior", *alpha.shape)
    np.matmul(transition, later[:, 1:], out=posterior[:, :-1])
    posterior[:, lanes.ends] = 1
    posterior *= alpha
    total = posterior.sum(axis=0)
    posterior /= total
    later /= np.roll(total, 1)
    later[:, lanes.begins] = 0
    return np.log(scale[lanes.inside]).sum(), alpha, posterior, later


def all_counts(start, transition, emission, x, lanes):
    """`companion.inference.hmm.expected_counts`, summed over all sequences."""
    log_prob, alpha, posterior, later = smoothed(start, transition, emission, x, lanes)
    shown = [np.bincount(x, weights=row, minlength=emission.shape[1]) for row in posterior]
    steps = transition * (alpha[:, :-1] @ later[:, 1:].T)
    return log_prob, posterior[:, lanes.begins].sum(axis=1), steps, np.array(shown)


def likeliest(start, transition, emission, x, lanes):
    """`companion.inference.hmm.viterbi` in lanes: path end to end, and log probability, nats."""
    with np.errstate(divide="ignore"):
        start, transition, emission = map(np.log, (start, transition, emission))
    symbols, no = lanes.lay(x, emission.shape[1]), np.zeros(len(start))
    with np.errstate(invalid="ignore"):
        best = best_ways(start, transition, np.column_stack([emission, no]), symbols, lanes)
    if not np.isfinite(best[-1].max(axis=0)).all():
        refuse_impossible(np.isfinite(best.max(axis=1)), lanes)
    # Back from the last states, which nothing that lies behind them may change: inf.
    at = lanes.inside.sum(axis=0)[lanes.last] - 1, np.flatnonzero(lanes.last)
    best[at[0], best[at[0], :, at[1]].argmax(axis=1), at[1]] = np.inf
    states = np.empty(symbols.shape, dtype=np.min_scalar_type(len(start)))
    settle(
        lambda predicted, t, todo, out: (predicted + best[-1 - t][:, todo]).argmax(axis=0),
        lambda state: transition.take(state, axis=1),
        len(best),
        (no, no),
        lanes.last,
        np.equal,
        states,
        -1,
    )
    path = lanes.end_to_end(states[::-1]).astype(np.int64)
    steps = entries(transition, path[:-1], path[1:])
    steps[lanes.ends[:-1]] = 0
    total = start[path[lanes.begins]].sum() + steps.sum() + entries(emission, path, x).sum()
    return path, float(total)


def entries(table, rows, columns):
    """``table[rows, columns]``, in a third of the time."""
    at = rows * table.shape[1]
    at += columns
    return table.ravel().take(at)


def best_ways(start, transition, table, symbols, lanes):
    """Log p of the best way to each state, (n_steps, n_states, n_lanes), up to a number a lane."""
    (n_steps, n_lanes), k = symbols.shape, len(start)
    ways, best = scratch("ways", k, k, n_lanes), scratch("best", n_steps, k, n_lanes)
    steps = scratch("steps", k, k, n_lanes)
    steps[:] = transition[:, :, None]  # written out: twice as fast

    def weigh(predicted, t, todo, out):
        message = table.take(symbols[t, todo], axis=1, out=out, mode="clip")
        message += predicted
        if t % CHECKED == 0:  # so that they can be compared, and stay small
            message -= np.maximum.reduce(message, axis=0)
        return message

    def advance(message):
        room = ways[..., : message.shape[-1]]
        np.add(message[:, None], steps[..., : message.shape[-1]], out=room)
        return np.maximum.reduce(room, axis=0)

    settle(weigh, advance, n_steps, (start, np.zeros(k)), lanes.first, same_log, best)
    return best
