"""Long chains cut into pieces that are run side by side, as fast as NumPy works on wide arrays.

A chain is a loop over time, and a loop in Python is slow. So a sequence is cut into pieces, and all
pieces take their first step together, then their second. Where a piece begins, it guesses what the
piece before will say. Then every piece whose guess was wrong runs again from what the piece
before did say, until what it finds is what stands there. Chains forget, so that takes two or
three rounds; where they do not, pieces run one after the other, as in the loop. Nothing is
approximated but the last digits (Maleki, Musuvathi and Mytkowicz, 2014).

Chapter: `hidden_markov`.
"""

import numpy as np

N_STEPS = 128  # of a piece
N_LANES = 1000  # about, at most; with more, pieces are longer
CANNOT_SAY = "this model cannot say this sequence"
CHECKED = 8  # steps between two looks whether a piece has forgotten its wrong start


class SideBySide:
    """Sequences laid end to end, cut into pieces of at most `n_steps`; one piece a lane.

    What lies in lanes has shape (n_steps, ..., n_lanes), what lies end to end (..., n).
    """

    def __init__(self, lengths, n_steps=N_STEPS):
        lengths = np.asarray(lengths)
        n_steps = min(n_steps, int(lengths.max()))
        behind = (lengths - 1) // n_steps  # pieces of a sequence behind its first
        last = np.cumsum(behind + 1) - 1
        self.sizes = np.full(last[-1] + 1, n_steps)
        self.sizes[last] = lengths - behind * n_steps
        self.first, self.last = np.zeros((2, len(self.sizes)), dtype=bool)
        self.first[last - behind] = self.last[last] = True
        self.inside = np.arange(n_steps)[:, None] < self.sizes
        self.ends = np.cumsum(lengths) - 1  # last and first symbols of sequences
        self.begins, self.n = self.ends - lengths + 1, int(self.ends[-1]) + 1
        gaps = len(lengths) > 1 and self.sizes[:-1].min() < n_steps
        self._order = np.flatnonzero(self.inside.T) if gaps else slice(self.n)
        self._rooms = {}

    def lay(self, x, nothing):
        """Symbols in lanes, (n_steps, n_lanes); `nothing` where a lane has none left."""
        laid = np.full(self.inside.shape[::-1], nothing)
        laid.ravel()[self._order] = x
        return np.ascontiguousarray(laid.T)

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
        return there.reshape(*there.shape[:-2], -1)[..., self._order]


def settle(weigh, advance, n_steps, starts, fixed, near, messages, towards=1):
    """Run all lanes until each begins as its neighbour ends; nan is impossible.

    Parameters
    ----------
    weigh : callable
        ``weigh(predicted, t, lanes, out)``: the message of some lanes at step t, written to
        `out`, unless that is None.
    advance : callable
        ``advance(message)``: what it predicts for the next step, (..., n_lanes).
    n_steps : int
        Of a lane.
    starts : pair of arrays that broadcast to (..., n_lanes)
        Prediction at the first step of `fixed` lanes, and a guess for the others.
    fixed : bool array (n_lanes,)
        Lanes whose start is known: first of a sequence or, if time runs back, last.
    near : callable
        ``near(a, b)``: whether messages are the same up to rounding, a lane each.
    messages : array (n_steps or ceil(n_steps / CHECKED), ..., n_lanes)
        Filled with each message or, if it has fewer rows, each `CHECKED`-th.
    towards : 1 or -1
        Where a lane goes on: in the next, or the one before if time runs back.
    """
    keep = 1 if len(messages) == n_steps else CHECKED
    every, lanes = slice(None), np.arange(len(fixed))
    before, in_order = np.roll(lanes, towards), False

    def rerun(predicted, todo):
        """Run lanes until they find what stands there; return those that do not."""
        for t in range(n_steps):
            there = messages[t // keep]
            message = weigh(predicted, t, todo, None)
            if t % CHECKED == 0:
                other = (~near(message, some(there, todo))).nonzero()[0]
                if len(other) < 0.8 * message.shape[-1]:  # the rest have forgotten
                    todo = some(lanes, todo)[other]
                    message = some(message, other)
                if not len(other):
                    return todo
            if t % keep == 0:
                there[..., todo] = message
            predicted = advance(message)
        ends[..., todo] = message
        return some(lanes, todo)

    predicted = np.where(fixed, *starts)
    for t in range(n_steps):
        out = None if t % keep else messages[t // keep]
        message = weigh(predicted, t, every, out)
        predicted = advance(message)
    ends, todo, waiting = message.copy(), every, ~fixed
    while waiting.any():
        begin = np.where(fixed[todo], starts[0], advance(some(ends, before[todo])))
        changed, n_run = np.zeros(len(fixed), dtype=bool), begin.shape[-1]
        changed[rerun(begin, todo)] = True
        waiting[todo] = False
        waiting |= changed[before] & ~fixed
        in_order |= waiting.sum() > n_run / 2  # little is forgotten
        todo = (waiting & ~(in_order & waiting[before])).nonzero()[0]


def some(x, lanes):
    """``x[..., lanes]``, in a third of the time."""
    return x[..., lanes] if isinstance(lanes, slice) else x.take(lanes, axis=-1)


def same_share(a, b):
    """Whether shares agree up to rounding: each, however small, to 13 digits; nan with nan."""
    return ((np.abs(a - b) <= 1e-13 * b) | (np.isnan(a) & np.isnan(b))).all(axis=0)


def filtered(start, transition, emission, symbols, lanes, *, keep=1, backwards=False):
    """`companion.inference.hmm.forward` in lanes: shares (n_steps, n_states, n_lanes), scales.

    With `backwards` time runs the other way: what each symbol and all later ones say of the state.
    """

    def weigh(predicted, t, todo, out):
        joint = table.take(some(symbols[t], todo), axis=1, out=out, mode="clip")
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
            (start[:, None], np.full((k, 1), 1 / k)),
            lanes.last if backwards else lanes.first,
            same_share,
            messages,
            turn,
        )
    return messages[::turn], sizes[::turn]


def refuse_impossible(possible, lanes):
    """Raise a `ValueError` that names the symbol at which a sequence has become impossible."""
    if not possible.all():
        at = np.flatnonzero(~lanes.end_to_end(possible))[0]
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
