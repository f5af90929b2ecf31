"""Lossy compression against SciPy's optimiser and quadrature, closed forms, and real bytes."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import logistic, norm
from torch import nn

from companion.compression.frequencies import PRECISION
from companion.compression.lossy import (
    LARGEST,
    CellMeans,
    FactorizedPrior,
    TransformCoder,
    gaussian_on_grid,
    water_filling,
)
from companion.layers import initialize
from tests.contracts import DeepContract


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def prior(n=3, seed=0, spread=1.0):
    """A prior with weights drawn at random."""
    made = FactorizedPrior(n).double()
    with torch.no_grad():
        for part in (made.logits, made.means, made.log_scales):
            part.copy_(spread * torch.randn(part.shape, generator=seeded(seed), dtype=part.dtype))
    return made


def nets(n=3, shape=(1, 2, 2)):
    """A linear encoder and decoder."""
    size = math.prod(shape)
    there = nn.Sequential(nn.Flatten(), nn.Linear(size, n))
    return there, nn.Sequential(nn.Linear(n, size), nn.Unflatten(1, shape))


def coder(price=1.0):
    made = TransformCoder((1, 2, 2), *nets(), 3, price=price)
    return initialize(made, generator=seeded())


def images(n=20, shape=(1, 2, 2), scale=5.0, seed=1):
    return scale * torch.randn(n, *shape, generator=seeded(seed))


@pytest.mark.parametrize("seed", range(6))
def test_water_filling_is_the_optimum_that_scipy_finds(seed):
    rng = np.random.default_rng(seed)
    v = rng.gamma(1.0, size=rng.integers(1, 8)) * 10.0 ** rng.integers(-3, 4)
    total = rng.uniform(0.05, 0.9) * v.sum()
    rate, errors = water_filling(v, total)

    def bits(share):
        return -np.log2(share).sum() / 2

    found = minimize(
        bits,
        np.full(len(v), total / v.sum()),
        bounds=[(1e-9, 1)] * len(v),
        constraints={"type": "eq", "fun": lambda share: share @ v / total - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert rate == pytest.approx(found.fun, rel=1e-4, abs=1e-5)
    assert errors.sum() == pytest.approx(total)
    assert (errors <= v + 1e-12 * v.max()).all()


def test_water_filling_does_not_mind_units_order_or_constant_pixels():
    v = np.array([3.0, 0.5, 0.0, 7.0, 0.01])
    rate, errors = water_filling(v, 2.0)
    for scale in (1e-12, 1e12):
        assert water_filling(scale * v, scale * 2.0)[0] == pytest.approx(rate)
    turned, there = water_filling(v[::-1], 2.0)
    assert turned == pytest.approx(rate)
    np.testing.assert_allclose(there[::-1], errors)
    assert errors[2] == 0


def test_nothing_is_written_where_all_may_be_lost():
    rate, errors = water_filling([1.0, 2.0], 3.5)
    assert rate == 0
    np.testing.assert_array_equal(errors, [1, 2])


def test_rate_of_one_gaussian_is_shannons():
    for v, error in ((4.0, 1.0), (1.0, 0.25), (9.0, 2.0)):
        assert water_filling([v], error)[0] == pytest.approx(np.log2(v / error) / 2)


@pytest.mark.parametrize("wrong", [[[1.0]], [-1.0, 2.0], [np.nan]])
def test_variances_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="variances"):
        water_filling(wrong, 1.0)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_no_error_at_all_is_refused(wrong):
    with pytest.raises(ValueError, match="distortion"):
        water_filling([1.0], wrong)


@pytest.mark.parametrize("seed", range(3))
def test_masses_are_areas_of_mixtures(seed):
    made = prior(2, seed)
    weights = made.logits.softmax(dim=-1)[0].detach().numpy()
    means, scales = made.means[0].detach().numpy(), made.log_scales[0].detach().exp().numpy()
    for m in (-6, -1, 0, 2, 9):
        area = (
            logistic.cdf(m + 0.5, means, scales) - logistic.cdf(m - 0.5, means, scales)
        ) @ weights
        found = made.mass(torch.full((1, 2), float(m), dtype=torch.float64))[0, 0].item()
        assert found == pytest.approx(max(area, 1e-9), rel=1e-9)


def test_masses_of_all_whole_numbers_sum_to_one():
    made = prior(4)
    numbers = torch.arange(-3000, 3001, dtype=torch.float64)[:, None].expand(-1, 4)
    mass = made.mass(numbers)
    assert torch.allclose(mass[mass > 1e-9].sum(), torch.tensor(4.0).double(), atol=1e-4)


def test_mass_is_the_density_of_a_number_with_noise():
    """Of ``u + noise`` at any t, by quadrature over the noise."""
    made = prior(1)
    weights = made.logits.softmax(dim=-1)[0].detach().numpy()
    means, scales = made.means[0].detach().numpy(), made.log_scales[0].detach().exp().numpy()
    for t in (-1.7, 0.2, 1.0):
        area, _ = quad(lambda u: weights @ logistic.pdf(u, means, scales), t - 0.5, t + 0.5)
        found = made.mass(torch.tensor([[t]], dtype=torch.float64)).item()
        assert found == pytest.approx(area, rel=1e-7)


def test_tails_keep_their_digits_on_both_sides():
    made = FactorizedPrior(1, 1).double()
    with torch.no_grad():
        made.means.zero_(), made.log_scales.zero_()
    far = made.mass(torch.tensor([[18.0], [-18.0]], dtype=torch.float64)).flatten()
    exact = 2 * math.sinh(0.5) * math.exp(-18)
    assert far.tolist() == pytest.approx([exact, exact], rel=1e-6)


def test_slopes_of_bits_are_finite_far_out():
    made = prior(3)
    u = torch.tensor([[0.3, -60.0, 60.0]], dtype=torch.float64, requires_grad=True)
    made.bits(u).sum().backward()
    assert torch.isfinite(u.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in made.parameters())


def test_frequencies_are_fit_for_a_coder():
    f = prior(3, spread=2.0).frequencies()
    assert f.shape == (3, 2 * LARGEST + 1)
    assert (f >= 1).all()
    assert (f.sum(axis=1) == 1 << PRECISION).all()


def test_loss_is_error_and_price_times_bits():
    made, x = coder(price=3.0), images()
    noise = torch.rand(20, 3, generator=seeded(5)) - 0.5
    u = made.encoder(x) + noise
    expected = ((made.decoder(u) - x) ** 2).sum(dim=(1, 2, 3)) + 3 * made.prior.bits(u)
    assert made.loss(x, generator=seeded(5)).item() == pytest.approx(expected.mean().item())


def test_training_pays_for_fewer_bits_where_they_are_dear():
    ends = []
    for price in (0.01, 10.0):
        made, x = coder(price=price), images(200)
        optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
        for step in range(300):
            optimizer.zero_grad()
            made.loss(x, generator=seeded(step)).backward()
            optimizer.step()
        bits, error = made.costs(x, made.whole(x))
        ends.append((bits.mean().item(), error.mean().item()))
    (many, small), (few, large) = ends
    assert many > few + 2
    assert small < large


@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_what_comes_back_is_what_was_rounded(n, scale):
    made, x = coder(), images(n, scale=scale)
    found = made.decompress(made.compress(x))
    assert found.shape == x.shape
    assert torch.equal(found, made.decoder(made.whole(x)))


def test_the_file_has_the_bits_that_were_promised():
    made, x = coder(), images(400)
    promised = made.costs(x, made.whole(x))[0].sum().item()
    written = 8 * len(made.compress(x))
    assert promised - 1 <= written <= 1.005 * promised + 8 * 24


def test_types_do_not_change_the_file():
    made, x = coder(), images(5).round()
    assert made.compress(x) == made.compress(x.double()) == made.compress(x.long())


def test_a_file_that_was_changed_is_refused():
    made = coder()
    blob = made.compress(images())
    for wrong in (blob[:-1], blob[:9] + bytes([blob[9] ^ 1]) + blob[10:], b""):
        with pytest.raises(ValueError, match="blob"):
            made.decompress(wrong)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="x"):
        coder().loss(torch.zeros(2, 1, 3, 2))


def test_a_price_that_is_none_is_refused():
    with pytest.raises(ValueError, match="price"):
        coder(price=-1.0)


def test_cells_are_answered_with_means():
    u = torch.tensor([[0.2, 3.4], [-0.4, 2.6], [1.4, 300.0], [0.6, 2.8]])
    answer = CellMeans(u)(torch.tensor([[0.0, 3.0], [1.0, 127.0], [-5.0, 0.0]]))
    expected = torch.tensor([[-0.1, (3.4 + 2.6 + 2.8) / 3], [1.0, 300.0], [-5.0, 0.0]])
    torch.testing.assert_close(answer, expected)


def test_no_answer_to_a_cell_is_better_than_its_mean():
    u = 2 * torch.randn(500, 3, generator=seeded())
    means, numbers = CellMeans(u), u.round()
    least = ((means(numbers) - u) ** 2).mean()
    for shift in (-0.05, 0.05):
        assert ((means(numbers) + shift - u) ** 2).mean() > least
    assert least < ((numbers - u) ** 2).mean()


@pytest.mark.parametrize("step", [0.3, 1.0, 2.5])
def test_a_gaussian_on_a_grid_is_what_quadrature_finds(step):
    bits, error, least = gaussian_on_grid(step)
    middles = step * np.arange(-60, 61)
    cells = [(m - step / 2, m + step / 2) for m in middles]
    mass = np.array([quad(norm.pdf, *cell)[0] for cell in cells])
    first = np.array([quad(lambda t: t * norm.pdf(t), *cell)[0] for cell in cells])
    square = [
        quad(lambda t, m=m: (t - m) ** 2 * norm.pdf(t), *c)[0]
        for m, c in zip(middles, cells, strict=True)
    ]
    there = mass > 1e-200
    assert bits == pytest.approx(-(mass[there] * np.log2(mass[there])).sum(), rel=1e-6)
    assert error == pytest.approx(sum(square), rel=1e-6)
    assert least == pytest.approx(1 - (first[there] ** 2 / mass[there]).sum(), rel=1e-6)


def test_small_steps_cost_a_quarter_of_a_bit():
    bits, error, least = gaussian_on_grid(0.01)
    assert error == pytest.approx(0.01**2 / 12, rel=1e-4)
    assert least == pytest.approx(error, rel=1e-3)
    gap = bits - water_filling([1.0], error)[0]
    assert gap == pytest.approx(math.log2(2 * math.pi * math.e / 12) / 2, abs=1e-4)


def test_a_step_that_is_none_is_refused():
    with pytest.raises(ValueError, match="step"):
        gaussian_on_grid(0.0)


class TestTransformCoder(DeepContract):
    def make(self):
        return TransformCoder((1, 2, 2), *nets(), 3, price=0.1)

    def batch(self):
        return images(6)
