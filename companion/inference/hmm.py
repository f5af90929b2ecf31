"""A chain of hidden states, seen through symbols.

Chapter: `graphical_models`.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from companion.validation import check_integer, check_real


def forward(start, transition, seen):
    """Filter a sequence: what is known of each state from what was seen so far.

    ``alpha_t ∝ seen_t * (alpha_{t-1} @ transition)``, divided by its sum at each step, so that long
    sequences do not underflow.

    Parameters
    ----------
    start : array (n_states,)
    transition : array (n_states, n_states)
        Row i: where to from state i.
    seen : array (n_steps, n_states)
        Probability of what was seen at each step in each state.

    Returns
    -------
    alpha : array (n_steps, n_states)
        Each row sums to 1.
    scale : array (n_steps,)
        Probability of each symbol given those before; their logarithms add up to log p, in nats.
    """
    alpha, scale, before = np.empty_like(seen), np.empty(len(seen)), start
    for t, row in enumerate(seen):
        joint = row * before
        scale[t] = joint.sum()
        if not scale[t] > 0:
            raise ValueError(f"X[{t}] has probability 0: this model cannot say this sequence.")
        alpha[t] = joint / scale[t]
        before = alpha[t] @ transition
    return alpha, scale


def backward(transition, seen, scale):
    """What later symbols say of each state: ``beta_t = transition @ (seen_{t+1} beta_{t+1})``.

    Divided by the scales of `forward`: ``alpha * beta`` are the posteriors.
    """
    beta = np.ones_like(seen)
    for t in range(len(seen) - 1, 0, -1):
        beta[t - 1] = transition @ (seen[t] * beta[t]) / scale[t]
    return beta


def viterbi(start, transition, seen):
    """The likeliest path as a whole, and its log probability with the symbols, in nats.

    The best way to each state is the best way to one before it and one step more; the last state
    is chosen first, and the way goes back from there (Viterbi, 1967).

    Returns
    -------
    path : int array (n_steps,)
    log_prob : float
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


def expected_counts(start, transition, emission, x):
    """E-step for one sequence of symbols: log p, and how often what is expected to happen.

    Returns
    -------
    log_prob : float
    first : array (n_states,)
    steps : array (n_states, n_states)
    shown : array (n_states, n_symbols)
    """
    seen = emission[:, x].T
    alpha, scale = forward(start, transition, seen)
    beta = backward(transition, seen, scale)
    posterior = alpha * beta
    later = seen[1:] * beta[1:] / scale[1:, None]
    shown = np.zeros_like(emission)
    np.add.at(shown.T, x, posterior)
    return np.log(scale).sum(), posterior[0], transition * (alpha[:-1].T @ later), shown


class HiddenMarkovModel(BaseEstimator):
    """Categorical hidden Markov model, by Baum and Welch's EM (Rabiner, 1989).

    Parameters
    ----------
    n_components : int
        Hidden states.
    n_iter : int
    tol : float
        EM ends when an iteration gains less, in nats.
    n_symbols : int, optional
        By default one more than the largest symbol seen.
    random_state : int, RandomState or None
        Draws the start.

    Attributes
    ----------
    startprob_, transmat_, emissionprob_ : arrays (n,), (n, n), (n, n_symbols)
    history_ : list of float
        Log probability of all sequences before each M-step, in nats; never falls.
    converged_ : bool
    """

    def __init__(self, n_components=2, *, n_iter=100, tol=1e-2, n_symbols=None, random_state=None):
        self.n_components = n_components
        self.n_iter = n_iter
        self.tol = tol
        self.n_symbols = n_symbols
        self.random_state = random_state

    def fit(self, X, lengths=None):
        """Learn from sequences of symbols laid end to end, int (n,), of the given lengths."""
        n, rng = check_integer("n_components", self.n_components), self._rng()
        check_integer("n_iter", self.n_iter)
        tol = check_real("tol", self.tol, 0)
        x = check_symbols(X, None)
        n_symbols = int(x.max()) + 1 if self.n_symbols is None else self.n_symbols
        sequences = split(check_symbols(x, n_symbols), lengths)
        draw = [rng.dirichlet(np.ones(k), size=m) for k, m in ((n, 1), (n, n), (n_symbols, n))]
        start, transition, emission = draw[0][0], draw[1], draw[2]
        self.history_, self.converged_ = [], False
        for _ in range(self.n_iter):
            told = [expected_counts(start, transition, emission, s) for s in sequences]
            log_prob, *counts = (sum(part) for part in zip(*told, strict=True))
            self.history_.append(float(log_prob))
            start, transition, emission = (
                rows_to_shares(c, old)
                for c, old in zip(counts, (start, transition, emission), strict=True)
            )
            if len(self.history_) > 1 and self.history_[-1] - self.history_[-2] < tol:
                self.converged_ = True
                break
        else:
            warnings.warn(
                f"EM still gained more than tol={tol} after n_iter={self.n_iter}: raise n_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.startprob_, self.transmat_, self.emissionprob_ = start, transition, emission
        return self

    def _rng(self):
        return check_random_state(self.random_state)

    def _told(self, X, lengths):
        check_is_fitted(self, "startprob_")
        x = check_symbols(X, self.emissionprob_.shape[1])
        return [self.emissionprob_[:, s].T for s in split(x, lengths)]

    def score(self, X, lengths=None):
        """Log probability of the sequences, in nats."""
        told = self._told(X, lengths)
        logs = (np.log(forward(self.startprob_, self.transmat_, s)[1]).sum() for s in told)
        return float(sum(logs))

    def predict_proba(self, X, lengths=None):
        """Posterior of each state at each step, given the whole sequence: (n, n_components)."""
        found = []
        for seen in self._told(X, lengths):
            alpha, scale = forward(self.startprob_, self.transmat_, seen)
            found.append(alpha * backward(self.transmat_, seen, scale))
        return np.concatenate(found)

    def decode(self, X, lengths=None):
        """Log probability of the likeliest paths in nats, and the paths, int (n,)."""
        found = [viterbi(self.startprob_, self.transmat_, s) for s in self._told(X, lengths)]
        paths, logs = zip(*found, strict=True)
        return float(sum(logs)), np.concatenate(paths)

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


def check_symbols(X, n_symbols):
    """Return symbols as int64 (n,), or raise a `ValueError`; (n, 1) is taken, too."""
    x = np.asarray(X)
    x = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    if x.ndim != 1 or not len(x) or not np.issubdtype(x.dtype, np.integer):
        raise ValueError(
            f"X has shape {x.shape} and type {x.dtype}: give symbols 0, 1, 2, ..., integers (n,)."
        )
    if x.min() < 0 or (n_symbols is not None and x.max() >= n_symbols):
        raise ValueError(
            f"X has symbols from {x.min()} to {x.max()}: they must be 0 to n_symbols - 1"
            + (f" = {n_symbols - 1}." if n_symbols is not None else ".")
        )
    return x.astype(np.int64)


def split(x, lengths):
    """Cut what was laid end to end into sequences."""
    lengths = [len(x)] if lengths is None else [check_integer("lengths", k) for k in lengths]
    if sum(lengths) != len(x):
        raise ValueError(f"lengths add up to {sum(lengths)} but X has {len(x)} symbols.")
    return np.split(x, np.cumsum(lengths)[:-1])
