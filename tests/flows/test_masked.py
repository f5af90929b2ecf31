"""Autoregressive flows: who sees whom, both directions, and which is slow."""

import pytest
import torch

from companion.flows.masked import IAF, MAF, MaskedAffine, MaskedConditioner
from tests.contracts import GenerativeContract, seeded
from tests.flows.contract import check_bijection, check_density, randomized


@pytest.mark.parametrize("n_entries", [1, 2, 5, 8])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_an_output_sees_all_entries_before_it_and_no_other(n_entries, n_layers):
    """Zero where it is forbidden, and not zero where it is allowed."""
    network = randomized(MaskedConditioner(n_entries, 2, n_hidden=40, n_layers=n_layers))
    x = torch.randn(n_entries, generator=seeded(), dtype=torch.float64)
    for output in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda v, o=output: network(v[None])[0, o], x)
        allowed = torch.ones(n_entries, n_entries).tril(-1).bool()
        assert torch.equal(jacobian.abs() > 1e-9, allowed)


@pytest.mark.parametrize("kind", [MAF, IAF])
@pytest.mark.parametrize("n_entries", [1, 2, 5])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_it_can_be_undone_and_knows_its_determinant(kind, n_entries, scale):
    flow = randomized(kind((n_entries,), None, n_flows=3, n_hidden=12), size=0.2)
    x = scale * torch.randn(3, n_entries, generator=seeded(), dtype=torch.float64)
    check_bijection(flow, x)


def test_a_context_is_heard_by_the_first_entry_too():
    layer = randomized(MaskedAffine(MaskedConditioner(3, 2, n_hidden=12, n_context=2)))
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    told = torch.ones(4, 2, dtype=torch.float64)
    assert ((layer(x, told)[0] - layer(x)[0]).abs() > 1e-9).all()
    torch.testing.assert_close(layer(x, 0 * told)[0], layer(x)[0])
    check_bijection(layer, x, context=told)


def test_a_jacobian_is_triangular():
    layer = randomized(MaskedAffine(MaskedConditioner(4, 2, n_hidden=12)))
    x = torch.randn(4, generator=seeded(), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: layer(v[None])[0][0], x)
    assert not jacobian.triu(1).any()
    torch.testing.assert_close(layer(x[None])[1][0], jacobian.diagonal().log().sum())


def test_one_layer_is_a_chain_of_gaussians():
    """z_i = (x_i - mu_i) / sigma_i with mu, sigma from the past: log p is a sum of Gaussians'."""
    flow = randomized(MAF((3,), None, n_flows=1, n_hidden=12))
    x = torch.randn(5, 3, generator=seeded(), dtype=torch.float64)
    mean, a = flow.bijection.layers[-1].layers[0].motion(x)
    right = torch.distributions.Normal(mean, a.exp()).log_prob(x).sum(dim=1)
    torch.testing.assert_close(flow.log_prob(x), right)


def count_passes(flow, ask):
    """How often the first network is asked."""
    calls = []
    network = next(part for part in flow.modules() if isinstance(part, MaskedConditioner))
    hook = network.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        ask()
    hook.remove()
    return len(calls)


def test_each_has_a_quick_direction_and_a_slow_one():
    x = torch.zeros(2, 6, dtype=torch.float64)
    for kind, density, sample in ((MAF, 1, 6), (IAF, 6, 1)):
        flow = randomized(kind((6,), None, n_flows=2, n_hidden=12))
        assert count_passes(flow, lambda f=flow: f.log_prob(x)) == density
        assert count_passes(flow, lambda f=flow: f.sample(2, generator=seeded())) == sample


@pytest.mark.parametrize("kind", [MAF, IAF])
def test_a_density_of_the_plane_sums_to_one(kind):
    check_density(randomized(kind((2,), None, n_flows=2, n_hidden=8)), -20, 20, n=500)


class TestMAF(GenerativeContract):
    def make(self):
        return MAF((1, 3, 3), 5, n_flows=2, n_hidden=24)

    def batch(self):
        return torch.randint(5, (6, 1, 3, 3), generator=seeded(4))


class TestIAF(TestMAF):
    def make(self):
        return IAF((1, 3, 3), 5, n_flows=2, n_hidden=24)
