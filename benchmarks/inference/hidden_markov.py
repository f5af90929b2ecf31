"""Hidden Markov models: the same steps from the same start, ours and hmmlearn's."""

import logging

import numpy as np
from hmmlearn import hmm

from benchmarks.harness import case
from companion.inference.hmm import HiddenMarkovModel

N_STATES, N_SYMBOLS, N = 8, 27, 20_000
LONG, SHORT = [N], [20] * (N // 20)


def told(lengths, implementation, stays=0.5, n_iter=10):
    """Both libraries with one random model, and symbols from another of the same kind."""
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # says that EM has not converged

    def drawn(seed):
        rng, ours = np.random.default_rng(seed), HiddenMarkovModel(N_STATES)
        ours.startprob_ = rng.dirichlet(np.ones(N_STATES))
        mixed = rng.dirichlet(np.ones(N_STATES), N_STATES)
        ours.transmat_ = stays * np.eye(N_STATES) + (1 - stays) * mixed
        ours.emissionprob_ = rng.dirichlet(np.full(N_SYMBOLS, 0.5), N_STATES)
        return ours

    ours, x = drawn(0), drawn(1).sample(sum(lengths), random_state=0)[0]
    theirs = hmm.CategoricalHMM(
        N_STATES, n_iter=n_iter, tol=-np.inf, init_params="", implementation=implementation
    )
    theirs.n_features = N_SYMBOLS
    start = [ours.startprob_, ours.transmat_, ours.emissionprob_]
    ours.set_params(n_iter=n_iter, tol=0.0, n_symbols=N_SYMBOLS)
    ours.set_params(startprob_init=start[0], transmat_init=start[1], emissionprob_init=start[2])
    theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = (part.copy() for part in start)
    return ours, theirs, x, lengths, start


def fits(*arguments):
    ours, theirs, x, lengths, start = told(*arguments)

    def fit_theirs():
        theirs.startprob_, theirs.transmat_, theirs.emissionprob_ = (part.copy() for part in start)
        return theirs.fit(x[:, None], lengths)

    def agree(mine, other):
        np.testing.assert_allclose(mine.history_, list(other.monitor_.history)[-10:], rtol=1e-10)
        np.testing.assert_allclose(mine.transmat_, other.transmat_, atol=1e-8)
        np.testing.assert_allclose(mine.emissionprob_, other.emissionprob_, atol=1e-8)

    return lambda: ours.fit(x, lengths), fit_theirs, agree


def asks(method, *arguments):
    """`score` or `decode`; of paths the log probability is compared, for there are ties."""
    ours, theirs, x, lengths, _ = told(*arguments)

    def agree(mine, other):
        mine, other = (v[0] if method == "decode" else v for v in (mine, other))
        np.testing.assert_allclose(mine, other, rtol=1e-10)

    return (
        lambda: getattr(ours, method)(x, lengths),
        lambda: getattr(theirs, method)(x[:, None], lengths),
        agree,
    )


@case("hidden Markov model, fit, 20,000 symbols, 8 states", "hmmlearn", bar=0.5)
def fit_long():
    return fits(LONG, "log")


@case("hidden Markov model, fit, the same", "hmmlearn, scaling", bar=1.0)
def fit_long_scaling():
    return fits(LONG, "scaling")


@case("hidden Markov model, fit, 1,000 sequences of 20", "hmmlearn, scaling", bar=0.5)
def fit_short():
    return fits(SHORT, "scaling")


@case("hidden Markov model, score, 20,000 symbols, 8 states", "hmmlearn", bar=0.5)
def score_long():
    return asks("score", LONG, "log")


@case("hidden Markov model, score, the same", "hmmlearn, scaling", bar=1.0)
def score_long_scaling():
    return asks("score", LONG, "scaling")


@case("hidden Markov model, score, 1,000 sequences of 20", "hmmlearn, scaling", bar=0.8)
def score_short():
    return asks("score", SHORT, "scaling")


@case("hidden Markov model, decode, 20,000 symbols, 8 states", "hmmlearn", bar=1.0)
def decode_long():
    return asks("decode", LONG, "log")


@case(
    "hidden Markov model, decode, the same, states that stay",
    "hmmlearn",
    bar=1.3,
    note="pieces forget their guessed starts later: more steps are run twice",
)
def decode_sticky():
    return asks("decode", LONG, "log", 0.95)


@case("hidden Markov model, decode, 200,000 symbols", "hmmlearn", bar=1.0)
def decode_longest():
    return asks("decode", [10 * N], "log")


@case(
    "hidden Markov model, decode, 2,000 symbols",
    "hmmlearn",
    bar=4.0,
    note="a millisecond: a step of NumPy on 25 pieces takes about as long as on 250",
)
def decode_alone():
    return asks("decode", [N // 10], "log")


@case("hidden Markov model, decode, 1,000 sequences of 20", "hmmlearn", bar=1.0)
def decode_short():
    return asks("decode", SHORT, "log")
