"""Memory bank and queue: what is kept, and who follows whom."""

import copy
import math

import pytest
import torch
from torch.nn import functional

from companion import data
from companion.selfsupervised.contrastive import info_nce, info_nce_against
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.momentum import MemoryBank, MoCo
from tests.contracts import DeepContract, seeded

DIGITS = torch.from_numpy(data.digits().x_train)


def encoder():
    return ConvEncoder(n_channels=8, n_features=12)


class Learned:
    """The contract asks about the weights that are learned, the others follow."""

    def named_parameters(self, *arguments, **options):
        found = super().named_parameters(*arguments, **options)
        return ((name, p) for name, p in found if p.requires_grad)


class LearnedMoCo(Learned, MoCo):
    pass


class TestMoCo(DeepContract):
    def make(self):
        model = LearnedMoCo(encoder(), n_queue=18, n_hidden=10, n_outputs=6)
        return model.begin(generator=seeded(5))

    def batch(self):
        return DIGITS[:9]


class TestMemoryBank(DeepContract):
    def make(self):
        model = MemoryBank(30, encoder(), n_negatives=11, n_hidden=10, n_outputs=6)
        return model.begin(generator=seeded(5))

    def batch(self):
        return DIGITS[:9], torch.arange(9) * 3


def test_against_the_others_of_the_batch_it_is_info_nce():
    scores = torch.randn(6, 6, generator=seeded())
    others = scores[~torch.eye(6, dtype=torch.bool)].view(6, 5)
    torch.testing.assert_close(info_nce_against(scores.diagonal(), others), info_nce(scores))
    assert info_nce_against(torch.zeros(3), torch.zeros(3, 7)).item() == pytest.approx(math.log(8))


class TestQueue:
    def test_keys_take_the_place_of_the_oldest(self):
        model = MoCo(encoder(), n_queue=12, n_outputs=5).begin(generator=seeded())
        for turn in range(5):
            before = model.queue.clone()
            model.loss(DIGITS[4 * turn : 4 * turn + 4], generator=seeded(turn))
            keys, at = model.latest, 4 * turn % 12
            model.update()
            assert torch.equal(model.queue[at : at + 4], keys)
            rest = torch.ones(12, dtype=torch.bool)
            rest[at : at + 4] = False
            assert torch.equal(model.queue[rest], before[rest])
        torch.testing.assert_close(model.queue.norm(dim=1), torch.ones(12))

    def test_a_batch_that_does_not_divide_the_queue_is_refused(self):
        model = MoCo(encoder(), n_queue=12).begin(generator=seeded())
        model.loss(DIGITS[:5], generator=seeded())
        with pytest.raises(ValueError, match="n_queue=12 must be a multiple of the batch"):
            model.update()

    def test_no_gradient_reaches_keys_queue_or_slow_weights(self):
        model = MoCo(encoder(), n_queue=8).begin(generator=seeded())
        model.loss(DIGITS[:4], generator=seeded()).backward()
        assert all(p.grad is None for p in model.slow.parameters())
        assert not model.latest.requires_grad
        assert not model.queue.requires_grad
        assert all(p.grad is not None for p in model.projector.parameters())

    def test_the_slow_weights_are_a_moving_average_of_their_own(self):
        model = MoCo(encoder(), n_queue=8, decay=0.9).begin(generator=seeded())
        before = copy.deepcopy(dict(model.slow.named_parameters()))
        model.loss(DIGITS[:4], generator=seeded())
        with torch.no_grad():
            for p in (*model.encoder.parameters(), *model.projector.parameters()):
                p.add_(1.0)
        model.update()
        for name, value in model.slow.named_parameters():
            torch.testing.assert_close(value, before[name] + 0.1)

    def test_the_two_views_are_different(self):
        """Otherwise the key would be the query, and everything told apart at once."""
        model = MoCo(encoder(), n_queue=8).begin(generator=seeded())
        query, key = model.two_views(DIGITS[:4], generator=seeded())
        assert (query != key).flatten(1).any(dim=1).all()

    def test_at_first_not_every_key_is_found(self):
        """A view that is its own key, or a batch that tells the pairs apart, would give 100 %."""
        model = MoCo(n_queue=256).begin(generator=seeded())
        model.loss(DIGITS[:256], generator=seeded(1))
        model.update()
        query, _ = model.two_views(DIGITS[:256], generator=seeded(2))
        z = functional.normalize(model.projector(model.encoder(query)), dim=1)
        found = (z @ model.queue.T).argmax(dim=1)
        assert (found == torch.arange(256)).double().mean() < 0.99


class TestBank:
    def test_only_the_rows_of_the_batch_are_renewed(self):
        model = MemoryBank(20, encoder(), memory=0.25).begin(generator=seeded())
        before, index = model.bank.clone(), torch.tensor([3, 11, 0])
        model.loss(DIGITS[:3], index, generator=seeded())
        new = model.latest[1]
        model.update()
        due = functional.normalize(0.25 * before[index] + 0.75 * new, dim=1)
        torch.testing.assert_close(model.bank[index], due)
        rest = torch.ones(20, dtype=torch.bool)
        rest[index] = False
        assert torch.equal(model.bank[rest], before[rest])

    def test_an_image_is_no_negative_of_itself(self):
        """If all rows but the own one point away, the loss is nearly 0."""
        model = MemoryBank(5, encoder(), n_negatives=50, temperature=0.05).begin(generator=seeded())
        index = torch.tensor([2])
        model.loss(DIGITS[:1], index, generator=seeded(1))
        z = model.latest[1][0]
        model.bank.copy_(-z.expand_as(model.bank))
        model.bank[2] = z
        assert model.loss(DIGITS[:1], index, generator=seeded(1)).item() < 1e-6
