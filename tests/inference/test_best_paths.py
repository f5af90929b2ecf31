"""Best paths are those of the plain loop, whatever the numbers; see `test_side_by_side`, too."""

import numpy as np
import pytest

from companion.inference import best_paths
from companion.inference.best_paths import likeliest, narrow_buffer, viterbi
from companion.inference.hmm import forward
from companion.inference.side_by_side import SideBySide, all_counts
from tests.inference.test_side_by_side import chain


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


@pytest.mark.parametrize("faults", [[13], [85], [79, 80], [5, 150, 390], [399], [0]])
@pytest.mark.parametrize("n_steps", [1, 8, 16, 80])
def test_the_first_symbol_that_is_impossible_is_named(faults, n_steps):
    """In whichever piece it lies, and if only the symbols before make it so."""
    start, transition = np.full(2, 0.5), np.eye(2)
    emission = np.array([[0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0]])
    x, lanes = np.full(500, 2), SideBySide([400, 100], n_steps)
    x[faults] = [0, 1, 3][: len(faults)]
    if len(faults) == 1:
        x[faults] = 3
    with pytest.raises(ValueError, match="probability 0") as due:
        forward(start, transition, emission[:, x[:400]].T)
    for call in (likeliest, all_counts):
        with pytest.raises(ValueError, match="probability 0") as found:
            call(start, transition, emission, x, lanes)
        assert str(found.value) == str(due.value)


def test_where_nothing_is_forgotten_pieces_run_one_after_the_other(monkeypatch):
    """As many steps as symbols, and a few rounds; not as many rounds as pieces."""
    n_steps = []
    monkeypatch.setattr(best_paths, "same_score", lambda a, b: n_steps.append(1) or (a == b).all(0))
    model, x = chain(0, "stays for ever"), np.random.default_rng(0).integers(5, size=16 * 200)
    path, _ = likeliest(*model, x, SideBySide([len(x)], 16))
    assert len(set(path)) == 1
    assert len(n_steps) < 2 * 2 * (200 + 10)


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
