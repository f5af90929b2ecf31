"""Entropy, pseudo labels, FixMatch and distillation against closed forms and gradients."""

import math

import pytest
import torch
from scipy.stats import entropy
from torch.nn import functional

from companion.semisupervised.self_training import (
    EntropyMinimization,
    FixMatch,
    PseudoLabel,
    align,
    distill,
    entropy_minimization,
    most_confident,
    pseudo_labels,
)
from tests.contracts import seeded
from tests.semisupervised.test_learner import DIGITS, LABELS, STILL, FewLabelsContract, network


def logits(n=6, k=5, seed=0):
    return 3 * torch.randn(n, k, generator=seeded(seed), dtype=torch.float64)


class TestEntropyMinimization(FewLabelsContract):
    def make(self):
        return EntropyMinimization(network())


class TestPseudoLabel(FewLabelsContract):
    def make(self):
        return PseudoLabel(network())


class TestFixMatch(FewLabelsContract):
    def make(self):
        return FixMatch(network(), threshold=0.1, aligned=True)


def test_entropy_against_scipy_and_at_its_ends():
    z = logits()
    due = entropy(z.softmax(dim=1).numpy(), axis=1).mean()
    assert entropy_minimization(z).item() == pytest.approx(due)
    assert entropy_minimization(z + 7).item() == pytest.approx(due)
    assert entropy_minimization(torch.zeros(3, 4)).item() == pytest.approx(math.log(4))
    sure = torch.tensor([[500.0, -500.0]], requires_grad=True)
    found = entropy_minimization(sure)
    found.backward()
    assert found.item() == 0
    assert torch.isfinite(sure.grad).all()


def test_the_gradient_of_the_entropy_pushes_the_winner_up():
    z = logits().requires_grad_()
    (-entropy_minimization(z)).backward()
    winner = z.argmax(dim=1, keepdim=True)
    assert (z.grad.gather(1, winner) > 0).all()


def test_pseudo_labels_by_hand():
    p = torch.tensor([[0.5, 0.3, 0.2], [0.04, 0.95, 0.01]])
    label, counts = pseudo_labels(p, 0.95)
    assert label.tolist() == [0, 1]
    assert counts.tolist() == [0, 1]
    assert pseudo_labels(p)[1].tolist() == [1, 1]


def test_alignment_makes_even_what_was_uneven():
    p = logits(400).softmax(dim=1)
    shares = p.mean(dim=0)
    even = align(p, shares)
    torch.testing.assert_close(even.sum(dim=1), torch.ones(400, dtype=torch.float64))
    assert (even.mean(dim=0) - 0.2).abs().max() < (shares - 0.2).abs().max()
    torch.testing.assert_close(align(p, torch.full((5,), 0.2)), p)


class TestTheMask:
    def test_the_term_is_0_when_nothing_is_confident(self):
        model = FixMatch(network(), threshold=1.0)
        batch = DIGITS[:9], torch.arange(9), DIGITS[9:12], LABELS[9:12]
        full = model.loss(*batch, generator=seeded())
        model.weight = 0.0
        torch.testing.assert_close(full, model.loss(*batch, generator=seeded()))

    def test_it_is_divided_by_all_not_by_those_that_count(self):
        model = FixMatch(network())
        weak, strong = torch.zeros(8, 5), logits(8).float()
        weak[3, 2] = 50
        due = functional.cross_entropy(strong[3:4], torch.tensor([2])) / 8
        torch.testing.assert_close(model.unlabelled([weak, strong], None), due)

    @pytest.mark.parametrize("kind", [PseudoLabel, FixMatch])
    def test_no_gradient_flows_through_what_the_label_is_read_from(self, kind):
        model = kind(network(), STILL, threshold=0.0)
        weak, strong = logits().requires_grad_(), logits(seed=1).requires_grad_()
        model.unlabelled([weak, strong], None).backward()
        assert weak.grad is None
        due = strong.softmax(1) - functional.one_hot(weak.argmax(1), 5)
        torch.testing.assert_close(strong.grad, due.detach() / 6)

    def test_the_label_is_read_from_a_weak_view_and_taught_to_a_strong_one(self):
        model = FixMatch(network(), threshold=0.0)
        assert model.weak_views.bend == pytest.approx(model.views.bend / 3)
        weak = model.weak(model.network.prepare(DIGITS[:50]), generator=seeded())
        strong = model.views(model.network.prepare(DIGITS[:50]), generator=seeded())
        still = model.network.prepare(DIGITS[:50])
        assert (weak - still).abs().mean() < 0.6 * (strong - still).abs().mean()


def test_the_shares_follow_the_predictions():
    model = PseudoLabel(network(), memory=0.75)
    z = logits(20, 10).float()
    model.unlabelled([z, z], None)
    model.update()
    torch.testing.assert_close(model.shares, 0.075 + 0.25 * z.softmax(dim=1).mean(dim=0))


class TestDistill:
    def test_it_is_the_divergence_of_torch(self):
        student, teacher = logits(), logits(seed=1)
        due = functional.kl_div(
            (student / 3).log_softmax(1), (teacher / 3).softmax(1), reduction="batchmean"
        )
        torch.testing.assert_close(distill(student, teacher, 3.0), 9 * due)
        assert distill(teacher, teacher + 5).item() == pytest.approx(0, abs=1e-12)

    def test_when_hot_it_is_half_the_squared_gap_of_centred_logits_over_k(self):
        """Hinton et al. (2015), section 2.1."""
        student, teacher = logits(), logits(seed=1)
        gap = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
        due = (gap**2).sum(dim=1).mean() / (2 * 5)
        torch.testing.assert_close(distill(student, teacher, 1e3), due, rtol=1e-2, atol=0)

    def test_no_gradient_reaches_the_teacher(self):
        student, teacher = logits().requires_grad_(), logits(seed=1).requires_grad_()
        distill(student, teacher).backward()
        assert teacher.grad is None
        due = (student.softmax(1) - teacher.softmax(1)).detach() / 6
        torch.testing.assert_close(student.grad, due)


def test_the_most_confident_of_each_class():
    p = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    index, classes = most_confident(p, 2)
    assert index.tolist() == [0, 1, 2, 3]
    assert classes.tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="n_per_class=5"):
        most_confident(p, 5)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="threshold=2 must be"):
        FixMatch(network(), threshold=2)
    with pytest.raises(ValueError, match="temperature=0 must be"):
        distill(logits(), logits(), 0)
