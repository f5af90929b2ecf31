"""Continuous flows, checked on velocities whose densities are known."""

import math

import pytest
import torch
from torch import nn

from companion.flows.continuous import (
    FFJORD,
    ContinuousFlow,
    VelocityNetwork,
    divergence,
    hutchinson_divergence,
    signs,
)
from tests.contracts import GenerativeContract, seeded
from tests.flows.contract import log_determinants, randomized


class Linear(nn.Module):
    """``v = A x``: carries N(0, I) at 0 to N(0, exp(A) exp(A)') at 1."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, x, t, context=None):
        return x @ self.matrix.T


class Shrinking(nn.Module):
    """The velocity that carries N(0, 1) to N(0, s^2) along ``x(t) = (1 + (s - 1) t) x(0)``."""

    def __init__(self, s):
        super().__init__()
        self.s = nn.Parameter(torch.tensor(s, dtype=torch.float64))

    def forward(self, x, t, context=None):
        rate = (self.s - 1) / (1 + (self.s - 1) * t)
        return x * rate.view(-1, *[1] * (x.dim() - 1))


def exact(network, event_shape):
    return ContinuousFlow(event_shape, network, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("s", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("event_shape", [(2,), (5,), (1, 2, 3)])
def test_the_density_of_a_known_velocity(s, event_shape):
    """Equation of the change of density: time runs the right way and the trace counts."""
    flow = ContinuousFlow(event_shape, Shrinking(s), rtol=1e-7, atol=1e-7)
    x = s * torch.randn(6, *event_shape, generator=seeded(), dtype=torch.float64)
    right = torch.distributions.Normal(0, s).log_prob(x).flatten(1).sum(dim=1)
    torch.testing.assert_close(flow.log_prob(x).detach(), right, atol=1e-5, rtol=1e-5)


def test_the_density_of_a_linear_velocity_is_a_gaussian():
    matrix = torch.randn(3, 3, generator=seeded(), dtype=torch.float64)
    flow = exact(Linear(matrix), (3,))
    x = torch.randn(5, 3, generator=seeded(1), dtype=torch.float64)
    carried = torch.linalg.matrix_exp(matrix)
    right = torch.distributions.MultivariateNormal(torch.zeros(3).double(), carried @ carried.T)
    torch.testing.assert_close(flow.log_prob(x).detach(), right.log_prob(x), atol=1e-6, rtol=1e-6)
    # The trace does not depend on x, so that one point, asked with many probes, shows their mean.
    many = flow.log_prob(x[:1].expand(2000, 3), kind="hutchinson", generator=seeded()).detach()
    error = many.std() / len(many) ** 0.5
    assert 0 < error < 0.1
    assert abs(many.mean() - right.log_prob(x[:1])) < 5 * error


def test_forward_and_inverse_are_each_others_and_know_their_determinants():
    network = randomized(VelocityNetwork(3, n_hidden=8, n_layers=2), size=0.2)
    flow = exact(network, (3,))
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    z, ladj = flow(x)
    back, ladj_back = flow.inverse(z.detach())
    torch.testing.assert_close(back.detach(), x, atol=1e-7, rtol=0)
    torch.testing.assert_close(
        (ladj + ladj_back).detach(), torch.zeros(4).double(), atol=1e-6, rtol=0
    )
    right = log_determinants(lambda v: flow.solve(v, (1.0, 0.0))[-1], x[:2])
    torch.testing.assert_close(ladj[:2].detach(), right.detach(), atol=1e-6, rtol=1e-6)


def test_the_trace_is_that_of_the_jacobian():
    network = randomized(VelocityNetwork(4, n_hidden=8), size=0.5)
    x, t = torch.randn(3, 4, generator=seeded()).double(), torch.tensor([0.1, 0.5, 1.0]).double()
    v, trace = divergence(network, x, t)
    torch.testing.assert_close(v, network(x, t))
    for row in range(3):
        jacobian = torch.autograd.functional.jacobian(
            lambda q, r=row: network(q[None], t[r : r + 1])[0], x[row]
        )
        torch.testing.assert_close(trace[row], jacobian.trace())


@pytest.mark.parametrize("kind", ["exact", "hutchinson"])
def test_without_gradients_the_density_is_the_same_and_keeps_nothing(kind):
    flow = ContinuousFlow((3,), randomized(VelocityNetwork(3, n_hidden=8)))
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    kept = flow.log_prob(x, kind=kind, generator=seeded(1))
    with torch.no_grad():
        alone = flow.log_prob(x, kind=kind, generator=seeded(1))
    assert kept.requires_grad
    assert not alone.requires_grad
    torch.testing.assert_close(alone, kept.detach())


def test_one_probe_is_right_on_average():
    """Sums over probes, or a probe on one side only, have another mean."""
    matrix = torch.randn(6, 6, generator=seeded(), dtype=torch.float64) + torch.eye(6)
    x = torch.randn(4000, 6, generator=seeded(1), dtype=torch.float64)
    probe = signs(x.shape, generator=seeded(2), like=x)
    assert set(probe.unique().tolist()) == {-1.0, 1.0}
    _, trace = hutchinson_divergence(lambda x, t: x @ matrix.T, x, x[:, 0], probe)
    error = trace.std() / len(x) ** 0.5
    assert abs(trace.mean() - matrix.trace()) < 5 * error
    diagonal = torch.diag(matrix.diagonal())
    _, trace = hutchinson_divergence(lambda x, t: x @ diagonal, x, x[:, 0], probe)
    torch.testing.assert_close(trace, diagonal.trace().expand(len(x)))


def test_the_same_seed_gives_the_same_density():
    flow = ContinuousFlow((5,), randomized(VelocityNetwork(5, n_hidden=8)))
    x = torch.randn(3, 5, generator=seeded(), dtype=torch.float64)
    ask = {"kind": "hutchinson"}
    first = flow.log_prob(x, **ask, generator=seeded(1))
    assert torch.equal(first, flow.log_prob(x, **ask, generator=seeded(1)))
    assert not torch.equal(first, flow.log_prob(x, **ask, generator=seeded(2)))


def test_the_probe_stays_the_same_during_a_solution():
    """For ``v = A x`` a probe of signs is off by +-(a_01 + a_10); a mean over new ones by less."""
    matrix = torch.tensor([[0.3, 0.5], [0.2, -0.4]], dtype=torch.float64)
    flow = exact(Linear(matrix), (2,))
    x = torch.randn(20, 2, generator=seeded(), dtype=torch.float64)
    off = flow.log_prob(x, kind="hutchinson", generator=seeded(1)) - flow.log_prob(x)
    torch.testing.assert_close(off.abs().detach(), torch.full((20,), 0.7).double())
    assert len(off.sign().unique()) == 2
    assert flow.n_evaluations < 200


def test_a_density_of_the_plane_sums_to_one():
    network = randomized(VelocityNetwork(2, n_hidden=8), size=0.3)
    flow = ContinuousFlow((2,), network, rtol=1e-5, atol=1e-5)
    side = torch.linspace(-10, 10, 81, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    total = flow.log_prob(grid).detach().exp().sum() * (side[1] - side[0]) ** 2
    assert total == pytest.approx(1, abs=2e-3)


def test_a_density_does_not_depend_on_its_neighbours():
    flow = ContinuousFlow((2,), randomized(VelocityNetwork(2, n_hidden=8)))
    x = torch.randn(20, 2, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(flow.log_prob(x)[:1], flow.log_prob(x[:1]), atol=1e-2, rtol=1e-2)


def test_samples_come_from_the_density():
    flow = exact(Linear(torch.tensor([[0.5, 1.0], [0.0, -1.0]]).double()), (2,))
    x = flow.sample(4000, generator=seeded())
    carried = torch.linalg.matrix_exp(flow.network.matrix.detach())
    right = carried @ carried.T
    assert (torch.cov(x.T) - right).abs().max() < 5 * right.abs().max() * math.sqrt(2 / 4000)


def test_times_between_the_ends():
    flow = exact(Shrinking(3.0), (2,))
    z = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    path = flow.solve(z, (0.0, 0.5, 1.0)).detach()
    torch.testing.assert_close(path[1], 2 * z, atol=1e-6, rtol=0)
    torch.testing.assert_close(path[2], 3 * z, atol=1e-6, rtol=0)


def test_wrong_arguments_are_refused():
    flow = FFJORD()
    with pytest.raises(ValueError, match="kind='trace'"):
        flow.log_prob(torch.zeros(2, 2), kind="trace")
    with pytest.raises(ValueError, match="shape"):
        flow.log_prob(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="rtol=0"):
        FFJORD(rtol=0)


class TestFFJORD(GenerativeContract):
    n_steps = 8

    def make(self):
        return FFJORD((2,), n_hidden=12, n_layers=2)

    def batch(self):
        return 0.3 * torch.randn(8, 2, generator=seeded(4)) + 1


class TestFFJORDOfImages(TestFFJORD):
    """Above two dimensions the trace is estimated."""

    def make(self):
        return FFJORD((3,), n_hidden=12, n_layers=2)

    def batch(self):
        return 0.3 * torch.randn(8, 3, generator=seeded(4)) + 1
