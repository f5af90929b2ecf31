"""Elimination and messages against the table of all states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference.graphical_models import MarkovRandomField
from companion.inference.message_passing import (
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
