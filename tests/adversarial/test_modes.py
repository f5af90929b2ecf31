"""Heaps that are drawn: counted by hand, and against the law of a Gaussian's radius."""

import math

import pytest
import torch
from scipy import stats

from companion.adversarial.modes import PointVAE, mode_shares, n_covered
from tests.contracts import GenerativeContract, seeded

CENTERS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]])


class TestPointVAE(GenerativeContract):
    def make(self):
        return PointVAE(3, 2, 8)

    def batch(self):
        return torch.randn(9, 3, generator=seeded(3))

    def test_its_bound_is_the_likelihood_where_the_decoder_ignores_the_code(self):
        model, x = self.model(), self.batch()
        with torch.no_grad():
            for p in (*model.decoder[-1].parameters(), *model.encoder[-1].parameters()):
                p.zero_()
            model.decoder[-1].bias.fill_(1.0)
            model.log_std.fill_(0.3)
        due = stats.norm(1, math.exp(0.3)).logpdf(x).sum(axis=1)
        assert model.elbo(x, generator=seeded()).tolist() == pytest.approx(due.tolist(), rel=1e-5)


def test_points_are_counted_by_hand():
    points = torch.tensor(
        [[0.5, 0], [0, -1], [3, 0], [1.9, 0], [40, 40], [2.2, 0.0], [4, 1], [5, 0]]
    )
    shares, near = mode_shares(points, CENTERS, 1.0)
    assert shares.tolist() == pytest.approx([2 / 8, 3 / 8, 0])
    assert near == pytest.approx(5 / 8)
    assert n_covered(points, CENTERS, 1.0) == 2
    assert n_covered(points, CENTERS, 1.0, least=0.3) == 1


def test_three_deviations_hold_the_share_of_the_chi_square_law():
    for d in (2, 5):
        points = 0.3 * torch.randn(20_000, d, generator=seeded())
        near = mode_shares(points, torch.zeros(1, d), 0.9)[1]
        due = stats.chi2(d).cdf(9)
        assert near == pytest.approx(due, abs=5 * math.sqrt(due * (1 - due) / 20_000))


def test_moving_and_scaling_all_changes_nothing():
    points = 3 * torch.randn(200, 2, generator=seeded(1)).double()
    shares, near = mode_shares(points, CENTERS, 1.5)
    moved = mode_shares(7 * points - 2, 7 * CENTERS - 2, 10.5)
    assert torch.equal(moved[0], shares)
    assert moved[1] == near


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"\(3, 1, 2\) and centers \(3, 2\)"):
        mode_shares(CENTERS[:, None], CENTERS, 1.0)
    with pytest.raises(ValueError, match="radius=0"):
        mode_shares(CENTERS, CENTERS, 0)
    with pytest.raises(ValueError, match="least=2"):
        n_covered(CENTERS, CENTERS, 1.0, least=2)
