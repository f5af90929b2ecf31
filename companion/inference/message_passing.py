"""Sums over many variables, done piece by piece: elimination, and messages on a graph.

Chapter: `graphical_models`.
"""

import math
from typing import NamedTuple

import networkx as nx
import numpy as np

from companion.inference.graphical_models import Factor, multiply, observe, sum_out
from companion.validation import check_integer, check_real


def shares(table):
    """A table divided by its sum; a `ValueError` says so if what was seen is impossible."""
    total = table.sum()
    if not total > 0:
        raise ValueError("evidence has probability 0: no state fits what was seen.")
    return table / total


def fewest_neighbours(factors, hidden):
    """Order of elimination: next the variable whose product of factors has the fewest others."""
    scopes, order, left = [set(f.variables) for f in factors], [], set(hidden)
    while left:
        met = {v: set().union(*(s for s in scopes if v in s)) for v in left}
        v = min(sorted(left), key=lambda v: len(met[v]))
        scopes = [s for s in scopes if v not in s] + [met[v] - {v}]
        left.remove(v)
        order.append(v)
    return order


def elimination_sizes(model, order):
    """Entries of the product that is made before each variable is summed out, as ints."""
    scopes, sizes = [set(f.variables) for f in model.factors], []
    for v in order:
        met = set().union(*(s for s in scopes if v in s))
        scopes = [s for s in scopes if v not in s] + [met - {v}]
        sizes.append(math.prod(model.n_states[u] for u in met))
    return sizes


def eliminate(factors, order):
    """Sum out variables in order: multiply only factors that hold the next one."""
    for v in order:
        held = [f for f in factors if v in f.variables]
        others = [f for f in factors if v not in f.variables]
        factors = [*others, sum_out(multiply(held), (v,))]
    return multiply(factors)


def variable_elimination(model, query, evidence=None, *, order=None):
    """Exact ``p(query | evidence)``: sum out one variable after the other.

    Only the factors that hold a variable are multiplied before it is summed out. The cost is that
    of the largest product on the way, and depends on the order.

    Parameters
    ----------
    model : GraphicalModel
    query : str or sequence of str
    evidence : dict, optional
        States by variable.
    order : sequence of str, optional
        Of all other variables; by default the cheapest next (`fewest_neighbours`).

    Returns
    -------
    Factor
        Over the query, in its order; sums to 1.
    """
    query = (query,) if isinstance(query, str) else tuple(query)
    evidence = model.check_evidence(evidence)
    if unknown := set(query) - set(model.variables):
        raise ValueError(f"query has {sorted(unknown)}: the variables are {model.variables}.")
    if set(query) & set(evidence):
        raise ValueError(f"query={query} was seen already: leave it out of evidence={evidence}.")
    factors = [observe(f, evidence) for f in model.factors]
    hidden = set(model.variables) - set(query) - set(evidence)
    order = fewest_neighbours(factors, hidden) if order is None else list(order)
    if sorted(order) != sorted(hidden):
        raise ValueError(f"order={order} must hold each of {sorted(hidden)} once.")
    f = eliminate(factors, order)
    return Factor(query, shares(f.table).transpose([f.variables.index(v) for v in query]))


class Beliefs(NamedTuple):
    """What messages say of each variable alone.

    Attributes
    ----------
    marginals : dict
        Probabilities of the states by variable; what was seen is certain.
    n_rounds : int
    change : float
        Largest change of a message in the last round.
    """

    marginals: dict
    n_rounds: int
    change: float


def factor_graph(factors):
    """Bipartite graph: variables, numbers of factors, an edge where a factor holds a variable."""
    g = nx.Graph()
    for i, f in enumerate(factors):
        g.add_node(i)
        g.add_edges_from((i, v) for v in f.variables)
    return g


def from_factor(f, to, incoming):
    """Message to one variable: multiply by the others' messages, sum them out."""
    axis = {v: i for i, v in enumerate(f.variables)}
    others = [v for v in f.variables if v != to]
    told = [part for v in others for part in (incoming[v], [axis[v]])]
    return np.einsum(f.table, list(axis.values()), *told, [axis[to]])


def product(messages, n_states):
    """Multiply messages entry by entry, the largest made 1: many of them do not vanish."""
    out = np.ones(n_states)
    for message in messages:
        out *= message
        out /= out.max() or 1.0
    return out


def pass_messages(model, evidence, n_rounds, damping, tol):
    """Flooding schedule: all messages of a round are computed from those of the round before."""
    evidence, states = model.check_evidence(evidence), model.n_states
    factors = [observe(f, evidence) for f in model.factors]
    for f in factors:
        if not f.variables:  # all was seen: no message will tell that it is impossible
            shares(f.table)
    factors = [f for f in factors if f.variables]
    told = {(i, v): np.ones(states[v]) for i, f in enumerate(factors) for v in f.variables}
    heard = {v: [i for i, f in enumerate(factors) if v in f.variables] for _, v in told}
    change, rounds = np.inf, 0
    while rounds < n_rounds and change > tol:
        new = {}
        for i, f in enumerate(factors):
            incoming = {
                v: product((told[j, v] for j in heard[v] if j != i), states[v]) for v in f.variables
            }
            for v in f.variables:
                new[i, v] = shares(from_factor(f, v, incoming))
        if not told:
            change = 0.0
            break
        change = np.abs(np.concatenate([new[edge] - told[edge] for edge in told])).max()
        if damping:
            new = {edge: (1 - damping) * new[edge] + damping * told[edge] for edge in told}
        told = new
        rounds += 1
    marginals = {v: np.eye(states[v])[state] for v, state in evidence.items()}
    for v in heard:
        marginals[v] = shares(product((told[i, v] for i in heard[v]), states[v]))
    return Beliefs({v: marginals[v] for v in model.variables}, rounds, float(change))


def sum_product(model, evidence=None):
    """Exact marginals of all variables at once, on a tree (Pearl, 1982; Kschischang et al., 2001).

    As many rounds as the longest path, then no message changes any more.

    Returns
    -------
    Beliefs

    Raises
    ------
    ValueError
        If the factor graph, without what was seen, has a cycle.
    """
    seen = model.check_evidence(evidence)
    g = factor_graph([observe(f, seen) for f in model.factors])
    if not nx.is_forest(g):
        raise ValueError(
            "the factor graph has a cycle: use variable_elimination, or loopy_belief_propagation "
            "for an approximation."
        )
    return pass_messages(model, seen, len(g) + 1, 0.0, 0.0)


def loopy_belief_propagation(model, evidence=None, *, n_rounds=100, damping=0.0, tol=1e-9):
    """The same messages on any graph, round by round: approximate where there are loops.

    Parameters
    ----------
    model : GraphicalModel
    evidence : dict, optional
    n_rounds : int
    damping : float in [0, 1)
        Share of the old message that is kept.
    tol : float
        Ends when no message changes by more.

    Returns
    -------
    Beliefs
        `change` above `tol` says that the messages did not settle.
    """
    check_integer("n_rounds", n_rounds)
    damping = check_real("damping", damping, 0, 0.999)
    return pass_messages(model, evidence, n_rounds, damping, check_real("tol", tol, 0))
