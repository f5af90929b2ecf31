"""MADE against networks written pixel by pixel, and its masks against the paths through them."""

import itertools
from functools import reduce

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from companion import data
from companion.autoregressive.made import MADE, made_masks
from companion.layers import initialize
from tests.contracts import AutoregressiveContract, seeded

ORDER = torch.tensor([2, 0, 3, 1])


class TestMADE(AutoregressiveContract):
    def make(self):
        return MADE(n_hidden=64, n_layers=2, n_context=0)

    def tiny(self):
        return MADE((1, 2, 2), 3, n_hidden=12, n_layers=2, n_context=0, order=ORDER)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestMADEInAnotherOrder(TestMADE):
    def make(self):
        order = torch.randperm(64, generator=seeded(1))
        return MADE(n_hidden=64, n_context=0, order=order)


degrees = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@given(st.permutations(range(6)), st.lists(degrees, min_size=1, max_size=3))
def test_no_path_leads_from_an_entry_to_itself_or_to_an_earlier_one(order, hidden):
    """The product of the masks counts paths, whatever the degrees of the hidden layers are."""
    rank = torch.tensor(order).argsort()
    masks = made_masks(rank + 1, *map(torch.tensor, hidden), rank)
    assert [m.shape for m in masks] == [
        (b, a) for a, b in itertools.pairwise([6, *map(len, hidden), 6])
    ]
    paths = reduce(lambda total, mask: mask.long() @ total, masks, torch.eye(6, dtype=torch.long))
    assert not paths[rank[:, None] <= rank[None]].any()


def test_every_earlier_entry_has_a_path():
    """With the model's own degrees nothing is cut that need not be."""
    rank = ORDER.argsort()
    model = MADE((4,), 3, n_hidden=8, n_layers=3, order=ORDER)
    paths = reduce(lambda total, layer: layer.mask @ total, model.layers, torch.eye(4 * 3))
    paths = paths.view(4, 3, 4, 3).sum(dim=(1, 3)) > 0
    assert torch.equal(paths, rank[:, None] > rank[None])


def test_it_equals_one_small_network_for_each_entry():
    """Entry i has a plain network that is given earlier entries only, cut out of the weights."""
    model = TestMADE().tiny_model()
    x = torch.randint(3, (5, 1, 2, 2), generator=seeded(2))
    inputs = model.embed(x).flatten(1, -2)  # (B, 4, 3)
    rank = ORDER.argsort()
    hidden_degrees = torch.arange(12) * 4 // 12
    logs = torch.zeros(5, dtype=torch.float64)
    for entry in range(4):
        earlier = (rank < rank[entry]).nonzero()[:, 0]
        units = (hidden_degrees <= rank[entry]).nonzero()[:, 0]
        for_each_unit = []
        for unit in units:
            seen = [e for e in earlier if rank[e] < hidden_degrees[unit]]
            total = model.layers[0].bias[unit].expand(5)
            for e in seen:
                weights = model.layers[0].weight[unit, 3 * e : 3 * e + 3]
                total = total + inputs[:, e] @ weights
            for_each_unit.append(total)
        first = functional.silu(torch.stack(for_each_unit, dim=1))
        for_each_unit = []
        for unit in units:
            seen = hidden_degrees[units] <= hidden_degrees[unit]
            weights = model.layers[1].weight[unit, units[seen]]
            for_each_unit.append(first[:, seen] @ weights + model.layers[1].bias[unit])
        second = functional.silu(torch.stack(for_each_unit, dim=1))
        rows = slice(3 * entry, 3 * entry + 3)
        logits = second @ model.layers[2].weight[rows][:, units].T + model.layers[2].bias[rows]
        target = x.flatten(1)[:, entry]
        logs = logs - functional.cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(model.log_prob(x), logs)


def test_without_hidden_layers_it_is_logistic_regression_on_the_past():
    model = initialize(MADE((3,), 2, n_layers=0, n_context=0), generator=seeded())
    logits = model.logits(torch.tensor([[1, 0, 1]]))[0]
    assert torch.equal(logits[0], model.layers[0].bias[:2])
    assert len(model.layers) == 1


def test_context_reaches_every_entry_and_none_means_zeros():
    model = TestMADE().tiny_model()
    told = MADE((1, 2, 2), 3, n_hidden=12, n_layers=2, n_context=2).double().eval()
    told.load_state_dict(model.state_dict(), strict=False)
    x = torch.zeros(1, 1, 2, 2, dtype=torch.int64)
    context = torch.zeros(1, 2, dtype=torch.float64)
    assert torch.equal(told.logits(x), told.logits(x, context))
    changed = (told.logits(x, context + 1) != told.logits(x)).any(dim=-1)
    assert changed.all()
    assert told.sample(1, context, generator=seeded()).shape == (1, 1, 2, 2)


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 1, 2], [1, 2, 3, 4]])
def test_an_order_that_is_no_permutation_is_refused(order):
    with pytest.raises(ValueError, match=r"order=\[.*randperm"):
        MADE((4,), 2, order=torch.tensor(order))
