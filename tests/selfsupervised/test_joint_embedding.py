"""Views together without negatives: terms of known value, and who follows whom."""

import copy

import pytest
import torch

from companion import data
from companion.layers import initialize
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.joint_embedding import (
    BYOL,
    VICReg,
    WatchedCurves,
    covariance_term,
    effective_dimensions,
    spread,
    variance_term,
)
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

    def test_its_statistics_follow_by_its_own_answers_and_leave_the_online_ones_alone(self):
        model = initialize(BYOL(encoder()), generator=seeded())
        model.begin().train()
        alone = copy.deepcopy(model)
        for view in alone.two_views(DIGITS[:20], generator=seeded(1)):
            alone.projector(alone.encoder(view))
        before = copy.deepcopy(model.target.state_dict())
        model.loss(DIGITS[:20], generator=seeded(1))
        due = dict(alone.online().named_buffers())
        for name, value in model.online().named_buffers():
            torch.testing.assert_close(value, due[name])
        moved = [
            name for name, b in model.target.named_buffers() if not torch.equal(b, before[name])
        ]
        assert len(moved) == len(before) - len(list(model.target.parameters()))

    def test_the_two_views_differ(self):
        first, second = BYOL(encoder()).two_views(DIGITS[:6], generator=seeded())
        assert (first != second).flatten(1).any(dim=1).all()

    def test_without_the_stop_the_gradient_flows_through_the_goal_too(self):
        """Compare with the gradient of the written-out loss on both sides of the difference."""
        for stop in (True, False):
            model = BYOL(encoder(), stop_gradient=stop, predict=False)
            model = initialize(model, generator=seeded()).begin()
            model.loss(DIGITS[:8], generator=seeded(3)).backward()
            found = model.encoder.layers[0].weight.grad.clone()
            model.zero_grad()
            views = model.two_views(DIGITS[:8], generator=seeded(3))
            a, b = (model.projector(model.encoder(view)) for view in views)
            cosine = torch.nn.functional.cosine_similarity
            if stop:
                due = 4 - 2 * (cosine(a, b.detach()) + cosine(b, a.detach()))
            else:
                due = 4 - 4 * cosine(a, b)
            due.mean().backward()
            torch.testing.assert_close(
                found, model.encoder.layers[0].weight.grad, rtol=1e-3, atol=1e-5
            )

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


class TestAlarms:
    def test_spread_is_0_for_one_direction_and_1_for_the_whole_sphere(self):
        one = torch.arange(1.0, 9)[:, None] * torch.tensor([[1.0, -2.0, 2.0]])
        assert spread(one).item() == pytest.approx(0, abs=1e-6)
        assert spread(normal(40_000, 6)).item() == pytest.approx(1, abs=0.01)
        axis = torch.zeros(10, 9)
        axis[:5, 0], axis[5:, 0] = 1, -1
        assert spread(axis).item() == pytest.approx(1 / 3)

    def test_dimensions_against_eigenvalues(self):
        z = normal(50, 5) @ normal(5, 5, seed=1)
        values = torch.linalg.eigvalsh(torch.cov(z.T))
        due = values.sum() ** 2 / values.square().sum()
        torch.testing.assert_close(effective_dimensions(7 * z + 3), due)
        assert effective_dimensions(z[:, :1] @ torch.ones(1, 4, dtype=z.dtype)).item() == (
            pytest.approx(1)
        )
        assert effective_dimensions(torch.ones(5, 3)).item() == 0

    @pytest.mark.parametrize("alarm", [spread, effective_dimensions])
    def test_one_row_is_refused(self, alarm):
        with pytest.raises(ValueError, match=r"\(1, 3\).*N at least 2"):
            alarm(torch.ones(1, 3))

    def test_they_are_kept_beside_the_curves(self):
        kept, z = WatchedCurves(2), normal(30, 4)
        kept.watch(1, z)
        assert kept.spreads.tolist() == pytest.approx([0, spread(z).item()])
        assert kept.dimensions[1].item() == pytest.approx(effective_dimensions(z).item())


def trained(model, n_steps=60):
    model = initialize(model, generator=seeded())
    if hasattr(model, "begin"):
        model.begin()
    optimizer, generator = torch.optim.Adam(model.parameters(), 5e-3), seeded(1)
    for i in range(n_steps):
        model.zero_grad()
        model.loss(DIGITS[64 * (i % 8) : 64 * (i % 8 + 1)], generator=generator).backward()
        optimizer.step()
        if hasattr(model, "update"):
            model.update()
    with torch.no_grad():
        return spread(model.projector(model.encode(DIGITS[600:800])))


def test_the_alarm_rings_for_invariance_alone_and_not_for_the_methods():
    collapsed = trained(VICReg(encoder(), variance=0.0, covariance=0.0))
    assert collapsed < 0.1 < 0.5 < trained(VICReg(encoder()))
    assert trained(BYOL(encoder())) > 0.5
