"""Products of tables: their joint, their graph, and what it says of independence."""

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference.graphical_models import (
    BayesianNetwork,
    MarkovRandomField,
    d_separated,
    factor,
    multiply,
    observe,
    sum_out,
)
from tests.inference.models import enumerated, names, random_field, random_network

ALARM = {
    "burglary": ((), [0.99, 0.01]),
    "earthquake": ((), [0.98, 0.02]),
    "alarm": (
        ("burglary", "earthquake"),
        [[[0.999, 0.001], [0.7, 0.3]], [[0.06, 0.94], [0.05, 0.95]]],
    ),
}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_the_joint_of_a_network_is_the_product_of_its_tables(seed):
    model = random_network(seed, 5)
    joint = model.joint()
    assert joint.table.sum() == pytest.approx(1)
    tables = {f.variables[-1]: f for f in model.factors}
    for state in itertools.product(*(range(model.n_states[v]) for v in model.variables)):
        at = dict(zip(model.variables, state, strict=True))
        due = math.prod(tables[v].table[tuple(at[u] for u in tables[v].variables)] for v in at)
        assert joint.table[state] == pytest.approx(due)
    assert model.variables == tuple(dict.fromkeys(v for f in model.factors for v in f.variables))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_the_partition_function_is_the_sum_of_all_products(seed):
    model = random_field(seed, 4)
    total = 0.0
    for state in itertools.product(*(range(model.n_states[v]) for v in model.variables)):
        at = dict(zip(model.variables, state, strict=True))
        total += math.prod(f.table[tuple(at[v] for v in f.variables)] for f in model.factors)
    assert model.log_partition() == pytest.approx(math.log(total))


def test_what_explains_the_alarm_away():
    """`fig-graphical_models-alarm`: causes are independent, until the alarm is heard."""
    model = BayesianNetwork(ALARM)
    alone = enumerated(model, ("burglary",))[1]
    assert enumerated(model, ("burglary",), {"earthquake": 1})[1] == pytest.approx(alone)
    heard = enumerated(model, ("burglary",), {"alarm": 1})[1]
    assert enumerated(model, ("burglary",), {"alarm": 1, "earthquake": 1})[1] < heard / 5


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**6))
def test_separation_is_that_of_networkx(seed):
    rng = np.random.default_rng(seed)
    model = random_network(seed, 8, 3)
    x, y, *seen = map(str, rng.permutation(names(8))[: rng.integers(2, 7)])
    due = nx.is_d_separator(model.directed, {x}, {y}, set(seen))
    assert d_separated(model.parents, x, y, seen) == due


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_what_is_separated_is_independent_and_what_is_not_is_as_a_rule_dependent(seed):
    rng = np.random.default_rng(seed)
    model = random_network(seed, 5)
    x, y, *seen = map(str, rng.permutation(names(5))[: rng.integers(2, 5)])
    evidence = {v: int(rng.integers(model.n_states[v])) for v in seen}
    both = enumerated(model, (x, y), evidence)
    gap = np.abs(both - both.sum(1, keepdims=True) * both.sum(0)).max()
    if d_separated(model.parents, x, y, seen):
        assert gap < 1e-12
    else:
        assert gap > 1e-12


def test_samples_have_the_shares_of_the_joint():
    model = random_network(3, 4)
    drawn, n = model.sample(40_000, random_state=0), 40_000
    joint = model.joint().table
    seen = np.zeros_like(joint)
    np.add.at(seen, tuple(drawn.T), 1 / n)
    assert (np.abs(seen - joint) <= 5 * np.sqrt(joint * (1 - joint) / n) + 1e-12).all()
    assert np.array_equal(drawn, model.sample(n, random_state=0))


def test_tables_are_multiplied_summed_and_cut():
    rng = np.random.default_rng(0)
    f, g = factor("ab", rng.random((2, 3))), factor("bc", rng.random((3, 4)))
    both = multiply([f, g])
    assert both.variables == ("a", "b", "c")
    assert np.allclose(both.table, np.einsum("ab,bc->abc", f.table, g.table))
    assert np.allclose(sum_out(both, ("b",)).table, f.table @ g.table)
    assert observe(both, {"b": 1}).variables == ("a", "c")
    assert np.allclose(observe(both, {"b": 1}).table, both.table[:, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MarkovRandomField([]), "at least one table"),
        (lambda: MarkovRandomField([(("a", "b"), [1.0, 2.0])]), "one for each axis"),
        (lambda: MarkovRandomField([(("a",), [1.0, -2.0])]), "weights >= 0"),
        (
            lambda: MarkovRandomField([(("a",), [1, 1]), (("a", "b"), np.ones((3, 2)))]),
            "same length",
        ),
        (lambda: BayesianNetwork({"a": (("b",), np.eye(2))}), "give each parent a table"),
        (lambda: BayesianNetwork({"a": (("b",), np.eye(2)), "b": (("a",), np.eye(2))}), "cycle"),
        (lambda: BayesianNetwork({"a": ((), [0.5, 0.6])}), "sum to 1"),
        (lambda: MarkovRandomField([(("a",), [0, 0])]).joint(), "probability 0"),
        (lambda: d_separated({"a": (), "b": ()}, "a", "b", ["c"]), "no parents"),
        (lambda: d_separated({"a": (), "b": ()}, "a", "a"), "overlap"),
    ],
)
def test_bad_models_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
