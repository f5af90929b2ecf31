"""Couplings of any size can be undone; RealNVP and Glow are densities."""

import io
from functools import partial

import pytest
import torch

from companion.flows.coupling import (
    ActNorm,
    AffineCoupling,
    Glow,
    InvertibleConv1x1,
    RealNVP,
    affine,
    glow_step,
    multiscale,
)
from companion.flows.networks import checkerboard, half_mask
from tests.contracts import GenerativeContract, seeded
from tests.flows.contract import check_bijection, check_density, randomized


def points(*shape, scale=1.0, seed=0):
    return scale * torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


CASES = {
    **{
        f"affine, {n}": (partial(affine, half_mask(n), (n,), n_hidden=7), (n,))
        for n in (2, 3, 5, 8)
    },
    "affine, board": (
        partial(affine, checkerboard((2, 3, 5)), (2, 3, 5), kind="conv", n_hidden=4),
        (2, 3, 5),
    ),
    "actnorm": (partial(ActNorm, 3), (3, 2, 5)),
    "actnorm of vectors": (partial(ActNorm, 4), (4,)),
    **{f"convolution, {n}": (partial(InvertibleConv1x1, n), (n, 2, 3)) for n in (1, 2, 5, 8)},
    "glow step": (partial(glow_step, (5, 2, 2), kind="conv", n_hidden=4), (5, 2, 2)),
    "one scale": (partial(multiscale, (3, 3, 1), 2, affine, 1, n_hidden=5), (3, 3, 1)),
    "three scales": (partial(multiscale, (1, 4, 4), 2, affine, 3, n_hidden=5), (1, 4, 4)),
    "glow": (partial(Glow, (1, 4, 4), None, n_steps=2, n_hidden=5), (1, 4, 4)),
    "realnvp": (partial(RealNVP, (7,), None, n_hidden=5), (7,)),
}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", CASES)
def test_it_can_be_undone_and_knows_its_determinant(name, scale):
    """Equation of the change of variables, against autograd's Jacobian."""
    make, event_shape = CASES[name]
    check_bijection(randomized(make()), points(3, *event_shape, scale=scale))


@pytest.mark.parametrize("name", CASES)
def test_in_single_precision_it_can_be_undone_too(name):
    make, event_shape = CASES[name]
    bijection, x = randomized(make()).float(), points(3, *event_shape).float()
    with torch.no_grad():
        back = bijection.inverse(bijection(x)[0])[0]
    assert (back - x).abs().max() < 1e-4


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_every_entry_moves_something_and_hears_something(n):
    """A split that is wrong beyond two dimensions leaves entries out."""
    flow = randomized(RealNVP((n,), None, n_couplings=2, n_hidden=9))
    x = points(1, n)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], x[0])
    assert (jacobian.abs() > 1e-9).any(dim=0).all()
    off = jacobian - torch.diag(jacobian.diagonal())
    assert (off.abs() > 1e-9).any(dim=1).all()


def test_those_that_stay_stay_and_do_not_hear_the_others():
    coupling = randomized(affine(half_mask(5), (5,), n_hidden=8))
    x = points(2, 5)
    z, _ = coupling(x)
    assert torch.equal(z[:, ::2], x[:, ::2])
    changed = x.clone()
    changed[:, 1] += 7
    assert torch.equal(coupling.motion(changed)[0], coupling.motion(x)[0])


def test_no_entry_is_stretched_beyond_the_limit():
    coupling = randomized(affine(half_mask(4), (4,), n_hidden=8), size=100.0)
    assert coupling.motion(points(9, 4, scale=1e3))[0].abs().max() <= 2.0
    with pytest.raises(ValueError, match="limit=0"):
        AffineCoupling(half_mask(4), coupling.network, limit=0)


def test_a_density_of_the_plane_sums_to_one():
    check_density(randomized(RealNVP((2,), None, n_couplings=4, n_hidden=8)), -20, 20, n=500)


# ActNorm.


