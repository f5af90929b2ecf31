"""Pictures of least energy, and marginals, against the table of all pictures."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference.denoising import (
    energy,
    flip_field,
    gibbs_marginals,
    iterated_conditional_modes,
    minimum_cut,
)
from companion.inference.graphical_models import MarkovRandomField
from companion.inference.ising import ising_sweep
from tests.inference.models import standard_error

SHAPES = st.sampled_from([(1, 1), (1, 7), (5, 1), (2, 2), (3, 3), (2, 5), (3, 4)])


def all_pictures(shape):
    states = itertools.product([-1, 1], repeat=shape[0] * shape[1])
    return np.array(list(states)).reshape(-1, *shape)


def as_model(field, coupling):
    """The same distribution as a list of factors, pixel (i, j) being variable `i,j`."""
    agree = np.exp(coupling * np.array([[1.0, -1.0], [-1.0, 1.0]]))
    g = nx.grid_2d_graph(*field.shape)
    alone = [((f"{i},{j}",), np.exp([-field[i, j], field[i, j]])) for i, j in g.nodes]
    pairs = [((f"{a},{b}", f"{c},{d}"), agree) for (a, b), (c, d) in g.edges]
    return MarkovRandomField([*alone, *pairs])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), SHAPES, st.floats(-1, 1))
def test_the_energy_is_minus_the_logarithm_of_the_product_of_factors(seed, shape, coupling):
    """`eq-graphical_models-ising`, picture by picture."""
    field = np.random.default_rng(seed).normal(size=shape)
    pictures, joint = all_pictures(shape), as_model(field, coupling).joint()
    weight = np.exp(-energy(pictures, coupling, field))
    np.testing.assert_allclose(weight / weight.sum(), joint.table.ravel(), atol=1e-12)


def test_the_field_of_a_pixel_is_half_the_odds_of_what_was_seen():
    """`eq-graphical_models-energy`: the posterior of a pixel alone is Bayes' rule."""
    h = flip_field(np.array([[1, -1]]), 0.2)
    up = np.exp(h) / (np.exp(h) + np.exp(-h))
    np.testing.assert_allclose(up, [[0.8, 0.2]])
    assert np.allclose(flip_field([[1, -1]], 0.5), 0), "noise that flips every second says nothing"


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), SHAPES, st.floats(0, 2), st.booleans())
def test_a_minimum_cut_is_the_best_of_all_pictures(seed, shape, coupling, ties):
    rng = np.random.default_rng(seed)
    field = rng.normal(size=shape)
    if ties:
        coupling, field = float(np.rint(2 * coupling)), rng.integers(-2, 3, shape).astype(float)
    best = energy(all_pictures(shape), coupling, field).min()
    found = minimum_cut(field, coupling)
    assert found.shape == shape
    assert set(np.unique(found)) <= {-1, 1}
    assert energy(found, coupling, field) == pytest.approx(best, abs=1e-6)


def test_a_minimum_cut_is_that_of_networkx_on_a_larger_picture():
    field, coupling = np.random.default_rng(0).normal(size=(9, 11)), 0.6
    g = nx.DiGraph()
    for a, b in nx.grid_2d_graph(*field.shape).edges:
        g.add_edge(a, b, capacity=coupling)
        g.add_edge(b, a, capacity=coupling)
    for at in np.ndindex(field.shape):
        ends = ("source", at) if field[at] > 0 else (at, "sink")
        g.add_edge(*ends, capacity=abs(field[at]))
    _, (side, _) = nx.minimum_cut(g, "source", "sink")
    due = np.array([[1 if at in side else -1 for at in row] for row in _places(field.shape)])
    assert np.array_equal(minimum_cut(field, coupling), due)


def _places(shape):
    return [[(i, j) for j in range(shape[1])] for i in range(shape[0])]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), SHAPES, st.floats(-1, 2))
def test_modes_never_raise_the_energy_and_end_where_no_pixel_can_gain(seed, shape, coupling):
    rng = np.random.default_rng(seed)
    field, start = rng.normal(size=shape), np.where(rng.random(shape) < 0.5, 1, -1)
    kept, values = start.copy(), [energy(start, coupling, field)]
    for n in (1, 2, 3, 50):
        found = iterated_conditional_modes(field, coupling, start=start, n_sweeps=n)
        values.append(energy(found, coupling, field))
    assert np.array_equal(start, kept), "the start is left as it was"
    assert (np.diff(values) <= 1e-12).all()
    for at in np.ndindex(shape):
        other = found.copy()
        other[at] *= -1
        assert energy(other, coupling, field) >= values[-1] - 1e-12
    if coupling >= 0:
        assert energy(minimum_cut(field, coupling), coupling, field) <= values[-1] + 1e-6


def test_modes_can_be_stuck_where_a_cut_is_not():
    """A block of two by two, each held by two neighbours: no single pixel gains."""
    field = np.full((6, 6), -0.1)
    start = -np.ones((6, 6), dtype=int)
    start[2:4, 2:4] = 1
    found = iterated_conditional_modes(field + 0.15 * (start > 0), 1.0, start=start)
    assert found.sum() == start.sum()
    assert (minimum_cut(field + 0.15 * (start > 0), 1.0) == -1).all()


@pytest.mark.parametrize(("shape", "coupling"), [((3, 3), 0.4), ((2, 5), 0.8), ((1, 6), 0.5)])
def test_marginals_are_those_of_enumeration(shape, coupling):
    """Pitfall I5: every pixel, with a field of its own, also at the border."""
    field = np.random.default_rng(1).normal(0, 0.5, size=shape)
    pictures = all_pictures(shape)
    weight = np.exp(-energy(pictures, coupling, field))
    due = np.tensordot(weight / weight.sum(), pictures > 0, 1)
    found = gibbs_marginals(field, coupling, 20_000, random_state=0)
    rng, spins, seen = np.random.RandomState(1), np.ones(shape, dtype=int), []
    for _ in range(4000):
        seen.append(ising_sweep(spins, coupling, rng, field=field, periodic=False) > 0)
    for at in np.ndindex(*shape):
        error = standard_error(np.array([s[at] for s in seen], dtype=float)) / 5**0.5
        assert abs(found[at] - due[at]) < 5 * error + 1e-3
    again = gibbs_marginals(field, coupling, 20, random_state=0)
    assert np.array_equal(again, gibbs_marginals(field, coupling, 20, random_state=0))


def test_a_stack_is_treated_picture_by_picture():
    field = np.random.default_rng(0).normal(size=(4, 5, 6))
    for method in (iterated_conditional_modes, minimum_cut):
        assert np.array_equal(method(field, 0.7), [method(f, 0.7) for f in field])
    assert np.allclose(
        energy(np.sign(field), 0.7, field), [energy(np.sign(f), 0.7, f) for f in field]
    )
    sure = gibbs_marginals(50 * np.sign(field), 0.0, 10, random_state=0)
    assert np.array_equal(sure > 0.5, field > 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimum_cut(np.ones((2, 2)), -0.5), "must like to agree"),
        (lambda: minimum_cut(np.ones(4), 0.5), "height, width"),
        (lambda: minimum_cut(np.full((2, 2), np.nan), 0.5), "finite"),
        (lambda: iterated_conditional_modes(np.ones((2, 2)), 1.0, n_sweeps=0), "n_sweeps=0"),
        (lambda: gibbs_marginals(np.ones((2, 2)), 1.0, n_burn=-1), "n_burn=-1"),
        (lambda: flip_field([[0, 1]], 0.1), "only -1 and 1"),
        (lambda: flip_field([[1, 1]], 0.0), "flip=0.0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
