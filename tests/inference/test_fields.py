"""Steps of mean field on tables against sums over all states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference.fields import (
    bound_of,
    coordinate_update,
    expected_log_factor,
    log_factors,
)
from companion.inference.graphical_models import MarkovRandomField, multiply
from tests.inference.models import random_field


def random_marginals(model, seed):
    rng = np.random.default_rng(seed)
    return {v: rng.dirichlet(np.ones(n)) for v, n in model.n_states.items()}


def product(model, q):
    """q of all states, in the order of the variables."""
    return multiply([type(model.factors[0])((v,), q[v]) for v in model.variables]).table


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_the_bound_is_log_z_less_the_divergence(seed, n):
    """`eq-variational-split`, the KL divergence by a sum over all states."""
    model = random_field(seed, n)
    q = random_marginals(model, seed)
    all_q, p = product(model, q), model.joint().table
    kl = (all_q * np.log(all_q / p)).sum()
    bound = bound_of(log_factors(model, {}), q)
    assert bound == pytest.approx(model.log_partition() - kl, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_an_update_is_the_best_that_one_marginal_can_do(seed, n):
    """`eq-variational-optimal`: no other marginal of v has a higher bound."""
    model, rng = random_field(seed, n), np.random.default_rng(seed)
    factors, q = log_factors(model, {}), random_marginals(model, seed)
    v = model.variables[int(rng.integers(n))]
    best = q | {v: coordinate_update(factors, q, v)}
    for _ in range(10):
        other = q | {v: rng.dirichlet(np.ones(model.n_states[v]))}
        assert bound_of(factors, other) <= bound_of(factors, best) + 1e-12
    # exp E log p over the others, by the table of all states
    rest = np.where(np.arange(n) == model.variables.index(v), None, list(model.variables))
    log_p, axes = np.log(model.joint().table), [i for i, u in enumerate(rest) if u is not None]
    others = q | {v: np.ones(model.n_states[v])}
    due = np.exp((product(model, others) * log_p).sum(axis=tuple(axes)))
    np.testing.assert_allclose(best[v], due / due.sum(), atol=1e-10)


def test_expected_log_factor_by_hand():
    table, q = (
        np.array([[1.0, 2], [3, 4]]),
        {"a": np.array([0.5, 0.5]), "b": np.array([0.25, 0.75])},
    )
    np.testing.assert_allclose(expected_log_factor(("a", "b"), table, q, "a"), [1.75, 3.75])
    np.testing.assert_allclose(expected_log_factor(("a", "b"), table, q, "b"), [2, 3])
    assert expected_log_factor(("a", "b"), table, q, None) == pytest.approx(2.75)


def test_zeros_are_refused_unless_evidence_cuts_them_out():
    model = MarkovRandomField([(("a", "b"), [[1, 0], [1, 1]])])
    with pytest.raises(ValueError, match=r"\('a', 'b'\) has a 0.*small weight"):
        log_factors(model, {})
    assert len(log_factors(model, {"a": 1})) == 1
