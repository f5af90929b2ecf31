"""Separation in a graph and minimum cuts of pictures, against networkx."""

import networkx as nx
import numpy as np

from benchmarks.harness import case
from companion.inference.denoising import energy, minimum_cut
from companion.inference.graphical_models import d_separated


def same(mine, other):
    assert mine == other


@case("d-separation, 200 questions to a network of 60", "networkx", bar=1.0)
def separation():
    rng = np.random.default_rng(0)
    parents = {str(i): [str(j) for j in range(i) if rng.random() < 0.05] for i in range(60)}
    graph = nx.DiGraph([(p, v) for v, some in parents.items() for p in some])
    graph.add_nodes_from(parents)
    asked = [tuple(map(str, rng.permutation(60)[:5])) for _ in range(200)]
    return (
        lambda: [d_separated(parents, x, y, seen) for x, y, *seen in asked],
        lambda: [nx.is_d_separator(graph, {x}, {y}, set(seen)) for x, y, *seen in asked],
        same,
    )


@case("most probable picture, 24 x 24 pixels, minimum cut", "networkx", bar=1.0)
def cut():
    field, coupling = np.random.default_rng(0).normal(size=(24, 24)), 0.5

    def theirs():
        g = nx.DiGraph()
        for a, b in nx.grid_2d_graph(*field.shape).edges:
            g.add_edge(a, b, capacity=coupling)
            g.add_edge(b, a, capacity=coupling)
        for at in np.ndindex(field.shape):
            ends = ("source", at) if field[at] > 0 else (at, "sink")
            g.add_edge(*ends, capacity=abs(field[at]))
        return nx.minimum_cut(g, "source", "sink")[1][0]

    def as_good(mine, other):
        due = np.full(field.shape, -1)
        due[tuple(np.array([at for at in other if at != "source"]).T)] = 1
        assert abs(energy(mine, coupling, field) - energy(due, coupling, field)) < 1e-5

    return lambda: minimum_cut(field, coupling), theirs, as_good
