"""Random models for the tests of inference: networks, fields and trees of up to 12 variables."""

import numpy as np

from companion.inference.graphical_models import BayesianNetwork, MarkovRandomField


def names(n):
    return [f"v{i:02d}" for i in range(n)]


def random_network(seed, n=6, n_parents=2):
    rng, tables = np.random.default_rng(seed), {}
    sizes = dict(zip(names(n), rng.integers(2, 4 if n < 9 else 3, n), strict=True))
    for i, v in enumerate(names(n)):
        before = names(n)[:i]
        parents = rng.choice(before, min(i, rng.integers(0, n_parents + 1)), replace=False)
        shape = [*(sizes[p] for p in parents), sizes[v]]
        table = rng.gamma(0.5, size=shape) + 1e-3
        tables[v] = tuple(map(str, parents)), table / table.sum(axis=-1, keepdims=True)
    return BayesianNetwork(tables)


def random_field(seed, n=6, edges=None):
    rng = np.random.default_rng(seed)
    sizes = dict(zip(names(n), rng.integers(2, 4 if n < 9 else 3, n), strict=True))
    if edges is None:
        edges = [(a, b) for a in range(n) for b in range(a) if rng.random() < 0.4]
    scopes = [(names(n)[a], names(n)[b]) for a, b in edges] + [(v,) for v in names(n)]
    return MarkovRandomField(
        [(s, rng.gamma(0.7, size=[sizes[v] for v in s]) + 1e-3) for s in scopes]
    )


def random_tree(seed, n=8):
    rng = np.random.default_rng(seed)
    return random_field(seed, n, [(i, int(rng.integers(i))) for i in range(1, n)])


def enumerated(model, query, evidence=()):
    """p(query | evidence) from the table of all states."""
    f = model.joint()
    where = tuple(dict(evidence).get(v, slice(None)) for v in f.variables)
    left = [v for v in f.variables if v not in dict(evidence)]
    table = f.table[where]
    table = table.sum(axis=tuple(i for i, v in enumerate(left) if v not in query))
    kept = [v for v in left if v in query]
    return table.transpose([kept.index(v) for v in query]) / table.sum()


def standard_error(values, n_blocks=40):
    """By means of blocks, which takes the correlation within the chain into account."""
    means = values[: len(values) // n_blocks * n_blocks].reshape(n_blocks, -1).mean(axis=1)
    return means.std(ddof=1) / n_blocks**0.5
