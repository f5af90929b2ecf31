"""Ranking statistics: which pairs count as one class, and what is learned from them."""

import itertools
import math

import numpy as np
import pytest
import torch

from companion import data
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.ranking import (
    RankingStatistics,
    matched_accuracy,
    pairwise_loss,
    same_ranks,
)
from tests.contracts import DeepContract, seeded

DIGITS = torch.from_numpy(data.digits().x_train)
LABELS = torch.from_numpy(data.digits().y_train)


class TestRanking(DeepContract):
    def make(self):
        return RankingStatistics(ConvEncoder(n_channels=8, n_features=12), n_top=2)

    def batch(self):
        return DIGITS[:24], torch.where(LABELS[:24] < 5, LABELS[:24], -1)


def test_ranks_agree_by_loops():
    z = torch.randn(40, 6, generator=seeded())
    found = same_ranks(z, 2)
    assert 1 < found.sum() / 40 < 8
    for i, j in itertools.product(range(40), repeat=2):
        sets = [set(np.argsort(-z[k].numpy())[:2]) for k in (i, j)]
        assert found[i, j] == (sets[0] == sets[1])


def test_order_among_the_top_and_increasing_changes_do_not_count():
    z = torch.tensor([[5.0, 4, 1], [4, 5, 1], [5, 1, 4]])
    assert same_ranks(z, 2).tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]
    z = torch.randn(30, 5, generator=seeded(1))
    assert torch.equal(same_ranks(z, 3), same_ranks(z.exp() * 7 + 2, 3))
    assert same_ranks(z, 5).all(), "all features are the same set for all"


def test_pairwise_loss_of_certain_and_uniform_answers():
    answers = torch.eye(3)[[0, 0, 1, 2]]
    same = answers @ answers.T > 0
    assert pairwise_loss(answers, answers, same).item() == pytest.approx(0, abs=1e-4)
    assert pairwise_loss(answers, answers, ~same).item() > 10
    even = torch.full((4, 4), 0.25)
    share = same.double().mean().item()
    due = -share * math.log(0.25) - (1 - share) * math.log(0.75)
    assert pairwise_loss(even, even, same).item() == pytest.approx(due, rel=1e-5)


def test_matched_accuracy_by_all_names():
    rng = np.random.default_rng(0)
    for _ in range(5):
        true, found = rng.integers(4, size=(2, 30))
        due = max(np.mean(np.array(p)[found] == true) for p in itertools.permutations(range(4)))
        assert matched_accuracy(true, found) == pytest.approx(due)
    assert matched_accuracy([0, 1, 2], [2, 0, 1]) == 1


def test_labels_of_new_images_are_not_looked_at_and_known_ones_are():
    model = RankingStatistics(ConvEncoder(n_channels=8, n_features=12))
    x, labels = DIGITS[:20], torch.where(LABELS[:20] < 5, LABELS[:20], -1)
    loss = model.loss(x, labels, generator=seeded())
    known = (labels >= 0).nonzero()[0]
    other = labels.clone()
    other[known] = (other[known] + 1) % 5
    assert model.loss(x, other, generator=seeded()) != loss


def test_pairs_give_no_gradient_to_features_by_ranks_but_by_answers():
    model = RankingStatistics(ConvEncoder(n_channels=8, n_features=12), consistency=0.0)
    new = torch.full((12,), -1)
    model.loss(DIGITS[:12], new, generator=seeded()).backward()
    assert model.known.weight.grad is None or (model.known.weight.grad == 0).all()
    assert model.new.weight.grad.abs().sum() > 0
    assert model.encoder.layers[0].weight.grad.abs().sum() > 0


def test_known_labels_alone_are_enough_for_a_loss():
    model = RankingStatistics(ConvEncoder(n_channels=8, n_features=12))
    some = LABELS < 5
    assert torch.isfinite(model.loss(DIGITS[some][:9], LABELS[some][:9], generator=seeded()))


def test_wrong_input_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match="n_top=65"):
        RankingStatistics(n_top=65)
    with pytest.raises(ValueError, match="labels reach from 3 to 7"):
        RankingStatistics().loss(DIGITS[:2], torch.tensor([3, 7]))
    with pytest.raises(ValueError, match="n_top=4"):
        same_ranks(torch.zeros(3, 3), 4)
