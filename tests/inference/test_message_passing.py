"""Elimination and messages against the table of all states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference import message_passing
from companion.inference.graphical_models import BayesianNetwork, MarkovRandomField, multiply
from companion.inference.hmm import HiddenMarkovModel
from companion.inference.message_passing import (
    elimination_sizes,
    loopy_belief_propagation,
    sum_product,
    variable_elimination,
)
from tests.inference.models import enumerated, names, random_field, random_network, random_tree


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 12), st.booleans())
def test_elimination_is_enumeration(seed, n, directed):
    """`eq-graphical_models-elimination`, on models of up to 12 variables, in any order."""
    rng = np.random.default_rng(seed)
    model = random_network(seed, n, 3) if directed else random_field(seed, n)
    some = [str(v) for v in rng.permutation(names(n))]
    query, seen = tuple(some[: rng.integers(1, 3)]), some[2:4]
    query = tuple(v for v in query if v not in seen)
    evidence = {v: int(rng.integers(model.n_states[v])) for v in seen}
    due = enumerated(model, query, evidence)
    found = variable_elimination(model, query, evidence)
    assert found.variables == query
    np.testing.assert_allclose(found.table, due, atol=1e-12)
    hidden = [v for v in some if v not in query and v not in evidence]
    again = variable_elimination(model, query, evidence, order=hidden)
    np.testing.assert_allclose(again.table, due, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_sizes_are_those_of_the_tables_that_are_made(seed, n):
    """`fig-graphical_models-order`: counted on the way."""
    model, made = random_field(seed, n), []
    order = [str(v) for v in np.random.default_rng(seed).permutation(names(n))[1:]]
    query = (set(model.variables) - set(order)).pop()

    def counted(factors):
        f = multiply(factors)
        made.append(f.table.size)
        return f

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_passing, "multiply", counted)
        variable_elimination(model, query, order=order)
    assert elimination_sizes(model, order) == made[:-1]


def test_the_middle_of_a_star_comes_last():
    star = MarkovRandomField([(("middle", f"leaf{i}"), np.ones((2, 2))) for i in range(10)])
    leaves = [f"leaf{i}" for i in range(10)]
    assert elimination_sizes(star, [*leaves, "middle"]) == [4] * 10 + [2]
    assert elimination_sizes(star, ["middle", *leaves])[0] == 2**11
    assert message_passing.fewest_neighbours(star.factors, star.variables)[0] != "middle"


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 8))
def test_messages_on_a_chain_are_forward_and_backward(seed, n_components, n_steps):
    """A hidden Markov model is a network, and its posteriors are marginals."""
    rng = np.random.default_rng(seed)
    hmm = HiddenMarkovModel(n_components)
    hmm.startprob_ = rng.dirichlet(np.ones(n_components))
    hmm.transmat_ = rng.dirichlet(np.ones(n_components), size=n_components)
    hmm.emissionprob_ = rng.dirichlet(np.ones(4), size=n_components)
    tables = {"z0": ((), hmm.startprob_)}
    tables |= {f"z{t}": ((f"z{t - 1}",), hmm.transmat_) for t in range(1, n_steps)}
    tables |= {f"x{t}": ((f"z{t}",), hmm.emissionprob_) for t in range(n_steps)}
    seen = rng.integers(4, size=n_steps)
    evidence = {f"x{t}": int(x) for t, x in enumerate(seen)}
    found = sum_product(BayesianNetwork(tables), evidence).marginals
    found = np.array([found[f"z{t}"] for t in range(n_steps)])
    np.testing.assert_allclose(found, hmm.predict_proba(seen), atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(3, 9))
def test_beliefs_sum_to_1_and_settle_where_coupling_is_weak(seed, n):
    """Pitfall I6: on graphs with loops, with damping; close to 1, factors say little."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(n) for b in range(a) if rng.random() < 0.5]
    model = MarkovRandomField(
        [((names(n)[a], names(n)[b]), rng.uniform(0.8, 1.2, (2, 2))) for a, b in pairs]
        + [((v,), rng.uniform(0.5, 1.5, 2)) for v in names(n)]
    )
    first = loopy_belief_propagation(model, damping=0.5)
    again = loopy_belief_propagation(model, damping=0.5)
    assert first.change <= 1e-9
    for v in model.variables:
        assert first.marginals[v].sum() == pytest.approx(1)
        np.testing.assert_array_equal(first.marginals[v], again.marginals[v])
        np.testing.assert_allclose(first.marginals[v], enumerated(model, (v,)), atol=0.02)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_on_a_tree_messages_are_exact_and_asked_twice_the_same(seed, n):
    """Pitfall I6: no message is left over from the query before."""
    model = random_tree(seed, n)
    rng = np.random.default_rng(seed)
    evidence = {v: int(rng.integers(model.n_states[v])) for v in names(n)[:: max(2, n // 2)]}
    first = sum_product(model)
    told = sum_product(model, evidence)
    again = sum_product(model)
    for v in model.variables:
        np.testing.assert_allclose(first.marginals[v], enumerated(model, (v,)), atol=1e-12)
        np.testing.assert_array_equal(first.marginals[v], again.marginals[v])
        if v in evidence:
            assert told.marginals[v][evidence[v]] == 1
        else:
            np.testing.assert_allclose(
                told.marginals[v], enumerated(model, (v,), evidence), atol=1e-12
            )
    loopy = loopy_belief_propagation(model)
    for v in model.variables:
        np.testing.assert_allclose(loopy.marginals[v], first.marginals[v], atol=1e-9)


def square(coupling, field=0.0, n=4):
    """A ring of signs that like to agree."""
    pair = np.exp(coupling * np.array([[1.0, -1.0], [-1.0, 1.0]]))
    ring = [((f"v{i}", f"v{(i + 1) % n}"), pair) for i in range(n)]
    return MarkovRandomField([*ring, (("v0",), np.exp(field * np.array([-1.0, 1.0])))])


def test_on_a_ring_messages_are_too_sure():
    """One loop: the belief is wrong, on the right side, and nearer where coupling is weak."""
    gaps = []
    for coupling in (0.1, 0.5, 1.0):
        model = square(coupling, 0.3)
        exact = enumerated(model, ("v2",))[1]
        found = loopy_belief_propagation(model)
        assert found.change <= 1e-9
        gaps.append(found.marginals["v2"][1] - exact)
    assert 0 < gaps[0] < gaps[1] < gaps[2]
    with pytest.raises(ValueError, match="cycle"):
        sum_product(square(0.5))
    assert sum_product(square(0.5), {"v0": 1}).marginals["v2"][1] == pytest.approx(
        enumerated(square(0.5), ("v2",), {"v0": 1})[1]
    ), "what was seen opens the ring"


def test_damping_changes_the_way_and_not_the_end():
    model = square(0.8, 0.2)
    plain = loopy_belief_propagation(model)
    damped = loopy_belief_propagation(model, damping=0.5, n_rounds=500)
    assert damped.n_rounds > plain.n_rounds
    np.testing.assert_allclose(damped.marginals["v2"], plain.marginals["v2"], atol=1e-6)


def test_one_round_is_said_not_to_have_settled():
    assert loopy_belief_propagation(square(0.8, 0.2), n_rounds=1).change > 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: variable_elimination(m, "w"), "the variables are"),
        (lambda m: variable_elimination(m, "v0", {"v0": 1}), "was seen already"),
        (lambda m: variable_elimination(m, "v0", {"v1": 2}), "states count from 0"),
        (lambda m: variable_elimination(m, "v0", {"w": 0}), "the variables are"),
        (lambda m: variable_elimination(m, "v0", order=["v1"]), "must hold each of"),
        (lambda m: loopy_belief_propagation(m, damping=1.0), "damping=1.0"),
        (lambda m: loopy_belief_propagation(m, n_rounds=0), "n_rounds=0"),
    ],
)
def test_bad_questions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(square(0.5))


def test_what_is_impossible_is_said_to_be():
    model = MarkovRandomField([(("a", "b"), [[1.0, 0.0], [0.0, 0.0]])])
    for ask in (
        lambda: variable_elimination(model, "a", {"b": 1}),
        lambda: sum_product(model, {"b": 1}),
    ):
        with pytest.raises(ValueError, match="no state fits"):
            ask()


@pytest.mark.parametrize("ask", [sum_product, loopy_belief_propagation])
def test_what_is_impossible_is_said_to_be_if_all_of_a_table_was_seen(ask):
    model = MarkovRandomField([(("a", "b"), [[1.0, 0.0], [0.0, 1.0]]), (("a",), [1.0, 1.0])])
    with pytest.raises(ValueError, match="no state fits"):
        ask(model, {"a": 0, "b": 1})


def test_a_thousand_messages_do_not_vanish():
    model = MarkovRandomField([(("m",), [0.2, 0.8])] + [(("m",), [0.5, 0.5])] * 1200)
    np.testing.assert_allclose(loopy_belief_propagation(model).marginals["m"], [0.2, 0.8])
