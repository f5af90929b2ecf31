"""A chain of hidden states, seen through symbols.

Chapter: `hidden_markov`.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.inference import best_paths
from companion.inference.best_paths import viterbi as viterbi
from companion.inference.side_by_side import (
    CANNOT_SAY,
    CHECKED,
    N_LANES,
    N_STEPS,
    SideBySide,
    all_counts,
    filtered,
    refuse_impossible,
    smoothed,
)
from companion.validation import check_integer, check_points, check_real

MAX_SYMBOLS = 100_000  # unless `n_symbols` says how many there are


def forward(start, transition, seen):
    """Filter a sequence: what is known of each state from what was seen so far.

    `seen` (n_steps, n_states) is the probability, in each state, of what was seen.
    Returns ``alpha`` (n_steps, n_states), whose rows sum to 1, and the scales
    (n_steps,): probabilities of each symbol given those before. The sum of their
    logarithms is log p, in nats.
    """
    alpha, scale, before = np.empty_like(seen), np.empty(len(seen)), start
    for t, row in enumerate(seen):
        joint = row * before
        scale[t] = joint.sum()
        if not scale[t] > 0:
            raise ValueError(f"X[{t}] has probability 0: {CANNOT_SAY}.")
        alpha[t] = joint / scale[t]
        before = alpha[t] @ transition
    return alpha, scale


def backward(transition, seen, scale):
    """What later symbols say of each state, divided by the scales of `forward`.

    ``beta_t = transition @ (seen_{t+1} beta_{t+1})``, and ``alpha * beta`` are the
    posteriors.
    """
    beta = np.ones_like(seen)
    for t in range(len(seen) - 1, 0, -1):
        beta[t - 1] = transition @ (seen[t] * beta[t]) / scale[t]
    return beta


def expected_counts(start, transition, emission, x):
    """E-step for one sequence of symbols: log p, and what is expected, how often.

    Counts of first states (n_states,), of steps (n_states, n_states), and of
    symbols that are shown (n_states, n_symbols).
    """
    seen = emission[:, x].T
    alpha, scale = forward(start, transition, seen)
    beta = backward(transition, seen, scale)
    posterior = alpha * beta
    later = seen[1:] * beta[1:] / scale[1:, None]
    shown = np.zeros_like(emission)
    np.add.at(shown.T, x, posterior)
    steps = transition * (alpha[:-1].T @ later)
    return np.log(scale).sum(), posterior[0], steps, shown


class HiddenMarkovModel(BaseEstimator):
    """Categorical hidden Markov model, by Baum and Welch's EM (Rabiner, 1989).

    Sequences are cut into pieces that are run side by side (`companion.inference.side_by_side`):
    the numbers of `forward`, `backward` and `viterbi`, sooner where sequences are many or long and
    chains forget.

    Parameters
    ----------
    n_components : int
        Hidden states.
    n_iter : int
        Iterations of EM at most.
    tol : float
        EM ends when an iteration gains less, in nats.
    n_symbols : int, optional
        By default one more than the largest symbol seen.
    n_init : int
        Starts; the one that ends likeliest is kept.
    startprob_init, transmat_init, emissionprob_init : array, optional
        Where EM begins, (n,), (n, n), (n, n_symbols); by default drawn, uniform over all
        distributions. What is 0 there stays 0.
    random_state : int, RandomState or None
        Draws the starts.

    Attributes
    ----------
    startprob_, transmat_, emissionprob_ : arrays (n,), (n, n), (n, n_symbols)
    history_ : list of float
        Log probability of all sequences before each M-step, in nats; never falls.
    n_iter_ : int
    converged_ : bool
        Whether the last iteration gained less than `tol`; else `n_iter` was reached.
    """

    def __init__(
        self,
        n_components=2,
        *,
        n_iter=100,
        tol=1e-2,
        n_symbols=None,
        n_init=1,
        startprob_init=None,
        transmat_init=None,
        emissionprob_init=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.n_iter = n_iter
        self.tol = tol
        self.n_symbols = n_symbols
        self.n_init = n_init
        self.startprob_init = startprob_init
        self.transmat_init = transmat_init
        self.emissionprob_init = emissionprob_init
        self.random_state = random_state

    def fit(self, X, lengths=None):
        """Learn from sequences of symbols laid end to end, integers (n,) or (n, 1)."""
        rng, x = check_random_state(self.random_state), self._symbols(X, reset=True)
        check_integer("n_iter", self.n_iter)
        tol = check_real("tol", self.tol, 0)
        lanes = SideBySide(check_lengths(lengths, len(x)))
        n_starts = check_integer("n_init", self.n_init)
        runs = [self._climb(x, lanes, self._start(x, rng), tol) for _ in range(n_starts)]
        parameters, self.history_, self.converged_ = max(runs, key=lambda run: run[1][-1])
        self.startprob_, self.transmat_, self.emissionprob_ = parameters
        self.n_iter_ = len(self.history_)
        if not self.converged_:
            warnings.warn(
                f"EM still gained more than tol={tol} after n_iter={self.n_iter}: raise n_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _start(self, x, rng):
        """Where EM begins: what was given, the rest drawn."""
        n = check_integer("n_components", self.n_components)
        m = int(x.max()) + 1 if self.n_symbols is None else self.n_symbols
        shapes = {"startprob_init": (n,), "transmat_init": (n, n), "emissionprob_init": (n, m)}
        return [
            rng.dirichlet(np.ones(shape[-1]), size=shape[:-1] or None)
            if getattr(self, name) is None
            else check_shares(name, getattr(self, name), shape)
            for name, shape in shapes.items()
        ]

    def _climb(self, x, lanes, parameters, tol):
        """EM from one start: parameters, history, and whether it has converged."""
        history = []
        for _ in range(self.n_iter):
            log_prob, *counts = all_counts(*parameters, x, lanes)
            history.append(float(log_prob))
            parameters = [rows_to_shares(c, p) for c, p in zip(counts, parameters, strict=True)]
            if len(history) > 1 and history[-1] - history[-2] < tol:
                return parameters, history, True
        return parameters, history, False

    def _symbols(self, X, reset=False):
        """Symbols as int64 (n,), checked."""
        x, plain = X, isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind == "i" and X.size
        if reset or not plain:  # to check integers takes as long as to score them
            x = check_points(self, np.asarray(X)[:, None] if np.ndim(X) == 1 else X, reset=reset)
            if x.shape[1] != 1 or (x != np.round(x)).any():
                raise ValueError(
                    f"X has shape {x.shape} and entries like {x.flat[0]:g}: give symbols 0, 1, 2, "
                    "..., integers (n,)."
                )
        low, high = x.min(), x.max()
        n_symbols = self.n_symbols if reset else self.emissionprob_.shape[1]
        most = MAX_SYMBOLS if n_symbols is None else check_integer("n_symbols", n_symbols)
        if low < 0 or high >= most:
            raise ValueError(
                f"X has symbols from {low:g} to {high:g}: they must be 0 to n_symbols - 1 = "
                f"{most - 1}; np.unique(X, return_inverse=True) numbers them."
            )
        return x.reshape(-1).astype(np.int64, copy=False)

    def _told(self, X, lengths, n_steps=N_STEPS):
        """Symbols, and the lanes in which they lie."""
        check_is_fitted(self, "startprob_")
        x = self._symbols(X)
        n_steps = max(n_steps, len(x) // N_LANES)
        return x, SideBySide(check_lengths(lengths, len(x)), n_steps)

    def _parameters(self):
        return self.startprob_, self.transmat_, self.emissionprob_

    def score(self, X, lengths=None):
        """Log probability of the sequences, in nats."""
        x, lanes = self._told(X, lengths)
        symbols = lanes.lay(x, self.emissionprob_.shape[1])
        _, scale = filtered(*self._parameters(), symbols, lanes, keep=CHECKED)
        refuse_impossible(scale > 0, lanes)
        return float(np.log(scale[lanes.inside]).sum())

    def predict_proba(self, X, lengths=None):
        """Posterior of each state at each step, given the whole sequence: (n, n_components)."""
        x, lanes = self._told(X, lengths)
        return smoothed(*self._parameters(), x, lanes)[2].T

    def decode(self, X, lengths=None):
        """Log probability of the likeliest paths in nats, and the paths, int (n,)."""
        x, lanes = self._told(X, lengths, best_paths.N_STEPS)
        path, log_prob = best_paths.likeliest(*self._parameters(), x, lanes)
        return log_prob, path

    def predict(self, X, lengths=None):
        """The likeliest path, int (n,)."""
        return self.decode(X, lengths)[1]

    def sample(self, n, *, random_state=None):
        """Draw a sequence: symbols (n,) and states (n,)."""
        check_is_fitted(self, "startprob_")
        rng, state = check_random_state(random_state), None
        symbols, states = np.empty((2, check_integer("n", n)), dtype=np.int64)
        for t in range(n):
            p = self.startprob_ if state is None else self.transmat_[state]
            states[t] = state = rng.choice(len(p), p=p)
            symbols[t] = rng.choice(self.emissionprob_.shape[1], p=self.emissionprob_[state])
        return symbols, states


def rows_to_shares(counts, old):
    """Divide rows by their sums; a row that nothing is expected of stays as it was."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), old)


def check_shares(name, value, shape):
    """Return distributions, one a row, as float64, or raise a `ValueError`."""
    p = np.asarray(value, dtype=np.float64)
    if p.shape != shape or not (p >= 0).all() or not np.allclose(p.sum(axis=-1), 1):
        raise ValueError(
            f"{name} has shape {p.shape} and sums {p.sum(axis=-1)}: give shape {shape}, with "
            "rows that are not negative and sum to 1."
        )
    return p


def check_lengths(lengths, n):
    """Return the lengths of sequences laid end to end, which must add up to n."""
    lengths = [n] if lengths is None else [check_integer("lengths", k) for k in lengths]
    if sum(lengths) != n:
        raise ValueError(f"lengths add up to {sum(lengths)} but X has {n} symbols.")
    return lengths
