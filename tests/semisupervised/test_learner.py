"""What all methods share: the two means of the loss, the ramp, evaluation that leaves no trace."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.selfsupervised.encoder import ConvEncoder, Views
from companion.semisupervised.learner import (
    Answers,
    Classifier,
    FewLabels,
    WithLabels,
    fit_few_labels,
)
from companion.semisupervised.self_training import FixMatch
from tests.contracts import DeepContract, seeded

DIGITS, LABELS = (torch.from_numpy(part) for part in data.digits()[:2])
STILL = Views(0.0, 0.0, 0.0, 0.0)


def network():
    return Classifier(ConvEncoder(n_channels=4, n_features=8))


class FewLabelsContract(DeepContract):
    """Every method has the same loss, begins, updates, and answers."""

    def model(self):
        return super().model().begin()

    def batch(self):
        return DIGITS[:9], torch.arange(9), DIGITS[9:13], LABELS[9:13]

    def test_without_weight_it_is_the_supervised_loss_of_the_labelled_views(self):
        model, batch = self.model(), self.batch()
        model.weight = 0.0
        model.views = STILL
        model.eval()  # batch normalisation does not mix the two batches
        due = functional.cross_entropy(model.network(model.network.prepare(batch[2])), batch[3])
        torch.testing.assert_close(self.loss(model, batch), due)

    def test_answers_leave_mode_and_running_statistics_alone(self):
        model = self.model().train()
        self.loss(model, self.batch())
        model.update()
        before = copy.deepcopy(model.network.state_dict())
        p = model.predict_proba(DIGITS[:5])
        torch.testing.assert_close(p.sum(dim=1), torch.ones(5))
        torch.testing.assert_close(model.predict_proba(DIGITS[:1])[0], p[0])
        assert model.network.training
        after = model.network.state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())


class TestFewLabels(FewLabelsContract):
    def make(self):
        return FewLabels(network())


class TestWithLabels(DeepContract):
    """What is trained: a learner with its images, a batch is an index."""

    def make(self):
        return WithLabels(FewLabels(network()), DIGITS[:9], DIGITS[9:13], LABELS[9:13], 6)

    def batch(self):
        return torch.arange(9)


class OneTerm(FewLabels):
    """An unlabelled term that is always 1."""

    n_views = 1

    def unlabelled(self, logits, index):
        return logits[0].new_ones(())


@pytest.mark.parametrize("n_labelled", [1, 5])
def test_the_two_means_are_taken_apart(n_labelled):
    """One of ten labelled: its cross-entropy is not divided by ten (pitfall M5)."""
    model = OneTerm(network(), STILL, weight=0.25).eval()
    x, y = DIGITS[:n_labelled], LABELS[:n_labelled]
    due = functional.cross_entropy(model.network(model.network.prepare(x)), y) + 0.25
    found = model.loss(DIGITS[20:30], torch.arange(10), x, y, generator=seeded())
    torch.testing.assert_close(found, due)


def test_the_ramp_is_that_of_laine_and_aila():
    model = OneTerm(network(), n_ramp=10)
    found = []
    for _ in range(13):
        found.append(float(model.ramp()))
        model.update()
    assert found[0] == pytest.approx(math.exp(-5))
    assert found[5] == pytest.approx(math.exp(-5 / 4))
    assert found[10:] == [1.0] * 3
    assert found == sorted(found)
    assert OneTerm(network()).ramp() == 1.0


class Points(nn.Module):
    """Points of the plane as features."""

    n_features = 2

    def prepare(self, x):
        return x.float()

    def forward(self, x):
        return x


def test_supervised_training_reaches_the_logistic_regression_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x = torch.randn(40, 2, generator=seeded())
    y = (x[:, 0] + 0.5 * torch.randn(40, generator=seeded(1)) > 0).long()
    model = FewLabels(Classifier(Points(), 2), lambda images, generator: images)
    given = {"n_labelled": 400, "learning_rate": 0.1, "weight_decay": 0.0, "batch_size": 20}
    model, history = fit_few_labels(model, x, (x, y), 300, generator=seeded(), **given)
    line = LogisticRegression(C=1e6).fit(x.numpy(), y.numpy())
    gap = model.predict_proba(x)[:, 1].numpy() - line.predict_proba(x.numpy())[:, 1]
    assert abs(gap).max() < 0.05
    assert len(history) == 300


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 11])
def test_short_runs(n_steps):
    model = FixMatch(network(), threshold=0.1)
    model, history = fit_few_labels(
        model, DIGITS[:40], (DIGITS[:3], LABELS[:3]), n_steps, generator=seeded(), batch_size=16
    )
    assert len(history) == n_steps
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
    assert not model.training


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labelled has 3 images and 2 labels"):
        fit_few_labels(
            FewLabels(network()), DIGITS, (DIGITS[:3], LABELS[:2]), 1, generator=seeded()
        )
    with pytest.raises(ValueError, match=r"n_classes=1 must be"):
        Classifier(Points(), 1)
    with pytest.raises(ValueError, match=r"weight=-1 must be"):
        FewLabels(network(), weight=-1)


def test_answers_are_found_by_the_image():
    kept = Answers(2, DIGITS[:7])
    kept.classes[0] = LABELS[:7].to(torch.uint8)
    assert kept.correct(DIGITS[2:6], LABELS[2:6]).tolist()[0] == 1.0
    order = torch.tensor([4, 0, 6])
    assert kept.correct(DIGITS[order], LABELS[order])[0] == 1.0
