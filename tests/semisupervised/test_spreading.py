"""Spread labels against scikit-learn and by hand; what balancing keeps and what it makes even."""

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix
from sklearn.semi_supervised import LabelSpreading

from companion.semisupervised.spreading import (
    SpreadLabels,
    balance,
    directions,
    neighbour_graph,
    prototype_labels,
    spread_labels,
)
from tests.contracts import seeded
from tests.semisupervised.test_learner import DIGITS, LABELS, FewLabelsContract, network


class TestSpreadLabels(FewLabelsContract):
    def make(self):
        return SpreadLabels(network(), DIGITS[:40], np.arange(9, 13), LABELS[9:13])

    def test_labels_spread_anew_every_so_often(self):
        model = self.model()
        model.every, before = 2, model.goals.clone()
        with torch.no_grad():
            for p in model.network.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=seeded()))
        model.update()
        assert torch.equal(model.goals, before)
        model.update()
        assert not torch.equal(model.goals, before)
        torch.testing.assert_close(model.goals.sum(dim=1), torch.ones(40))


@pytest.mark.parametrize("alpha", [0.3, 0.9])
def test_it_is_the_spreading_of_scikit_learn(alpha):
    z, y = np.random.default_rng(0).normal(size=(60, 3)), np.full(60, -1)
    chosen, known = np.array([3, 11, 40]), np.array([0, 1, 2])
    y[chosen] = known
    graph = neighbour_graph(z, 6)
    edges = (graph != 0).astype(float)  # the affinity, before it is divided by degrees
    model = LabelSpreading(
        kernel=lambda a, b: edges.toarray(), alpha=alpha, max_iter=3000, tol=1e-12
    )
    due = model.fit(z, y).label_distributions_
    np.testing.assert_allclose(spread_labels(graph, chosen, known, 3, alpha=alpha), due, atol=1e-6)


def test_a_chain_of_three_by_hand():
    """0 - 1 - 2 with labels at the ends: the middle is undecided, the ends are sure."""
    s = 1 / np.sqrt(2)
    graph = csc_matrix([[0, s, 0], [s, 0, s], [0, s, 0]])
    found = spread_labels(graph, [0, 2], [0, 1], 2, alpha=0.5)
    inverse = np.linalg.inv(np.eye(3) - 0.5 * graph.toarray())[:, [0, 2]]
    np.testing.assert_allclose(found, inverse / inverse.sum(1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(found[1], [0.5, 0.5])


def test_a_part_without_labels_knows_nothing():
    graph = csc_matrix([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=float)
    np.testing.assert_allclose(spread_labels(graph, [0], [1], 2)[2:], 0.5)


def test_the_graph_does_not_care_for_origin_unit_or_order():
    z = np.random.default_rng(0).normal(size=(30, 4))
    graph = neighbour_graph(z, 5).toarray()
    np.testing.assert_allclose(graph, graph.T)
    np.testing.assert_allclose(neighbour_graph(5 * z - 100, 5).toarray(), graph)
    order = np.random.default_rng(1).permutation(30)
    np.testing.assert_allclose(neighbour_graph(z[order], 5).toarray(), graph[np.ix_(order, order)])
    assert np.linalg.eigvalsh(graph).max() == pytest.approx(1)


def test_balancing_makes_classes_even_and_keeps_odds_of_rows():
    p = np.random.default_rng(0).dirichlet([3, 1, 0.5], 200)
    even = balance(p, n_rounds=500)
    np.testing.assert_allclose(even.sum(axis=1), 1)
    np.testing.assert_allclose(even.mean(axis=0), 1 / 3, atol=1e-6)
    odds = (even[:, 0] / even[:, 1]) / (p[:, 0] / p[:, 1])
    np.testing.assert_allclose(odds, odds[0])
    np.testing.assert_allclose(balance(even), even, atol=1e-6)
    given = balance(p, [0.5, 0.3, 0.2], 500).mean(axis=0)
    np.testing.assert_allclose(given, [0.5, 0.3, 0.2], atol=1e-6)


def crowds(n=60, seed=0):
    """Points around three directions of eight dimensions, as many each, and their class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return directions(3 * np.eye(8)[y] + rng.normal(size=(n, 8))), y


class TestPrototypes:
    def test_cold_and_not_balanced_it_is_spherical_k_means(self):
        u, _ = crowds()
        start = np.eye(3)[np.random.default_rng(1).integers(3, size=len(u))]
        label, fits = start.argmax(1), []
        for n in range(1, 8):
            centres = np.array([u[label == k].sum(0) for k in range(3)])
            centres /= np.linalg.norm(centres, axis=1, keepdims=True)
            label = (u @ centres.T).argmax(1)
            fits.append((u * centres[label]).sum())
            q, found = prototype_labels(u, start, temperature=1e-6, even=False, n_rounds=n)
            assert q.argmax(1).tolist() == label.tolist()
            np.testing.assert_allclose(found, centres, atol=1e-4)
        assert np.diff(fits).min() > -1e-9

    def test_one_label_names_a_crowd(self):
        u, y = crowds(300)
        chosen = np.array([0, 1, 2])
        start = np.full((300, 3), 1 / 3)
        start[chosen] = np.eye(3)[y[chosen]]
        q, _ = prototype_labels(u, start)
        assert (q.argmax(1) == y).mean() > 0.95
        np.testing.assert_allclose(q.mean(axis=0), 1 / 3, atol=1e-2)

    def test_directions_have_length_1_and_take_the_scale_of_others(self):
        z = np.random.default_rng(0).normal(size=(50, 4)) * [1, 9, 3, 2] + 5
        np.testing.assert_allclose(np.linalg.norm(directions(z), axis=1), 1)
        np.testing.assert_allclose(directions(z[:3], z), directions(z)[:3])


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="alpha=1 must be"):
        spread_labels(csc_matrix(np.eye(3)), [0], [0], 2, alpha=1)
    with pytest.raises(ValueError, match="n_neighbors=30"):
        neighbour_graph(np.zeros((5, 2)), 30)
