"""Flow matching: paths, pairs, steps, and what a second round does."""

import itertools

import pytest
import torch
from torch import nn

from companion.flows.continuous import VelocityNetwork
from companion.flows.flow_matching import (
    FlowMatching,
    euler,
    pair_by_distance,
    reflow,
    straight_path,
    straightness,
)
from companion.layers import initialize
from companion.train import descend
from tests.contracts import GenerativeContract, seeded
from tests.flows.test_continuous import Shrinking


def test_a_path_begins_at_the_noise_and_ends_at_the_data():
    """Each row has its own time; with as many rows as columns a wrong axis would be silent."""
    x0, x1 = torch.randn(2, 7, 7, generator=seeded())
    t = torch.eye(7)[2]
    x_t, u = straight_path(x0, x1, t)
    assert torch.equal(x_t, torch.where(t[:, None] > 0, x1, x0))
    h = 1e-3
    later = straight_path(x0, x1, t + h)[0]
    torch.testing.assert_close((later - x_t) / h, u, atol=1e-3, rtol=1e-3)


def test_a_path_of_images():
    x0, x1 = torch.randn(2, 3, 2, 3, 3, generator=seeded())
    x_t, _ = straight_path(x0, x1, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(x_t[0], x0[0])
    torch.testing.assert_close(x_t[1], (x0[1] + x1[1]) / 2)
    assert torch.equal(x_t[2], x1[2])


def test_pairs_are_the_best_of_all_orders():
    x0, x1 = torch.randn(2, 6, 3, generator=seeded())
    order = pair_by_distance(x0, x1)

    def cost(places):
        return ((x0[list(places)] - x1) ** 2).sum().item()

    assert sorted(order.tolist()) == list(range(6))
    best = min(cost(places) for places in itertools.permutations(range(6)))
    assert cost(order.tolist()) == pytest.approx(best, rel=1e-5)


def test_pairing_moves_the_noise_and_never_the_labels():
    labels = torch.arange(8) % 3
    x1 = labels[:, None].float().expand(8, 4).clone()
    x0 = torch.randn(8, 4, generator=seeded())
    order = pair_by_distance(x0, x1)
    paired = x0[order]
    assert torch.equal(x1[:, 0], labels.float())
    assert torch.equal(paired.sort(dim=0).values, x0.sort(dim=0).values)


def test_the_loss_is_least_for_the_mean_velocity():
    """On one-dimensional Gaussian data the best velocity is known: E[x1 - x0 | x_t]."""
    s = 3.0

    class Best(nn.Module):
        def __init__(self, wrong=0.0):
            super().__init__()
            self.wrong = nn.Parameter(torch.tensor(wrong))

        def forward(self, x, t, context=None):
            t = t[:, None]
            variance = (1 - t) ** 2 + (s * t) ** 2
            return (s**2 * t - (1 - t)) / variance * x + self.wrong

    x = s * torch.randn(40_000, 1, generator=seeded())
    best = FlowMatching((1,), Best()).loss(x, generator=seeded(1))
    for wrong in (-0.3, 0.3):
        assert FlowMatching((1,), Best(wrong)).loss(x, generator=seeded(1)) > best + 0.05
    z = torch.randn(500, 1, generator=seeded(2))
    carried = FlowMatching((1,), Best(), rtol=1e-6, atol=1e-6).solve(z, (0.0, 1.0))[-1].detach()
    torch.testing.assert_close(carried, s * z, atol=1e-3, rtol=1e-3)


def test_on_straight_paths_one_step_is_enough():
    flow = FlowMatching((2,), Shrinking(0.2))
    z = torch.randn(9, 2, generator=seeded(), dtype=torch.float64)
    for n_steps in (1, 2, 3, 10, 11):
        torch.testing.assert_close(euler(flow, z, n_steps), 0.2 * z)
    assert straightness(flow, z, n_steps=10) < 1e-6
    with pytest.raises(ValueError, match="n_steps=0"):
        euler(flow, z, 0)


def test_more_steps_come_nearer_to_the_solution():
    flow = FlowMatching((2,), VelocityNetwork(2, n_hidden=16), rtol=1e-7, atol=1e-7).double()
    z = torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    right = flow.solve(z, (0.0, 1.0))[-1].detach()
    errors = [(euler(flow, z, n) - right).norm().item() for n in (5, 10, 20, 40)]
    for coarse, fine in itertools.pairwise(errors):
        assert 1.7 < coarse / fine < 2.3, "Euler's error is of first order"


def test_a_second_round_straightens_the_paths():
    flow = initialize(FlowMatching((1,), n_hidden=32, n_layers=2), generator=seeded())
    x = torch.cat([torch.full((200, 1), -2.0), torch.full((200, 1), 2.0)])
    x = x + 0.1 * torch.randn(x.shape, generator=seeded())

    def train(loss, generator):
        optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
        for _ in range(300):
            descend(loss(generator), optimizer)

    train(lambda g: flow.loss(x, generator=g), seeded(1))
    z = flow.noise(400, seeded(3))
    before = straightness(flow, z)
    x0, x1 = reflow(flow, 2000, generator=seeded(2))
    assert not x1.requires_grad
    assert torch.equal(x0, flow.noise(2000, seeded(2)))
    train(lambda g: flow.regression(x0, x1, generator=g), seeded(4))
    assert straightness(flow, z) < 0.5 * before


class TestFlowMatching(GenerativeContract):
    n_steps = 60

    def make(self):
        return FlowMatching((2,), n_hidden=12, n_layers=2)

    def batch(self):
        return 0.3 * torch.randn(16, 2, generator=seeded(4)) + 1
