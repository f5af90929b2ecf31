"""Long chains cut into pieces that are run side by side, as fast as NumPy works on wide arrays.

A chain is a loop over time, and a loop in Python is slow. So a sequence is cut into pieces, and all
pieces take their first step together, then their second. Where a piece begins, it guesses what the
piece before will say. Then every piece whose guess was wrong runs again from what the piece
before did say, until what it finds is what stands there. Chains forget, so that takes two or three
rounds; at worst, as many as there are pieces. Nothing is approximated but the last digits
(Maleki, Musuvathi and Mytkowicz, 2014).

Chapter: `hidden_markov`.
"""

import numpy as np

N_STEPS = 128  # of a piece
CANNOT_SAY = "this model cannot say this sequence"
CHECKED = 8  # steps between two looks whether a piece has forgotten its wrong start


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
        at = begins + np.arange(n_steps)[:, None]
        self.first = piece == 0
        self.last = np.roll(self.first, -1)
        self.inside = at < np.repeat(ends, n_pieces)
        self.begins, self.ends = ends - lengths, ends - 1  # first and last symbols of sequences
        self.at, self._order = np.minimum(at, ends[-1] - 1), np.flatnonzero(self.inside.T)
        self._rooms = {}

    def lay(self, x, nothing):
        """Symbols in lanes, (n_steps, n_lanes); `nothing` where a lane has none left."""
        return np.where(self.inside, x[self.at], nothing)

    def room(self, name, *shape):
        """Memory that is used again by the next iteration: to ask for new memory costs time."""
        if self._rooms.get(name, np.empty(0)).shape != shape:
            self._rooms[name] = np.empty(shape)
        return self._rooms[name]

    def end_to_end(self, values, name=None):
        """From lanes back to (..., n); with a name, in that room."""
        there, n = np.moveaxis(values, 0, -1), len(self._order)
        if name is not None:
            room = self.room(name, *there.shape)
            np.copyto(room, there)
            there = room
        there = there.reshape(*there.shape[:-2], -1)
        if self._order[-1] == n - 1:  # nothing is missing before the end
            return there[..., :n]
        return there.take(self._order, axis=-1)


def settle(weigh, advance, row, starts, fixed, near, messages, sizes, towards=1):
    """Run all lanes until each begins as its neighbour ends.

    Parameters
    ----------
    weigh : callable
        ``weigh(predicted, row(t, lanes))``: the message at a step, and its size.
    advance : callable
        ``advance(message)``: what it predicts for the next step, (..., n_lanes).
    row : callable
        What is seen at step t in some lanes.
    starts : pair of arrays
        Prediction at the first step of `fixed` lanes, and a guess for the others.
    fixed : bool array (n_lanes,)
        Lanes that begin a sequence.
    near : callable
        Whether two messages are the same up to rounding, entry by entry.
    messages : array (n_steps / keep, ..., n_lanes)
        Filled with each message or, if it has fewer rows, each `CHECKED`-th.
    sizes : array (n_steps, n_lanes)
        Filled.
    towards : 1 or -1
        Where a lane goes on: in the next, or the one before if time runs back.
    """
    begin = np.where(fixed, starts[0][:, None], starts[1][:, None])
    keep = 1 if len(messages) == len(sizes) else CHECKED
    ends, todo, again = np.empty_like(messages[0]), slice(None), False
    while True:
        predicted = begin[:, todo]
        for t in range(len(sizes)):
            message, size = weigh(predicted, row(t, todo))
            kept = messages[t // keep]
            if again and t % CHECKED == 0 and near(message, kept[..., todo]).all():
                break
            if t % keep == 0:
                kept[..., todo] = message
            sizes[t][todo] = size
            predicted = advance(message)
        else:
            ends[..., todo] = message
        due, again = np.roll(advance(ends), towards, axis=-1), True
        wrong = ~fixed & ~near(begin, due).all(axis=0)
        if not wrong.any() or np.isnan(due).any():  # nan: it is impossible
            return
        begin[:, wrong] = due[:, wrong]
        todo = slice(None) if wrong.mean() > 0.5 else np.flatnonzero(wrong)


def same_share(a, b):
    """Whether shares agree up to rounding: each, however small, to 13 digits."""
    return np.abs(a - b) <= 1e-13 * b


def same_log(a, b):
    """Whether logarithms agree up to rounding; -inf agrees with itself."""
    return (a == b) | (np.abs(a - b) <= 1e-11)


def filtered(start, transition, emission, symbols, lanes, *, keep=1, backwards=False):
    """`companion.inference.hmm.forward` in lanes: shares (n_steps, n_states, n_lanes), scales.

    With `backwards` time runs the other way: what each symbol and all later ones say of the state.
    """

    def weigh(predicted, row):
        joint = row * predicted
        size = np.add.reduce(joint, axis=0)
        joint /= size
        return joint, size

    step, turn = (transition, -1) if backwards else (np.ascontiguousarray(transition.T), 1)
    (n_steps, n_lanes), k = symbols.shape, len(start)
    table, symbols = np.column_stack([emission, np.ones(k)]), symbols[::turn]
    messages = lanes.room(f"messages {turn}", -(-n_steps // keep), k, n_lanes)
    sizes = lanes.room(f"sizes {turn}", n_steps, n_lanes)
    with np.errstate(invalid="ignore", divide="ignore"):
        settle(
            weigh,
            lambda message: step @ message,
            lambda t, lanes: table.take(symbols[t, lanes], axis=1),
            (start, np.full(k, 1 / k)),
            lanes.last if backwards else lanes.first,
            same_share,
            messages,
            sizes,
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
    table, symbols = np.column_stack([emission, 0 * start]), lanes.lay(x, emission.shape[1])
    (n_steps, n_lanes), k = symbols.shape, len(start)
    ways, no, nothing = np.empty((k, k, n_lanes)), np.zeros(k), np.zeros(n_lanes)
    best, sizes = np.empty((n_steps, k, n_lanes)), np.empty(symbols.shape)
    states = np.empty(symbols.shape, dtype=np.int64)

    def weigh(predicted, row):
        joint = row + predicted
        size = np.maximum.reduce(joint, axis=0)
        joint -= size
        return joint, size

    def advance(message):
        room = ways[..., : message.shape[-1]]
        np.add(message[:, None], transition[:, :, None], out=room)
        return np.maximum.reduce(room, axis=0)

    with np.errstate(invalid="ignore"):
        settle(
            weigh,
            advance,
            lambda t, lanes: table.take(symbols[t, lanes], axis=1),
            (start, no),
            lanes.first,
            same_log,
            best,
            sizes,
        )
        refuse_impossible(np.isfinite(sizes), lanes)
        # Back from the last states, which nothing that lies behind them may change: inf.
        at = lanes.inside.sum(axis=0)[lanes.last] - 1, np.flatnonzero(lanes.last)
        best[at[0], best[at[0], :, at[1]].argmax(axis=1), at[1]] = np.inf
        settle(
            lambda predicted, row: ((predicted + row).argmax(axis=0), nothing[: row.shape[-1]]),
            lambda state: transition.take(state, axis=1),
            lambda t, lanes: best[n_steps - 1 - t][:, lanes],
            (no, no),
            lanes.last,
            np.equal,
            states,
            np.empty(symbols.shape),
            -1,
        )
    return lanes.end_to_end(states[::-1]), float(sizes[lanes.inside].sum())
