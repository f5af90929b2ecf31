"""What is run side by side has the numbers of the plain loops, whatever the chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference import side_by_side
from companion.inference.best_paths import likeliest
from companion.inference.hmm import expected_counts, forward, viterbi
from companion.inference.side_by_side import SideBySide, all_counts, filtered, smoothed


def chain(seed, kind, n_states=4, n_symbols=5):
    """Start, transition and emission matrix; chains that forget at once, slowly, or never."""
    rng = np.random.default_rng(seed)
    start, transition, emission = (
        rng.dirichlet(np.ones(k), m)
        for k, m in ((n_states, 1), (n_states,) * 2, (n_symbols, n_states))
    )
    eye = np.eye(n_states)
    transition = {
        "forgets": transition,
        "remembers": 0.99 * eye + 0.01 * transition,
        "stays for ever": eye,
        "turns round": np.roll(eye, 1, axis=1),
        "has zeros": np.triu(transition) / np.triu(transition).sum(1, keepdims=True),
    }[kind]
    return start[0], transition, emission


KINDS = ["forgets", "remembers", "stays for ever", "turns round", "has zeros"]


def parts(x, lengths):
    return np.split(x, np.cumsum(lengths)[:-1])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 50))
def test_what_is_laid_in_lanes_comes_back(lengths, n_steps):
    lanes, x = SideBySide(lengths, n_steps), np.arange(sum(lengths))
    there = lanes.lay(x, -1)
    assert lanes.first.sum() == lanes.last.sum() == len(lengths)
    np.testing.assert_array_equal(lanes.end_to_end(there), x)
    np.testing.assert_array_equal(there >= 0, lanes.inside)
    np.testing.assert_array_equal(there[0][lanes.first], lanes.begins)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 90), min_size=1, max_size=4),
    st.sampled_from([1, 7, 16, 30, 128]),
)
def test_all_numbers_are_those_of_the_loops(kind, seed, lengths, n_steps):
    """`eq-hidden_markov-forward`, `eq-hidden_markov-viterbi`, `eq-hidden_markov-counts`."""
    model = chain(seed, kind)
    start, transition, emission = model
    x = np.random.default_rng(seed).integers(5, size=sum(lengths))
    lanes = SideBySide(lengths, n_steps)
    alone = [forward(start, transition, emission[:, p].T) for p in parts(x, lengths)]
    alpha, scale = filtered(*model, lanes.lay(x, 5), lanes)
    np.testing.assert_allclose(
        lanes.end_to_end(alpha).T, np.concatenate([a for a, _ in alone]), rtol=1e-8
    )
    np.testing.assert_allclose(
        lanes.end_to_end(scale), np.concatenate([s for _, s in alone]), rtol=1e-9
    )
    counted = [expected_counts(*model, p) for p in parts(x, lengths)]
    for ours, due in zip(all_counts(*model, x, lanes), zip(*counted, strict=True), strict=True):
        np.testing.assert_allclose(ours, sum(due), rtol=1e-8, atol=1e-9)
    path, log_prob = likeliest(*model, x, lanes)
    with np.errstate(divide="ignore"):
        logs = [np.log(part) for part in model]
    assert log_prob == pytest.approx(
        sum(viterbi(start, transition, emission[:, p].T)[1] for p in parts(x, lengths)), rel=1e-10
    )
    told = 0.0  # ties may go another way: the path must be as likely
    for p, z in zip(parts(x, lengths), parts(path, lengths), strict=True):
        told += logs[0][z[0]] + logs[1][z[:-1], z[1:]].sum() + logs[2][z, p].sum()
    assert told == pytest.approx(log_prob, rel=1e-10)


def test_posteriors_of_pairs_add_up_to_those_of_states():
    model, x = chain(0, "forgets"), np.random.default_rng(0).integers(5, size=900)
    lanes = SideBySide([500, 400])
    _, alpha, posterior, later = smoothed(*model, x, lanes)
    pairs = alpha[:, None, :-1] * model[1][:, :, None] * later[None, :, 1:]
    inner = np.arange(899) != 499
    np.testing.assert_allclose(pairs.sum(axis=1)[:, inner], posterior[:, :-1][:, inner], atol=1e-11)
    np.testing.assert_allclose(pairs.sum(axis=0)[:, inner], posterior[:, 1:][:, inner], atol=1e-11)
    assert (pairs[..., 499] == 0).all()


def test_an_unlikely_state_that_later_symbols_need_is_not_rounded_away():
    """A share of 1e-40 must be right to many digits: the next symbol comes from that state only."""
    start = np.array([1.0, 0.0])
    transition = np.array([[1 - 1e-20, 1e-20], [1e-20, 1 - 1e-20]])
    emission = np.array([[1.0, 0.0], [0.5, 0.5]])
    x = np.zeros(300, dtype=int)
    x[150:] = 1
    lanes = SideBySide([300], 16)
    due = np.log(forward(start, transition, emission[:, x].T)[1]).sum()
    assert all_counts(start, transition, emission, x, lanes)[0] == pytest.approx(due, rel=1e-12)


def test_a_chain_that_forgets_takes_few_rounds(monkeypatch):
    """Steps that are done: one round, and a little of a second."""
    model, x = chain(1, "forgets"), np.random.default_rng(0).integers(5, size=64 * 128)
    lanes, n_steps = SideBySide([len(x)]), []
    kept = side_by_side.same_share
    monkeypatch.setattr(side_by_side, "same_share", lambda a, b: n_steps.append(1) or kept(a, b))
    filtered(*model, lanes.lay(x, 5), lanes)
    assert len(n_steps) < 12
