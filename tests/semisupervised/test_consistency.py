"""Pi-model, temporal ensembling, mean teacher and UDA: known values, who follows whom."""

import copy

import pytest
import torch
from torch.nn import functional

from companion.semisupervised.consistency import (
    MeanTeacher,
    PiModel,
    TemporalEnsembling,
    UnsupervisedDataAugmentation,
    ensemble,
    squared_gap,
)
from tests.contracts import seeded
from tests.semisupervised.test_learner import DIGITS, LABELS, STILL, FewLabelsContract, network

BATCH = DIGITS[:9], torch.arange(9), DIGITS[9:13], LABELS[9:13]


class Learned(MeanTeacher):
    """The teacher's weights follow, they are not learned: the contract asks about the others."""

    def named_parameters(self, *arguments, **options):
        found = super().named_parameters(*arguments, **options)
        return ((name, p) for name, p in found if p.requires_grad)


class TestPiModel(FewLabelsContract):
    def make(self):
        return PiModel(network())


class TestTemporalEnsembling(FewLabelsContract):
    def make(self):
        return TemporalEnsembling(network(), 20)


class TestMeanTeacher(FewLabelsContract):
    def make(self):
        return Learned(network())


class TestUDA(FewLabelsContract):
    def make(self):
        return UnsupervisedDataAugmentation(network(), threshold=0.0)


def two(values):
    return torch.tensor([values], dtype=torch.float64)


class TestSquaredGap:
    """Probabilities are taken once, over classes (pitfall M3)."""

    def test_opposite_answers_of_two_classes_are_1_apart(self):
        model = PiModel(network())
        found = model.unlabelled([two([30, -30]), two([-30, 30])], None)
        assert found.item() == pytest.approx(1)

    def test_a_shift_of_the_logits_changes_nothing_and_rows_do_not_mix(self):
        model = PiModel(network())
        z = torch.randn(4, 5, generator=seeded(), dtype=torch.float64)
        assert model.unlabelled([z, z + 5], None).item() < 1e-10
        one = torch.stack(
            [model.unlabelled([z[i : i + 1], 2 * z[i : i + 1]], None) for i in range(4)]
        )
        torch.testing.assert_close(model.unlabelled([z, 2 * z], None), one.mean())

    def test_the_gradient_goes_through_both_views(self):
        model = PiModel(network())
        z = [torch.randn(4, 5, generator=seeded(i)).requires_grad_() for i in (0, 1)]
        model.unlabelled(z, None).backward()
        assert all(part.grad.abs().max() > 0 for part in z)


class TestEnsemble:
    """Equation of the running mean with its start-up correction (pitfall M4)."""

    @pytest.mark.parametrize("memory", [0.0, 0.6, 0.99])
    def test_equal_predictions_are_their_own_mean_from_the_first_on(self, memory):
        model = TemporalEnsembling(network(), 4, memory=memory)
        p = torch.randn(2, 10, generator=seeded()).softmax(dim=1)
        for turn in range(1, 4):
            model.latest = torch.tensor([2, 0]), p
            model.update()
            found = ensemble(model.sums, model.counts, memory)
            torch.testing.assert_close(found[[2, 0]], p, rtol=1e-4, atol=1e-6)
            assert model.counts.tolist() == [turn, 0, turn, 0]
            assert (found[[1, 3]] == 0).all()

    def test_it_is_the_weighted_mean(self):
        model = TemporalEnsembling(network(), 1, memory=0.6)
        parts = torch.randn(5, 10, generator=seeded()).softmax(dim=1)
        for p in parts:
            model.latest = torch.tensor([0]), p[None]
            model.update()
        weights = 0.6 ** torch.arange(4, -1, -1)
        due = (weights[:, None] * parts).sum(0) / weights.sum()
        torch.testing.assert_close(ensemble(model.sums, model.counts, 0.6)[0], due)

    def test_the_first_time_costs_nothing_and_the_goal_has_no_gradient(self):
        model = TemporalEnsembling(network(), 9).train()
        model.loss(*BATCH, generator=seeded())
        z = torch.randn(9, 10, generator=seeded()).requires_grad_()
        assert model.unlabelled([z], torch.arange(9)).item() == 0
        model.update()
        assert not model.sums.requires_grad
        goal = ensemble(model.sums, model.counts, model.memory)
        torch.testing.assert_close(
            model.unlabelled([z + 1], torch.arange(9)), squared_gap(z.softmax(1), goal)
        )

    def test_memory_1_is_refused(self):
        with pytest.raises(ValueError, match=r"memory=1.0 keeps nothing new"):
            TemporalEnsembling(network(), 3, memory=1.0)


