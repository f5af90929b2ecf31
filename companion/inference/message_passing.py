"""Sums over many variables, done piece by piece: elimination, and messages on a graph.

Chapter: `graphical_models`.
"""

import math
from typing import NamedTuple

import networkx as nx
import numpy as np

from companion.inference.graphical_models import Factor, multiply, observe, sum_out
from companion.validation import check_integer, check_real


def normalized(f, what):
    """A factor divided by its sum; a `ValueError` says so if what was seen is impossible."""
    total = f.table.sum()
    if not total > 0:
        raise ValueError(f"{what} has probability 0: no state fits what was seen.")
    return Factor(f.variables, f.table / total)


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
    """Sum out the variables of `order`: multiply only the factors that hold the next one."""
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
    f = normalized(eliminate(factors, order), "evidence")
    return Factor(query, f.table.transpose([f.variables.index(v) for v in query]))


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
    """Message of a factor to one of its variables: multiply by the others' messages, sum out."""
    told = [Factor((v,), incoming[v]) for v in f.variables if v != to]
    return sum_out(multiply([f, *told]), [v for v in f.variables if v != to]).table


def pass_messages(model, evidence, n_rounds, damping, tol):
    """Flooding schedule: all messages of a round are computed from those of the round before."""
    evidence = model.check_evidence(evidence)
    factors = [f for f in (observe(f, evidence) for f in model.factors) if f.variables]
    told = {(i, v): np.ones(model.n_states[v]) for i, f in enumerate(factors) for v in f.variables}
    told = {edge: message / message.sum() for edge, message in told.items()}
    heard = {}
    for _, v in told:
        heard.setdefault(v, [i for i, f in enumerate(factors) if v in f.variables])
    change, rounds = np.inf, 0
    while rounds < n_rounds and change > tol:
        new = {}
        for i, f in enumerate(factors):
            incoming = {
                v: np.prod([told[j, v] for j in heard[v] if j != i], axis=0, initial=1.0)
                * np.ones(model.n_states[v])
                for v in f.variables
            }
            for v in f.variables:
                message = Factor((v,), from_factor(f, v, incoming))
                new[i, v] = normalized(message, "evidence").table
        change = max(np.abs(new[edge] - told[edge]).max() for edge in told) if told else 0.0
        told = {edge: (1 - damping) * new[edge] + damping * told[edge] for edge in told}
        rounds += 1
    marginals = {}
    for v in model.variables:
        if v in evidence:
            marginals[v] = np.eye(model.n_states[v])[evidence[v]]
        else:
            belief = Factor((v,), np.prod([told[j, v] for j in heard[v]], axis=0))
            marginals[v] = normalized(belief, "evidence").table
    return Beliefs(marginals, rounds, float(change))


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
