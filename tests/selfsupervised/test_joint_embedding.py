"""Views together without negatives: terms of known value, and who follows whom."""

import copy

import pytest
import torch

from companion import data
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.joint_embedding import BYOL, VICReg, covariance_term, variance_term
from tests.contracts import DeepContract, seeded

DIGITS = torch.from_numpy(data.digits().x_train)


def encoder():
    return ConvEncoder(n_channels=8, n_features=12)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


class TestVICReg(DeepContract):
    def make(self):
        return VICReg(encoder(), n_hidden=10, n_outputs=6)

    def batch(self):
        return DIGITS[:9]


class Learned(BYOL):
    """The target's weights follow, they are not learned: the contract asks about the others."""

    def named_parameters(self, *arguments, **options):
        found = super().named_parameters(*arguments, **options)
        return ((name, p) for name, p in found if p.requires_grad)


class TestBYOL(DeepContract):
    def make(self):
        return Learned(encoder(), n_hidden=10, n_outputs=6)

    def batch(self):
        return DIGITS[:9]


def test_variance_term_is_0_for_alive_columns_and_1_for_dead_ones():
    assert variance_term(3 * normal(400, 5)).item() == 0
    assert variance_term(torch.ones(9, 4)).item() == pytest.approx(0.99, abs=1e-6)
    half = variance_term(0.5 * normal(20_000, 3)).item()
    assert half == pytest.approx(0.5, abs=0.02)


def test_covariance_term_against_torch_cov():
    z = normal(30, 4) @ normal(4, 4, seed=1)
    off = torch.cov(z.T)
    off = off - torch.diag(off.diagonal())
    torch.testing.assert_close(covariance_term(z), (off**2).sum() / 4)
    torch.testing.assert_close(covariance_term(z + 100), covariance_term(z))
    assert covariance_term(z[:, :1]).item() == 0


def test_the_loss_is_the_weighted_sum_of_its_terms():
    a, b = normal(8, 5), normal(8, 5, seed=1)
    for chosen in ("invariance", "variance", "covariance"):
        weights = dict.fromkeys(("invariance", "variance", "covariance"), 0.0) | {chosen: 3.0}
        model = VICReg(encoder(), **weights)
        torch.testing.assert_close(model.compare(a, b), 3 * model.terms(a, b)[chosen])


def test_without_the_variance_term_all_at_one_point_is_best():
    point, model = torch.zeros(9, 5), VICReg(encoder(), variance=0.0)
    assert model.compare(point, point).item() == 0
    assert VICReg(encoder()).compare(point, point).item() > 40


class TestTarget:
    def test_no_gradient_reaches_the_target_and_none_of_its_weights_are_shared(self):
        model = BYOL(encoder())
        model.loss(DIGITS[:6], generator=seeded()).backward()
        assert all(p.grad is None for p in model.target.parameters())
        own = {p.data_ptr() for p in model.online().parameters()}
        assert not own & {p.data_ptr() for p in model.target.parameters()}

    @pytest.mark.parametrize("decay", [0.0, 0.9, 1.0])
    def test_update_is_a_moving_average(self, decay):
        model = BYOL(encoder(), decay=decay)
        with torch.no_grad():
            for p in model.online().parameters():
                p.add_(1.0)
        before = copy.deepcopy(model.state_dict())
        model.update()
        pairs = zip(model.target.parameters(), model.online().parameters(), strict=True)
        for slow, new in pairs:
            torch.testing.assert_close(slow, new - decay)
        for name, value in model.state_dict().items():
            if not name.startswith("target"):
                assert torch.equal(value, before[name]), "the online network moved"

    def test_the_loss_is_0_where_guesses_agree_and_8_where_they_are_opposite(self):
        class Same(torch.nn.Module):
            def __init__(self, sign):
                super().__init__()
                self.sign = sign

            def forward(self, x):
                return self.sign * torch.ones(len(x), 3)

        model = BYOL(encoder())
        model.predictor = Same(1.0)
        for sign, due in ((1.0, 0.0), (-1.0, 8.0)):
            model.target = Same(sign)
            assert model.loss(DIGITS[:5], generator=seeded()).item() == pytest.approx(due)