class TestTeacher:
    """Weights by an average, running statistics the student's, no gradient (pitfalls M1, D8)."""

    def trained(self, decay=0.9, n=3):
        model = MeanTeacher(network(), decay=decay).begin().train()
        optimizer = torch.optim.SGD(model.network.parameters(), lr=0.1)
        states = []
        for i in range(n):
            optimizer.zero_grad()
            model.loss(*BATCH, generator=seeded(i)).backward()
            optimizer.step()
            before = copy.deepcopy(model.network.state_dict())
            model.update()
            after = model.network.state_dict()
            assert all(torch.equal(before[k], after[k]) for k in after), "the student changed"
            states.append(before)
        return model, states

    def test_weights_are_the_weighted_mean_and_statistics_the_last(self):
        model, states = self.trained()
        weights = 0.9 ** torch.arange(2, -1, -1.0)
        weights /= weights.sum()
        buffers = {name for name, _ in model.network.named_buffers()}
        for name, value in model.teacher.state_dict().items():
            parts = torch.stack([state[name].float() for state in states])
            due = parts[-1] if name in buffers else torch.tensordot(weights, parts, 1)
            torch.testing.assert_close(value.float(), due)
        assert any("running_mean" in name for name in buffers)

    def test_it_begins_as_a_copy_and_shares_no_memory(self):
        model = MeanTeacher(network()).begin()
        pairs = zip(model.teacher.parameters(), model.network.parameters(), strict=True)
        for slow, new in pairs:
            assert torch.equal(slow, new)
            assert slow.data_ptr() != new.data_ptr()

    def test_no_gradient_reaches_it_and_its_statistics_do_not_move_in_a_loss(self):
        model, _ = self.trained()
        assert not model.teacher.training
        before = copy.deepcopy(model.teacher.state_dict())
        model.loss(*BATCH, generator=seeded(5)).backward()
        assert all(p.grad is None for p in model.teacher.parameters())
        after = model.teacher.state_dict()
        assert all(torch.equal(before[k], after[k]) for k in after)

    def test_a_copy_has_a_teacher_of_its_own(self):
        model, _ = self.trained(n=1)
        other = copy.deepcopy(model)
        other.update()
        assert other.average.model is other.teacher
        assert other.teacher is not model.teacher

    def test_the_answer_is_the_teachers(self):
        model, _ = self.trained()
        torch.testing.assert_close(
            model.predict_proba(DIGITS[:4]), model.teacher.predict_proba(DIGITS[:4])
        )


class TestGoal:
    """UDA's sharpened goal."""

    def term(self, goal, z, **settings):
        model = UnsupervisedDataAugmentation(network(), STILL, **settings)
        return model.unlabelled([goal, z], None)

    def test_it_is_the_divergence_of_torch(self):
        z, goal = (torch.randn(6, 5, generator=seeded(i), dtype=torch.float64) for i in (0, 1))
        due = functional.kl_div(z.log_softmax(1), (goal / 0.4).softmax(1), reduction="batchmean")
        torch.testing.assert_close(self.term(goal, z, threshold=0.0), due)

    def test_unsure_goals_cost_nothing_and_all_are_divided_by_the_batch(self):
        goal = torch.tensor([[9.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
        z = torch.randn(2, 3, generator=seeded())
        alone = self.term(goal[:1], z[:1])
        torch.testing.assert_close(self.term(goal, z), alone / 2)
        assert self.term(goal[1:], z[1:]).item() == 0

    def test_towards_temperature_0_it_is_the_pseudo_label(self):
        goal, z = torch.randn(6, 5, generator=seeded()), torch.randn(6, 5, generator=seeded(1))
        found = self.term(goal, z, temperature=1e-3, threshold=0.0)
        torch.testing.assert_close(found, functional.cross_entropy(z, goal.argmax(dim=1)))

    def test_no_gradient_reaches_the_goal(self):
        goal, z = (torch.randn(4, 5, generator=seeded(i)).requires_grad_() for i in (0, 1))
        self.term(goal, z, threshold=0.0).backward()
        assert goal.grad is None
        assert z.grad.abs().max() > 0
