"""InfoNCE and its relatives: values known beforehand, and bounds."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch.nn import functional

from companion import data
from companion.selfsupervised.contrastive import (
    SimCLR,
    info_nce,
    nt_xent,
    supervised_contrastive,
    view_mutual_information,
)
from companion.selfsupervised.encoder import ConvEncoder, Views
from tests.contracts import DeepContract, seeded

DIGITS = torch.from_numpy(data.digits().x_train)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


class TestSimCLR(DeepContract):
    def make(self):
        return SimCLR(ConvEncoder(n_channels=8, n_features=12), n_hidden=10, n_outputs=6)

    def batch(self):
        return DIGITS[:9]


class TestColouredSimCLR(DeepContract):
    """Three channels, neither square nor a power of 2."""

    def make(self):
        encoder = ConvEncoder((3, 12, 8), 256, n_channels=4, n_features=6)
        return SimCLR(encoder, Views(hole=2), n_outputs=5)

    def batch(self):
        return torch.randint(256, (6, 3, 12, 8), generator=seeded(8))


def test_info_nce_is_cross_entropy_with_labels_on_the_diagonal():
    scores = 3 * normal(7, 7)
    due = -np.diag(log_softmax(scores.numpy(), axis=1)).mean()
    assert info_nce(scores).item() == pytest.approx(due)
    assert info_nce(scores.T).item() != pytest.approx(due), "rows look for columns"
    assert info_nce(50 * torch.eye(5)).item() < 1e-3
    assert info_nce(torch.zeros(9, 9)).item() == pytest.approx(math.log(9))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_bound_is_at_most_log_n_whatever_the_scores(scale):
    for seed in range(5):
        assert view_mutual_information(scale * normal(6, 6, seed=seed)) <= math.log(6)
    assert view_mutual_information(1e4 * torch.eye(6)) == pytest.approx(math.log(6))


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_with_the_best_score_the_bound_is_below_the_mutual_information(correlation):
    """Gaussians: I = -log(1 - r^2) / 2 a dimension; it is near where log N is much larger."""
    n, dims, r = 500, 2, correlation
    x = normal(n, dims, seed=1)
    y = r * x + (1 - r**2) ** 0.5 * normal(n, dims, seed=2)
    # log p(y | x) / p(y)
    away = (y[None] - r * x[:, None]) ** 2 / (1 - r**2)
    scores = (-away / 2 + y[None] ** 2 / 2).sum(dim=2) - dims / 2 * math.log(1 - r**2)
    information = -dims / 2 * math.log(1 - r**2)
    found = view_mutual_information(scores)
    assert found < information + 0.1  # five standard errors
    assert found > information - 0.25
    worse = view_mutual_information(0.3 * scores)
    assert worse <= found + 0.05


def test_values_of_nt_xent_that_are_known():
    """Nothing told apart: log(2N - 1). Orthogonal pairs: log(1 + (2N - 2) exp(-1/T))."""
    n = 5
    ones, eye = torch.ones(n, 8), torch.eye(8)[:n]
    assert nt_xent(ones, ones).item() == pytest.approx(math.log(2 * n - 1), rel=1e-5)
    due = math.log(1 + (2 * n - 2) * math.exp(-1 / 0.3))
    assert nt_xent(eye, eye, 0.3).item() == pytest.approx(due, rel=1e-5)


def test_invariances_of_nt_xent():
    a, b = normal(6, 4), normal(6, 4, seed=1)
    loss = nt_xent(a, b)
    order = torch.randperm(6, generator=seeded(2))
    scales = 10 ** normal(6, 1, seed=3)
    turn = torch.linalg.qr(normal(4, 4, seed=4))[0]
    for name, other in {
        "views exchanged": nt_xent(b, a),
        "order": nt_xent(a[order], b[order]),
        "lengths": nt_xent(scales * a, b),
        "rotation": nt_xent(a @ turn, b @ turn),
    }.items():
        torch.testing.assert_close(other, loss, msg=lambda words, name=name: f"{name}: {words}")
    assert not torch.isclose(nt_xent(a, b[order]), loss), "partners matter"


def test_nt_xent_by_loops():
    a, b, temperature = normal(4, 3), normal(4, 3, seed=1), 0.7
    z = functional.normalize(torch.cat([a, b])).numpy()
    total = 0.0
    for i in range(8):
        others = [j for j in range(8) if j != i]
        scores = {j: z[i] @ z[j] / temperature for j in others}
        total -= scores[(i + 4) % 8] - math.log(sum(math.exp(s) for s in scores.values()))
    assert nt_xent(a, b, temperature).item() == pytest.approx(total / 8)


def test_a_row_is_no_negative_of_itself():
    """The gradient at equal rows: a self-pair would push nothing, but dilute the others."""
    z = normal(3, 5).requires_grad_()
    nt_xent(z, z.detach()).backward()
    assert torch.isfinite(z.grad).all()
    pair = normal(1, 5)
    assert nt_xent(pair, -pair).item() == pytest.approx(0), "the only other one is the partner"


class TestSupervised:
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 3])

    def test_rows_without_a_partner_are_left_out(self):
        z = normal(7, 4)
        full, alone = supervised_contrastive(z, self.labels), torch.arange(7)
        assert torch.isfinite(full)
        assert supervised_contrastive(z, alone) == 0
        z = z.requires_grad_()
        supervised_contrastive(z, alone).backward()
        assert (z.grad == 0).all()

    def test_of_equal_rows_it_is_log_n_minus_one(self):
        loss = supervised_contrastive(torch.ones(7, 4), self.labels)
        assert loss.item() == pytest.approx(math.log(6), rel=1e-5)

    def test_of_pairs_it_is_nt_xent(self):
        a, b = normal(5, 4), normal(5, 4, seed=1)
        labels = torch.tensor([7, 3, 9, 0, 5]).repeat(2)
        torch.testing.assert_close(supervised_contrastive(torch.cat([a, b]), labels), nt_xent(a, b))

    def test_by_loops(self):
        z, labels = functional.normalize(normal(7, 4)).numpy(), self.labels.tolist()
        rows = []
        for i in range(7):
            partners = [p for p in range(7) if p != i and labels[p] == labels[i]]
            if partners:
                scores = z @ z[i] / 0.5
                norm = math.log(sum(math.exp(scores[j]) for j in range(7) if j != i))
                rows.append(-np.mean([scores[p] - norm for p in partners]))
        found = supervised_contrastive(torch.from_numpy(z), self.labels)
        assert found.item() == pytest.approx(np.mean(rows))


def test_wrong_input_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"scores has shape \(3, 4\)"):
        info_nce(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="two views"):
        nt_xent(torch.zeros(3, 4), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="temperature=0"):
        nt_xent(torch.ones(3, 4), torch.ones(3, 4), 0)
    with pytest.raises(ValueError, match=r"labels \(2,\)"):
        supervised_contrastive(torch.ones(3, 4), torch.zeros(2))
    with pytest.raises(ValueError, match="x has"):
        SimCLR().loss(DIGITS[:3] + 17)
