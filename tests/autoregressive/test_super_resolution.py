"""Four piles of pixels against the contract, enumeration, and what the order promises."""

import itertools

import pytest
import torch

from companion import data
from companion.autoregressive.ancestral import dependence
from companion.autoregressive.super_resolution import SuperResolutionPixelCNN, phase_order
from tests.contracts import AutoregressiveContract, seeded


class TestSuperResolutionPixelCNN(AutoregressiveContract):
    def make(self):
        return SuperResolutionPixelCNN(n_channels=4, n_blocks=2, parallel=False)

    def tiny(self):
        return SuperResolutionPixelCNN((2, 2), 4, n_channels=3, n_blocks=1, parallel=False)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestParallel(TestSuperResolutionPixelCNN):
    """Pixels of one phase do not see each other; the low resolution is as it was."""

    def make(self):
        return SuperResolutionPixelCNN(n_channels=4, n_blocks=2)

    def tiny(self):
        return SuperResolutionPixelCNN((2, 2), 4, n_channels=3, n_blocks=1)

    def sees_enough(self, noticed, rank):
        """Each pixel sees all of the earlier phases, and in the first phase those before it."""
        order = rank.argsort()
        noticed = noticed[order][:, order]
        expected = torch.ones(64, 64).triu(1).bool()
        for phase in range(16, 64, 16):
            expected[phase : phase + 16, phase : phase + 16] = False
        return torch.equal(noticed, expected)


def test_the_order_is_phase_by_phase():
    """Figure of the chapter: the subsampled image first, then its diagonal neighbours."""
    rank = phase_order((4, 4)).argsort().view(4, 4)
    assert rank.tolist() == [[0, 8, 1, 9], [12, 4, 13, 5], [2, 10, 3, 11], [14, 6, 15, 7]]


def test_every_pixel_sees_all_pixels_before_it():
    """No blind spot: the dependence matrix is full below its diagonal, in the model's order."""
    contract = TestSuperResolutionPixelCNN()
    model = contract.awake()
    reacts = dependence(model, contract.batch()[:1])[model.order][:, model.order] > 0
    assert torch.equal(reacts, torch.ones(64, 64).tril(-1).bool())


def test_upsampling_is_drawn_from_the_conditional():
    """p(3 pixels | 1 pixel) of a 2x2 image by enumeration; the low resolution is kept."""
    model = TestSuperResolutionPixelCNN().tiny_model()
    rest = torch.tensor(list(itertools.product(range(4), repeat=3)))
    events = torch.cat([torch.full((64, 1), 2), rest], dim=1).view(64, 1, 2, 2)
    with torch.no_grad():
        expected = model.log_prob(events).softmax(dim=0)
    n = 5000
    drawn = model.upsample(torch.full((n, 1, 1, 1), 2), generator=seeded())
    assert torch.equal(model.downsample(drawn), torch.full((n, 1, 1, 1), 2))
    index = drawn.flatten(1)[:, 1:] @ torch.tensor([16, 4, 1])
    counts = torch.bincount(index, minlength=64) / n
    assert (counts - expected).abs().max() < 5 * (0.25 / n) ** 0.5


def test_the_hierarchy_is_exact():
    """log p(x) = log p(low) + log p(high | low): low sums to 1 by itself, and so does the rest."""
    model = TestSuperResolutionPixelCNN().tiny_model()
    events = TestSuperResolutionPixelCNN().every_event(model)
    with torch.no_grad():
        joint = model.log_prob(events)
        low = model.log_prob_low(model.downsample(events))
    for level in range(4):
        here = events[:, 0, 0, 0] == level
        assert joint[here].logsumexp(0).item() == pytest.approx(low[here][0].item(), abs=1e-9)


def test_down_and_up():
    model, images = TestSuperResolutionPixelCNN().model().eval(), data.digits().x_test[:3]
    low = model.downsample(torch.from_numpy(images))
    assert torch.equal(low, torch.from_numpy(images[:, :, ::2, ::2]).long())
    high = model.upsample(low, generator=seeded())
    assert high.shape == (3, 1, 8, 8)
    assert torch.equal(model.downsample(high), low)
    assert torch.equal(high, model.upsample(low, generator=seeded()))


def test_groups_are_phases_only_where_these_are_independent():
    with torch.random.fork_rng(devices=[]):
        models = [SuperResolutionPixelCNN(n_channels=4, parallel=p) for p in (True, False)]
    sizes = [[len(group) for group in model.groups()] for model in models]
    assert sizes == [16 * [1] + 3 * [16], 64 * [1]]
    for model in models:
        assert torch.equal(torch.cat(model.groups()), model.order)


def test_no_context_is_a_context_of_zeros():
    model = SuperResolutionPixelCNN(n_channels=4, n_blocks=1, n_context=3).eval()
    images = TestSuperResolutionPixelCNN().batch()
    with torch.no_grad():
        plain = model.log_prob(images)
        assert torch.equal(plain, model.log_prob(images, torch.zeros(8, 3)))
        assert not torch.equal(plain, model.log_prob(images, torch.ones(8, 3)))


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"shape=\(8, 7\)"):
        SuperResolutionPixelCNN((8, 7))
    model = TestSuperResolutionPixelCNN().model()
    with pytest.raises(ValueError, match=r"low has shape \(2, 1, 8, 8\)"):
        model.upsample(torch.zeros(2, 1, 8, 8))
