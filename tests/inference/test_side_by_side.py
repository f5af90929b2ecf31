"""What is run side by side has the numbers of the plain loops, whatever the chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference import side_by_side
from companion.inference.hmm import expected_counts, forward, viterbi
from companion.inference.side_by_side import (
    SideBySide,
    all_counts,
    filtered,
    likeliest,
    narrow_buffer,
    smoothed,
)


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


@pytest.mark.parametrize("n_states", [1, 2, 7, 8, 9, 33])
@pytest.mark.parametrize("smallest", [1e-300, 1e-3])
def test_the_best_path_is_the_loops_whatever_the_number_of_states(n_states, smallest):
    rng = np.random.default_rng(n_states)
    model = [rng.dirichlet(np.ones(k), m) for k, m in ((n_states, n_states + 1), (5, n_states))]
    model = [np.where(rng.random(p.shape) < 0.2, smallest, p) for p in model]
    start, transition, emission = model[0][0], model[0][1:], model[1]
    x, lanes = rng.integers(5, size=700), SideBySide([699, 1], 40)
    path, log_prob = likeliest(start, transition, emission, x, lanes)
    alone = [viterbi(start, transition, emission[:, p].T) for p in (x[:699], x[699:])]
    np.testing.assert_array_equal(path, np.concatenate([z for z, _ in alone]))
    assert log_prob == pytest.approx(sum(log_p for _, log_p in alone), rel=1e-12)


def test_of_ways_that_are_equal_the_first_is_taken():
    """As `argmax` does; here each path is as likely as any other."""
    share, x = np.full((3, 3), 1 / 3), np.zeros(500, dtype=int)
    path, log_prob = likeliest(share[0], share, np.ones((3, 1)), x, SideBySide([400, 100], 16))
    np.testing.assert_array_equal(path, 0)
    assert log_prob == pytest.approx(500 * np.log(1 / 3), rel=1e-12)


def test_a_way_through_the_last_state_costs_no_more():
    """7, 0 and 1, 1 are equally likely, so that the last state is 0."""
    start, transition = np.eye(8)[[1, 7]].mean(axis=0), np.roll(np.eye(8), 1, axis=1)
    transition[[0, 1]] = transition[[1, 0]]
    path, _ = likeliest(start, transition, np.ones((8, 1)), np.zeros(2, int), SideBySide([2]))
    np.testing.assert_array_equal(path, viterbi(start, transition, np.ones((2, 8)))[0])
    np.testing.assert_array_equal(path, [7, 0])


@pytest.mark.parametrize("n", [200, 20_000])
def test_a_way_that_falls_behind_for_ever_is_still_added_exactly(n):
    """State 1 is likelier at each step and is never left, but the last symbol needs state 0."""
    start, transition = np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.0, 1.0]])
    emission = np.array([[1e-9, 1e-9, 1.0], [0.5, 0.5, 0.0]])
    x = np.random.default_rng(0).integers(2, size=n)
    x[-1] = 2
    path, log_prob = likeliest(start, transition, emission, x, SideBySide([n], 64))
    np.testing.assert_array_equal(path, 0)
    steps = np.log(transition[0, 0]) + np.log(emission[0, 0])
    assert log_prob == pytest.approx(np.log(0.5) + (n - 1) * steps, rel=1e-10)


def test_what_a_call_returns_is_its_own():
    """Rooms are kept for the next call; paths, of whatever length, do not lie there."""
    model, x = chain(0, "forgets"), np.random.default_rng(0).integers(5, size=500)
    for n in (5, 64, 65, 500):
        path, _ = likeliest(*model, x[:n], SideBySide([n], 64))
        before = path.copy()
        likeliest(*model, x[::-1][:n], SideBySide([n], 64))
        np.testing.assert_array_equal(path, before)


def test_numpys_buffer_is_as_it_was():
    model, size = chain(0, "forgets"), np.getbufsize()
    likeliest(*model, np.zeros(90, dtype=int), SideBySide([90], 16))
    with pytest.raises(FloatingPointError), narrow_buffer():
        raise FloatingPointError
    assert np.getbufsize() == size


def test_a_chain_that_forgets_takes_few_rounds(monkeypatch):
    """Steps that are done: one round, and a little of a second."""
    model, x = chain(1, "forgets"), np.random.default_rng(0).integers(5, size=64 * 128)
    lanes, n_steps = SideBySide([len(x)]), []
    kept = side_by_side.same_share
    monkeypatch.setattr(side_by_side, "same_share", lambda a, b: n_steps.append(1) or kept(a, b))
    filtered(*model, lanes.lay(x, 5), lanes)
    assert len(n_steps) < 12
