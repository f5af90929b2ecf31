"""The chain rule against tables that can be enumerated, and contracts that can fail."""

import itertools

import pytest
import torch
from torch import nn

from companion.autoregressive.ancestral import Autoregressive, dependence, embed_grey
from tests.contracts import AutoregressiveContract, seeded

LEVEL_SHIFT = torch.tensor([0.0, 1.0, 2.0])  # the first entry, which sees nothing, is not uniform


class Table(Autoregressive):
    """A full table of logits for each entry given those before it, in any order."""

    def __init__(self, n_entries=4, n_levels=3, order=None):
        super().__init__((n_entries,), n_levels, order=order)
        self.weights = nn.Parameter(torch.zeros(n_entries, n_levels, n_entries * n_levels))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.normal_(self.weights)

    def conditionals(self, inputs, context=None, *, generator=None):
        n_entries = self.event_shape[0]
        order = torch.arange(n_entries) if self.order is None else self.order
        rank = order.argsort()
        sees = (rank[:, None] > rank[None, :]).to(inputs).repeat_interleave(self.n_levels, dim=1)
        return (
            torch.einsum("eli,bi->bel", self.weights * sees[:, None], inputs.flatten(1))
            .add(LEVEL_SHIFT.to(inputs))
            .cos()
        )


class TestTable(AutoregressiveContract):
    def make(self):
        return Table(order=torch.tensor([2, 0, 3, 1]))

    tiny = make

    def batch(self):
        return torch.randint(3, (8, 4), generator=seeded(0))


class Peeking(Table):
    """The same, but every entry sees itself."""

    def conditionals(self, inputs, context=None, *, generator=None):
        return super().conditionals(inputs) + inputs.view(len(inputs), *self.event_shape, -1)


class Blind(Table):
    """No entry sees anything."""

    def conditionals(self, inputs, context=None, *, generator=None):
        return super().conditionals(0 * inputs)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Peeking, "test_no_gradient_flows_from_an_entry_to_itself_or_to_an_earlier_one"),
        (Peeking, "test_no_conditional_notices_a_change_of_itself_or_of_what_comes_later"),
        (Peeking, "test_probabilities_sum_to_one_by_enumeration"),
        (Blind, "test_no_gradient_flows_from_an_entry_to_itself_or_to_an_earlier_one"),
    ],
)
def test_the_contract_sees_a_model_that_peeks_and_one_that_is_blind(model, name):
    contract = TestTable()
    contract.make = contract.tiny = model
    with pytest.raises(AssertionError):
        getattr(contract, name)()


def test_completion_is_exact_when_the_known_entries_come_first():
    """p(x3, x4 | x1, x2) by enumeration."""
    model = TestTable().tiny_model()
    model.order = None
    start = torch.tensor([2, 1, 0, 0])
    rest = torch.tensor(list(itertools.product(range(3), repeat=2)))
    events = torch.cat([start[:2].expand(9, 2), rest], dim=1)
    with torch.no_grad():
        expected = model.log_prob(events).softmax(dim=0)
    known = torch.tensor([True, True, False, False])
    n = 4000
    drawn = model.complete(start.expand(n, 4), known, generator=seeded())
    assert (drawn[:, :2] == start[:2]).all()
    counts = torch.bincount(drawn[:, 2] * 3 + drawn[:, 3], minlength=9) / n
    assert (counts - expected).abs().max() < 5 * (0.25 / n) ** 0.5
    assert start.tolist() == [2, 1, 0, 0]  # the caller's data are not changed


def test_what_is_unknown_is_not_looked_at():
    """Whatever stands under the mask, the draws are the same."""
    model = TestTable().tiny_model()
    known = torch.tensor([True, False, True, False])
    a, b = torch.tensor([[2, 0, 1, 0]]), torch.tensor([[2, 2, 1, 1]])
    draws = [model.complete(x, known, generator=seeded(3)) for x in (a, b)]
    assert torch.equal(*draws)


def test_low_temperature_takes_the_likeliest_entry():
    model = TestTable().tiny_model()
    model.order = None
    greedy = model.sample(50, temperature=1e-3, generator=seeded())
    assert (greedy == greedy[0]).all()
    first = model.logits(torch.zeros(1, 4, dtype=torch.int64))[0, 0].argmax()
    assert greedy[0, 0] == first


def test_any_length_asks_for_one():
    model = Table()
    model.event_shape = (None,)
    with pytest.raises(ValueError, match="length=None"):
        model.sample(1)


def test_dependence_is_the_jacobian_of_a_linear_model():
    class Linear(Table):
        def conditionals(self, inputs, context=None, *, generator=None):
            return torch.einsum("eli,bi->bel", self.weights, inputs.flatten(1))

    model = TestTable().tiny_model()
    linear = Linear().double()
    linear.weights = model.weights
    weights = torch.linspace(1, 2, 3, dtype=torch.float64) ** 2
    expected = torch.einsum("eli,l->ei", model.weights, weights).abs().view(4, 4, 3).sum(2)
    torch.testing.assert_close(dependence(linear, torch.zeros(1, 4)), expected.detach())


def test_grey_levels_as_three_numbers():
    expected = [[-1, 1, 0], [-0.5, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0, 1]]
    assert embed_grey(torch.arange(5), 5).tolist() == expected
