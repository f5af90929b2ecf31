"""Distributions that are products of small tables, and what their graph says.

Chapter: `graphical_models`.
"""

import math
from typing import NamedTuple

import networkx as nx
import numpy as np
from sklearn.utils import check_random_state

from companion.validation import check_integer


class Factor(NamedTuple):
    """A table with one axis for each of some variables.

    Attributes
    ----------
    variables : tuple of str
        In the order of the axes.
    table : float array
    """

    variables: tuple
    table: np.ndarray


def factor(variables, table):
    """Return a `Factor`, checked: distinct variables, one axis each, no entry below 0."""
    variables, table = tuple(variables), np.asarray(table, dtype=float)
    if len(set(variables)) != len(variables) or table.ndim != len(variables):
        raise ValueError(
            f"variables={variables} and a table of shape {table.shape} do not fit: give distinct "
            "names, one for each axis."
        )
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError("table has entries that are negative or not finite: give weights >= 0.")
    return Factor(variables, table)


def multiply(factors):
    """Product of factors, a `Factor` of all their variables in order of appearance."""
    variables = tuple(dict.fromkeys(v for f in factors for v in f.variables))
    axis = {v: i for i, v in enumerate(variables)}
    told = [part for f in factors for part in (f.table, [axis[v] for v in f.variables])]
    pairs = "greedy" if len(factors) > 3 else False  # to plan costs more than few factors do
    return Factor(variables, np.einsum(*told, list(range(len(variables))), optimize=pairs))


def sum_out(f, variables):
    """Add up over some variables: a `Factor` of the others."""
    kept = tuple(v for v in f.variables if v not in variables)
    axes = tuple(i for i, v in enumerate(f.variables) if v not in kept)
    return Factor(kept, f.table.sum(axis=axes))


def observe(f, evidence):
    """Cut out what was seen, a dict of states by variable: a `Factor` of the others."""
    where = tuple(evidence.get(v, slice(None)) for v in f.variables)
    return Factor(tuple(v for v in f.variables if v not in evidence), f.table[where])


class GraphicalModel:
    """What directed and undirected models share: a list of factors.

    Attributes
    ----------
    factors : list of Factor
    variables : tuple of str
    n_states : dict
        Number of states by variable.
    """

    def __init__(self, factors):
        self.factors = list(factors)
        if not self.factors:
            raise ValueError("factors=[] says nothing: give at least one table.")
        self.n_states = {}
        for f in self.factors:
            for v, n in zip(f.variables, f.table.shape, strict=True):
                if self.n_states.setdefault(v, n) != n:
                    raise ValueError(
                        f"{v!r} has {self.n_states[v]} states in one table and {n} in another: "
                        "give its axis the same length everywhere."
                    )
        self.variables = tuple(self.n_states)

    def check_evidence(self, evidence):
        """Return evidence as a dict of ints, or raise a `ValueError` that names what is wrong."""
        checked = {}
        for v, state in (evidence or {}).items():
            if v not in self.n_states:
                raise ValueError(f"evidence has {v!r}: the variables are {self.variables}.")
            high = self.n_states[v] - 1
            checked[v] = check_integer(f"evidence[{v!r}]", state, 0, high, "states count from 0.")
        return checked

    def joint(self):
        """Table of all states of all variables, a `Factor` that sums to 1.

        It has as many entries as there are states: for small models, and for tests.
        """
        f = multiply(self.factors)
        total = f.table.sum()
        if total == 0:
            raise ValueError("all states have probability 0: some tables exclude each other.")
        order = [f.variables.index(v) for v in self.variables]
        return Factor(self.variables, f.table.transpose(order) / total)

    def graph(self):
        """Return the undirected graph: an edge between two variables that share a factor."""
        g = nx.Graph()
        g.add_nodes_from(self.variables)
        for f in self.factors:
            g.add_edges_from((a, b) for a in f.variables for b in f.variables if a < b)
        return g


