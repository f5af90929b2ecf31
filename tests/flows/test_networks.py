"""The networks inside the flows, and the masks that say who stays."""

import pytest
import torch

from companion.flows.networks import (
    ConvConditioner,
    DenseConditioner,
    checkerboard,
    conditioner,
    half_channels,
    half_mask,
)
from companion.layers import initialize
from tests.contracts import seeded


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("n_context", [0, 3])
def test_a_new_network_says_zero_and_a_changed_one_hears_everything(kind, n_context):
    network = conditioner((2, 3, 5), 4, kind=kind, n_hidden=6, n_context=n_context)
    initialize(network, generator=seeded())
    x = torch.randn(7, 2, 3, 5, generator=seeded())
    context = torch.randn(7, n_context, generator=seeded()) if n_context else None
    assert network(x, context).shape == (7, 4, 2, 3, 5)
    assert not network(x, context).any()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5)
    before = network(x, context)
    assert (network(x + 1, context) != before).any()
    if n_context:
        assert (network(x, context + 1) != before).any()
        assert torch.equal(network(x), network(x, torch.zeros(7, n_context)))


@pytest.mark.parametrize("make", [DenseConditioner, ConvConditioner])
def test_dropout_is_for_training_and_comes_from_the_generator(make):
    network = make((1, 4, 4), 2, n_hidden=8, rate=0.5)
    with torch.no_grad():
        network.last.weight.add_(0.3)
    x = torch.randn(5, 1, 4, 4, generator=seeded())
    first = network(x, generator=seeded(1))
    assert torch.equal(first, network(x, generator=seeded(1)))
    assert not torch.equal(first, network(x, generator=seeded(2)))
    network.eval()
    assert torch.equal(network(x, generator=seeded(1)), network(x))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_two_masks_share_the_entries(n):
    assert (half_mask(n) ^ half_mask(n, 1)).all()
    for mask in (checkerboard, half_channels):
        one, other = mask((n, 3, 5)), mask((n, 3, 5), 1)
        assert one.shape == (n, 3, 5)
        assert (one ^ other).all()


def test_a_chess_board():
    assert checkerboard((1, 2, 3)).int().tolist() == [[[1, 0, 1], [0, 1, 0]]]
    assert half_channels((3, 1, 1)).flatten().tolist() == [True, False, False]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind='circular'"):
        conditioner((1, 4, 4), 2, kind="circular")


def test_of_entries_that_stay_it_says_zero():
    stays = checkerboard((2, 3, 3))
    network = DenseConditioner((2, 3, 3), 4, stays, n_hidden=6)
    with torch.no_grad():
        network.last.weight.add_(1.0)
    said = network(torch.randn(5, 2, 3, 3, generator=seeded()))
    assert not said[:, :, stays].any()
    assert (said[:, :, ~stays] != 0).all()
