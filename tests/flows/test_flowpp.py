"""Bending couplings and learned noise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import logistic

from companion.flows.flowpp import (
    FlowPlusPlus,
    VariationalDequantizer,
    invert_increasing,
    mixture,
    mixture_cdf,
)
from companion.flows.networks import checkerboard, half_mask
from tests.contracts import GenerativeContract, seeded
from tests.flows.contract import check_bijection, check_density, randomized


def components(*shape, k=3, seed=0):
    """Log weights, means and log scales of mixtures."""
    weights, means, log_scales = torch.randn(3, k, *shape, generator=seeded(seed)).double()
    return torch.log_softmax(weights, dim=0), 3 * means, log_scales


def test_a_mixture_has_the_distribution_function_of_scipy():
    """Equation of the bend."""
    x = torch.linspace(-9, 9, 31, dtype=torch.float64)
    log_weights, means, log_scales = components(31)
    below, above, density = mixture_cdf(x, log_weights, means, log_scales)
    weights, scales = log_weights.exp().numpy(), log_scales.exp().numpy()
    right = (weights * logistic.cdf(x.numpy(), means.numpy(), scales)).sum(axis=0)
    slope = (weights * logistic.pdf(x.numpy(), means.numpy(), scales)).sum(axis=0)
    torch.testing.assert_close(below.exp(), torch.from_numpy(right))
    torch.testing.assert_close(above.exp(), 1 - torch.from_numpy(right))
    torch.testing.assert_close(density.exp(), torch.from_numpy(slope))


@pytest.mark.parametrize("far", [1e2, 1e4, 1e6])
def test_far_outside_nothing_is_lost(far):
    x = torch.tensor([-far, far], dtype=torch.float64)
    found = mixture_cdf(x, *components(2))
    assert all(torch.isfinite(part).all() for part in found)
    assert found[0][0] < -far / 30
    assert found[1][1] < -far / 30


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(0, 1000))
@settings(max_examples=30)
def test_a_bracket_is_halved_to_the_last_digit(where, width, seed):
    right = where + width * torch.rand(5, generator=seeded(seed), dtype=torch.float64)
    low, high = (torch.full_like(right, end) for end in (where - width, where + 2 * width))
    found = invert_increasing(
        lambda x: torch.atan((x - where) / width), torch.atan((right - where) / width), low, high
    )
    assert (found - right).abs().max() <= 1e-14 * (abs(where) + 3 * width) * 10


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
@pytest.mark.parametrize("event_shape", [(2,), (5,), (2, 3, 3)])
def test_it_can_be_undone_and_knows_its_determinant(event_shape, scale):
    stays = half_mask(*event_shape) if len(event_shape) == 1 else checkerboard(event_shape)
    coupling = randomized(mixture(stays, event_shape, n_components=3, n_hidden=6))
    x = scale * torch.randn(3, *event_shape, generator=seeded(), dtype=torch.float64)
    check_bijection(coupling, x, tolerance=1e-9)


def test_with_standard_components_it_is_an_affine_coupling():
    coupling = mixture(half_mask(4), (4,), n_components=1, n_hidden=6).double()
    x = torch.randn(3, 4, generator=seeded(), dtype=torch.float64)
    z, ladj = coupling(x)  # a new network says zero
    torch.testing.assert_close(z[:, ::2], x[:, ::2])
    apart = -2.0  # where the only mean begins
    torch.testing.assert_close(z[:, 1::2], x[:, 1::2] - apart)
    torch.testing.assert_close(ladj, torch.zeros(3).double())


def test_a_density_of_the_plane_sums_to_one():
    flow = randomized(FlowPlusPlus((2,), None, n_couplings=3, n_hidden=8))
    check_density(flow, -20, 20, n=500, tolerance=5e-3)


def test_learned_noise_is_a_density_inside_the_bin():
    """Its density sums to 1 over the bin, by quadrature."""
    noise = randomized(VariationalDequantizer((1,), 5, n_hidden=6), size=0.5)
    for level in range(5):
        x = torch.tensor([[float(level)]], dtype=torch.float64)
        m, log_s = noise.network(2 * x / 4 - 1).flatten().tolist()
        s = math.exp(0.5 + 2 * math.tanh(log_s / 2))

        def density(u, m=m, s=s):
            e = (math.log(u / (1 - u)) - m) / s
            return math.exp(-(e**2) / 2) / math.sqrt(2 * math.pi) / (s * u * (1 - u))

        assert quad(density, 0, 1)[0] == pytest.approx(1, abs=1e-6)
        y, log_q = noise(x, generator=seeded(level))
        u = (y - x).item()
        assert 0 < u < 1
        assert log_q.item() == pytest.approx(math.log(density(u)), abs=1e-8)


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_however_it_is_shaped_noise_stays_in_its_bin(size):
    noise = randomized(VariationalDequantizer((1, 4, 4), 17, n_hidden=6), size=size).float()
    x = torch.randint(17, (50, 1, 4, 4), generator=seeded()).float()
    y, log_q = noise(x, generator=seeded())
    assert torch.equal(y.floor(), x)
    assert torch.isfinite(log_q).all()


class TestFlowPlusPlus(GenerativeContract):
    def make(self):
        return FlowPlusPlus((1, 4, 4), 5, n_couplings=2, n_components=2, n_hidden=8)

    def batch(self):
        return torch.randint(5, (6, 1, 4, 4), generator=seeded(4))


class TestVariationalDequantizer(TestFlowPlusPlus):
    """The noise is learned with the flow: all its weights get a gradient."""

    def make(self):
        names = super().make().dequantizer, VariationalDequantizer
        assert isinstance(*names)
        return FlowPlusPlus((1, 2, 2), 5, n_couplings=1, n_scales=1, n_hidden=8)

    def batch(self):
        return torch.randint(5, (6, 1, 2, 2), generator=seeded(4))