class MarkovRandomField(GraphicalModel):
    """``p(x) = 1/Z prod_f f(x_f)``: factors without a direction.

    Parameters
    ----------
    factors : list of (variables, table)
    """

    def __init__(self, factors):
        super().__init__(factor(*f) for f in factors)

    def log_partition(self):
        """``log Z`` by adding up all states, in nats."""
        return math.log(multiply(self.factors).table.sum())


class BayesianNetwork(GraphicalModel):
    """``p(x) = prod_v p(x_v | x_parents(v))``: a table for each variable, given its parents.

    Parameters
    ----------
    tables : dict
        By variable: a pair (parents, table), whose axes are the parents and then the variable;
        the last axis sums to 1.

    Examples
    --------
    >>> rain = BayesianNetwork({"rain": ((), [0.8, 0.2]), "wet": (("rain",), [[0.9, 0.1], [0, 1]])})
    >>> rain.joint().table.sum(axis=0).round(2)
    array([0.72, 0.28])
    """

    def __init__(self, tables):
        self.parents = {v: tuple(parents) for v, (parents, _) in tables.items()}
        self.directed = nx.DiGraph()
        self.directed.add_nodes_from(tables)
        self.directed.add_edges_from((p, v) for v, some in self.parents.items() for p in some)
        if missing := set(self.directed) - set(tables):
            raise ValueError(f"tables lack {sorted(missing)}: give each parent a table of its own.")
        if not nx.is_directed_acyclic_graph(self.directed):
            raise ValueError("tables describe a cycle: no variable may be its own ancestor.")
        made = [factor((*self.parents[v], v), table) for v, (_, table) in tables.items()]
        for f in made:
            if not np.allclose(f.table.sum(axis=-1), 1):
                raise ValueError(
                    f"the table of {f.variables[-1]!r} does not sum to 1 over its last axis: give "
                    "probabilities of its states for each state of its parents."
                )
        super().__init__(made)

    def sample(self, n, *, random_state=None):
        """Draw parents first, then children: int array (n, n_variables), as `variables`."""
        rng = check_random_state(random_state)
        table = {f.variables[-1]: f.table for f in self.factors}
        drawn = {}
        for v in nx.topological_sort(self.directed):
            p = table[v][tuple(drawn[parent] for parent in self.parents[v])]
            p = np.broadcast_to(p, (check_integer("n", n), p.shape[-1]))
            u = rng.random_sample((n, 1)) * p.sum(axis=1, keepdims=True)
            drawn[v] = (u > p.cumsum(axis=1)).sum(axis=1).clip(max=p.shape[1] - 1)
        return np.stack([drawn[v] for v in self.variables], axis=1)


def d_separated(parents, x, y, given=()):
    """Does the graph say that x and y are independent, given what was seen?

    Keep the ancestors of all that is named, marry parents of a common child, drop
    directions, take away what was seen: is no path left (Lauritzen et al., 1990)?

    Parameters
    ----------
    parents : dict
        Parents by variable, as `BayesianNetwork.parents`.
    x, y : str or collection of str
    given : collection of str

    Returns
    -------
    bool
    """
    x, y, given = ({s} if isinstance(s, str) else set(s) for s in (x, y, given))
    if x & y or (x | y) & given:
        raise ValueError(f"x={x}, y={y} and given={given} overlap: name each once.")
    if unknown := (x | y | given) - set(parents):
        raise ValueError(f"{sorted(unknown)} have no parents: give them, or ().")
    kept, new = set(), x | y | given
    while new:
        kept |= new
        new = {p for v in new for p in parents[v]} - kept
    near = {v: set() for v in kept}
    for v in kept:
        family = (v, *parents[v])
        for a in family:
            near[a] |= set(family) - {a}
    reached, new = set(), x
    while new:
        reached |= new
        new = {b for a in new for b in near[a]} - reached - given
    return not reached & y