def test_actnorm_wants_a_first_batch_and_takes_only_that_one():
    norm, first, second = ActNorm(3), 5 + 2 * points(8, 3, 2, 2), 7 + points(8, 3, 2, 2, seed=1)
    norm.double().eval()
    for ask in (norm, norm.inverse):
        with pytest.raises(RuntimeError, match="train"):
            ask(first)
    z, _ = norm.train()(first)
    by_channel = z.transpose(0, 1).flatten(1)
    torch.testing.assert_close(by_channel.mean(dim=1), torch.zeros(3).double())
    torch.testing.assert_close(by_channel.std(dim=1, correction=0), torch.ones(3).double())
    assert norm(second)[0].mean().abs() > 0.5


def test_a_reloaded_actnorm_does_not_start_again():
    norm, file = ActNorm(2), io.BytesIO()
    norm.train()(3 + points(8, 2).float())
    torch.save(norm.state_dict(), file)
    file.seek(0)
    other = ActNorm(2)
    other.load_state_dict(torch.load(file, weights_only=True))
    x = points(8, 2, seed=1).float()
    assert torch.equal(other.train()(x)[0], norm(x)[0])


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3e20, 1e-30])
def test_a_constant_channel_is_moved_to_zero_and_not_stretched(value):
    norm, x = ActNorm(2), points(8, 2, 3, 3).float()
    x[:, 1] = value
    z, ladj = norm.train()(x)
    assert torch.isfinite(z).all()
    assert torch.isfinite(ladj).all()
    assert norm.log_scale[1] == 0
    assert z[:, 1].abs().max() <= 1e-6 * abs(value)


@pytest.mark.parametrize("unit", [1e-12, 1e9])
def test_actnorm_does_not_care_for_the_unit(unit):
    one, other = ActNorm(3).double(), ActNorm(3).double()
    x = 3 + points(8, 3)
    torch.testing.assert_close(one(x)[0], other(unit * x)[0], atol=1e-9, rtol=1e-7)


# The convolution.


def test_a_new_convolution_is_a_rotation():
    conv = InvertibleConv1x1(6).double()
    lower, upper = conv.factors()
    matrix = conv.permutation @ lower @ upper
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6).double(), atol=1e-5, rtol=0)
    assert conv(points(1, 6, 2, 2))[1].abs() < 1e-5


def test_a_pixel_of_the_convolution_is_a_matrix_product():
    conv = randomized(InvertibleConv1x1(3))
    x = points(2, 3, 4, 5)
    lower, upper = conv.factors()
    right = torch.einsum("ij,bjhw->bihw", conv.permutation @ lower @ upper, x)
    torch.testing.assert_close(conv(x)[0], right)


# The models.


class TestRealNVP(GenerativeContract):
    def make(self):
        return RealNVP((1, 4, 4), 5, n_couplings=2, kind="conv", n_hidden=8)

    def batch(self):
        return torch.randint(5, (6, 1, 4, 4), generator=seeded(4))


class TestRealNVPOfPoints(GenerativeContract):
    def make(self):
        return RealNVP((3,), None, n_hidden=16)

    def batch(self):
        return torch.randn(9, 3, generator=seeded(4))


class TestGlow(GenerativeContract):
    def make(self):
        return Glow((1, 4, 4), 5, n_steps=1, n_hidden=8)

    def model(self):
        model = super().model().train()
        self.loss(model, self.batch())  # the first batch of its ActNorm layers
        return model

    def batch(self):
        return torch.randint(5, (6, 1, 4, 4), generator=seeded(4))


@pytest.mark.parametrize("kind", [RealNVP, Glow])
def test_images_that_cannot_be_halved_are_refused(kind):
    with pytest.raises(ValueError, match="n_scales"):
        kind((1, 6, 6), 5, n_scales=3)


def test_samples_are_levels():
    x = randomized(RealNVP((1, 4, 4), 5, kind="conv", n_hidden=4)).sample(50, generator=seeded())
    assert torch.equal(x, x.round())
    assert (x.min(), x.max()) == (0, 4)
