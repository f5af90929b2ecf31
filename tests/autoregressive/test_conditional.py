"""Models that are told something, against a training without it, and by enumeration."""

import itertools

import pytest
import torch

from companion import data
from companion.autoregressive.conditional import (
    Told,
    class_log_prob,
    fit_told,
    marginal_log_prob,
)
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.layers import initialize
from companion.train import fit_images
from tests.contracts import DeepContract, seeded


def small(n_context, shape=(8, 8), n_levels=17):
    with torch.random.fork_rng(devices=[]):
        model = PixelCNNPlusPlus(shape, n_levels, n_channels=6, n_layers=2, n_context=n_context)
    return initialize(model, generator=seeded())


def images(n=40):
    return torch.from_numpy(data.digits().x_train[:n])


def labels(n=40):
    return torch.nn.functional.one_hot(torch.from_numpy(data.digits().y_train[:n]), 10).float()


def test_told_nothing_it_is_trained_as_without():
    """A context of zeros: the same batches, the same dropout, the same weights."""
    settings = {"batch_size": 8, "learning_rate": 1e-2}
    expected, losses = fit_images(small(0), images(), 6, generator=seeded(1), **settings)
    blind = small(10)
    for name, weight in small(0).named_parameters():  # the same start
        blind.get_parameter(name).data.copy_(weight.data)
    told, history = fit_told(
        blind, images(), torch.zeros(40, 10), 6, generator=seeded(1), **settings
    )
    assert [h["loss"] for h in history] == pytest.approx([h["loss"] for h in losses], rel=1e-5)
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(told.get_parameter(name), weight, atol=1e-5, rtol=1e-4)
    assert not told.training


def test_images_and_what_they_are_told_stay_together():
    model = small(10).eval()
    pairs = Told(model, images(), labels())
    rows = torch.tensor([7, 0, 31])
    expected = -model.log_prob(images()[rows], labels()[rows]).mean()
    torch.testing.assert_close(pairs.loss(rows), expected)


def test_the_right_label_helps_more_than_another():
    """After a short training."""
    state = torch.get_rng_state()
    model, history = fit_told(
        small(10), images(400), labels(400), 60, generator=seeded(1), learning_rate=1e-2
    )
    assert torch.equal(state, torch.get_rng_state())
    assert history[-1]["loss"] < history[0]["loss"]
    logs = class_log_prob(model, images(400), 10)
    right = (logs * labels(400)).sum(1)
    wrong = ((logs.sum(1)) - right) / 9
    assert right.mean() > wrong.mean() + 0.1


def test_every_class_is_a_distribution_and_so_is_their_mixture():
    """By enumeration of all binary images of 2x2 pixels."""
    model = small(3, (2, 2), 2).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=seeded(2)).double())
    x = torch.tensor(list(itertools.product(range(2), repeat=4))).view(16, 1, 2, 2)
    logs = class_log_prob(model, x, 3)
    assert logs.shape == (16, 3)
    torch.testing.assert_close(logs.exp().sum(0), torch.ones(3).double())
    torch.testing.assert_close(
        logs[:, 1], model.log_prob(x, torch.eye(3)[1].expand(16, 3).double())
    )
    torch.testing.assert_close(marginal_log_prob(logs).exp(), logs.exp().mean(1))
    assert (logs.diff(dim=1).abs() > 1e-3).any()


def test_one_context_for_each_image():
    with pytest.raises(ValueError, match="context has 39 rows but images has 40"):
        fit_told(small(10), images(), labels()[1:], 2, generator=seeded())


class TestTold(DeepContract):
    """The model with its images: a batch is their numbers."""

    def make(self):
        return Told(small(10), images(8), labels(8))

    def batch(self):
        return torch.arange(8)
