"""The change of variables, the noise in the bins, and the bounds that it gives."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import nn

from companion.distributions import standard_normal
from companion.flows.bijections import (
    Bijection,
)
from companion.flows.coupling import RealNVP
from companion.flows.masked import MAF
from companion.flows.transforms import AugmentedFlow, Flow, dequantize, noise_bound
from tests.contracts import GenerativeContract, seeded
from tests.flows.contract import check_density, randomized


@given(st.integers(2, 300), st.integers(0, 2**32))
def test_noise_fills_each_bin_and_no_more(n_levels, seed):
    """ "Noise for the bins": the whole part is the level again, however it is rounded."""
    x = torch.randint(n_levels, (4, 700), generator=seeded(seed), dtype=torch.int16)
    y = dequantize(x, generator=seeded(seed))
    assert torch.equal(y.floor().to(x.dtype), x)
    u = y - x
    assert abs(u.mean() - 0.5) < 0.03
    assert u.min() < 0.01
    assert u.max() > 0.99


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_draw_that_rounds_up_stays_in_its_bin(dtype, monkeypatch):
    nearly_one = torch.tensor(1 - 2**-24, dtype=torch.float64)
    monkeypatch.setattr(
        "companion.flows.transforms.uniform", lambda shape, **_: nearly_one.expand(shape).to(dtype)
    )
    x = torch.tensor([0, 1, 16, 255, 1000], dtype=dtype)
    assert torch.equal(dequantize(x).floor(), x)


class Uniform(Bijection):
    """The interval from 0 to n_levels as a uniform density: through the normal quantile."""

    def __init__(self, n_levels):
        super().__init__()
        self.n_levels = n_levels
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, x, context=None, *, generator=None):
        z = torch.special.ndtri((x / self.n_levels).clamp(1e-9, 1 - 1e-9))
        slope = math.log(2 * math.pi) / 2 + z**2 / 2 - math.log(self.n_levels)
        return z.flatten(1), slope.flatten(1).sum(dim=1)


@pytest.mark.parametrize("n_levels", [2, 17, 256])
def test_a_uniform_density_costs_as_much_as_storing_the_levels(n_levels):
    """Half a bin of noise would give a nat in 1.44 away for nothing."""
    flow = Flow(Uniform(n_levels).double(), (3, 5), n_levels)
    x = torch.randint(n_levels, (6, 3, 5), generator=seeded()).double()
    nats = flow.elbo(x, n_samples=3, generator=seeded())
    torch.testing.assert_close(nats, torch.full_like(nats, -15 * math.log(n_levels)))


def mass(flow, level):
    """Probability of a level of a flow of one number, by quadrature."""

    def density(y):
        return flow.log_prob(torch.tensor([[y]], dtype=torch.float64)).exp().item()

    with torch.no_grad():
        return quad(density, level, level + 1, epsabs=1e-9)[0]


def test_bounds_lie_below_the_probability_of_a_level_and_rise_to_it():
    """Equation of the bound: the mean of log p(x + u) is at most the log of the bin's mass."""
    flow = randomized(MAF((1,), 5, n_flows=2, n_hidden=8), size=0.5)
    levels = torch.arange(5).view(5, 1)
    right = torch.tensor([mass(flow, level) for level in range(5)], dtype=torch.float64).log()
    with torch.no_grad():
        many = levels.double().repeat(4000, 1)  # 4,000 runs at once
        means = [
            noise_bound(flow, many[: 5 * n], k, generator=seeded()).view(n, 5).mean(dim=0)
            for k, n in ((1, 4000), (10, 1000), (200, 200))
        ]
    assert (means[0] < right + 1e-3).all()
    assert (means[0] < means[1]).all()
    torch.testing.assert_close(means[2], right, atol=0.02, rtol=0)


class TestAugmentedFlow(GenerativeContract):
    def make(self):
        return AugmentedFlow(RealNVP((5,), None, n_hidden=16), 2)

    def batch(self):
        return torch.randn(9, 3, generator=seeded(4))


def test_the_bound_with_noise_dimensions_is_the_integral_over_them():
    """The mean weight is the density: noise dimensions integrated out on a grid."""
    flow = randomized(RealNVP((2,), None, n_couplings=4, n_hidden=8))
    augmented = AugmentedFlow(flow, 1)
    x = torch.tensor([[0.3], [-1.2]], dtype=torch.float64)
    side = torch.linspace(-15, 15, 4001, dtype=torch.float64)
    with torch.no_grad():
        right = [
            flow.log_prob(torch.stack([v.expand(len(side)), side], dim=1)).exp().sum()
            * (side[1] - side[0])
            for v in x[:, 0]
        ]
        many = x.repeat(20_000, 1)
        logs = augmented.log_weight(many, generator=seeded()).view(-1, 2)
    right = torch.stack(right).log()
    assert (logs.mean(dim=0) < right).all()
    torch.testing.assert_close(
        logs.logsumexp(dim=0) - math.log(len(logs)), right, atol=0.05, rtol=0
    )


def test_noise_dimensions_must_leave_room():
    with pytest.raises(ValueError, match=r"n_noise=2 .*widen"):
        AugmentedFlow(RealNVP((2,), None), 2)


def test_the_density_of_one_number_sums_to_one():
    """Equation of the change of variables, in one dimension."""
    check_density(randomized(MAF((1,), None, n_flows=3, n_hidden=8)), -30, 30, n=4001)


def test_wrong_data_are_refused():
    real, grey = RealNVP((3,), None), RealNVP((1, 4, 4), 5)
    with pytest.raises(ValueError, match="shape"):
        real.log_prob(torch.zeros(2, 4))
    for wrong in (torch.full((1, 1, 4, 4), 5), torch.rand(1, 1, 4, 4)):
        with pytest.raises(ValueError, match=r"levels|fractions"):
            grey.loss(wrong)
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="temperature"):
            real.sample(1, temperature=temperature)


def test_real_data_need_no_noise():
    flow = randomized(RealNVP((3,), None, n_couplings=2, n_hidden=8))
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    assert torch.equal(flow.elbo(x, n_samples=2), flow.log_prob(x))
    assert torch.equal(flow.loss(x), -flow.log_prob(x).mean())


def test_temperature_multiplies_the_noise():
    flow = randomized(RealNVP((2,), None, n_couplings=2, n_hidden=8))
    z = standard_normal((3, 2), generator=seeded(5), like=next(flow.parameters()))
    cold = flow.sample(3, temperature=0.5, generator=seeded(5))
    torch.testing.assert_close(cold, flow.inverse(0.5 * z)[0])


def test_a_row_has_its_own_density():
    flow = randomized(RealNVP((1, 4, 4), 5, kind="conv", n_hidden=4))
    x = torch.randint(5, (3, 1, 4, 4), generator=seeded()).double() + 0.5
    torch.testing.assert_close(flow.log_prob(x)[:1], flow.log_prob(x[:1]))
