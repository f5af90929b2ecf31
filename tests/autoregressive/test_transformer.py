"""Attention against PyTorch's, and the transformer against the contract and its own parts."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from companion import data
from companion.autoregressive.ancestral import Autoregressive
from companion.autoregressive.transformer import (
    Block,
    CausalTransformer,
    attention,
    attention_weights,
)
from companion.layers import initialize
from tests.contracts import AutoregressiveContract, seeded

SMALL = {"n_units": 16, "n_heads": 2, "n_layers": 2, "n_context": 0}


class TestCausalTransformer(AutoregressiveContract):
    def make(self):
        return CausalTransformer(**SMALL)

    def tiny(self):
        return CausalTransformer((1, 2, 2), 3, **SMALL)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestTransformerOfText(AutoregressiveContract):
    def make(self):
        return CausalTransformer((None,), 5, max_length=12, **SMALL)

    tiny = make

    def batch(self):
        return torch.randint(5, (4, 12), generator=seeded(0))

    sample_options = {"length": 12}  # noqa: RUF012


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


@given(sizes=st.tuples(*[st.integers(1, 6)] * 4), masked=st.booleans(), seed=st.integers(0, 2**31))
def test_attention_is_that_of_pytorch(sizes, masked, seed):
    n_queries, n_keys, d, d_v = sizes
    q, k, v = normal(2, 3, n_queries, d, seed=seed), normal(3, n_keys, d), normal(3, n_keys, d_v)
    mask = None
    if masked:
        mask = normal(2, 1, n_queries, n_keys, seed=seed + 1) > 0
        mask[..., 0] = True  # every query may look somewhere
    expected = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(attention(q, k, v, mask), expected)


def test_attention_to_equal_keys_is_the_mean_of_the_values():
    """A closed form, and a query that may look nowhere."""
    v = torch.arange(6.0).view(3, 2)
    mask = torch.tensor([[True, True, True], [True, False, True], [False, False, False]])
    seen = attention(torch.ones(3, 4), torch.ones(3, 4), v, mask)
    torch.testing.assert_close(seen, torch.tensor([[2.0, 3.0], [2.0, 3.0], [0.0, 0.0]]))


def test_a_query_that_may_look_nowhere_has_finite_gradients():
    q = normal(2, 3).requires_grad_()
    mask = torch.tensor([[True, False], [False, False]])
    attention(q, normal(2, 3, seed=1), normal(2, 3, seed=2), mask).sum().backward()
    assert torch.isfinite(q.grad).all()
    assert (q.grad[1] == 0).all()


def test_the_root_of_d_keeps_scores_near_one():
    """The logarithms of the weights vary as much for 512 features as for 8."""
    for d in (8, 512):
        weights = attention_weights(normal(400, d), normal(400, d, seed=1))
        assert weights.log().std(dim=1).mean().item() == pytest.approx(1, abs=0.1)
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(400, dtype=torch.float64))


def test_a_block_equals_a_loop_over_heads_and_places():
    """Equation by equation, without a mask: each place attends to a list that ends with itself."""
    block = initialize(Block(6, 2), generator=seeded()).double()
    x = normal(1, 4, 6)
    out, _ = block(x)
    norm = functional.layer_norm(x[0], (6,))
    q, k, v = (norm @ w.T for w in block.queries_keys_values.weight.chunk(3))
    for t in range(4):
        heads = []
        for columns in (slice(0, 3), slice(3, 6)):
            scores = torch.stack([q[t, columns] @ k[s, columns] for s in range(t + 1)])
            weights = torch.softmax(scores / math.sqrt(3), dim=0)
            heads.append(sum(w * v[s, columns] for s, w in enumerate(weights)))
        middle = x[0, t] + block.merge.weight @ torch.cat(heads)
        hidden = functional.gelu(block.widen(functional.layer_norm(middle, (6,))))
        torch.testing.assert_close(out[0, t], middle + block.narrow(hidden))


def test_the_past_saves_work_and_changes_nothing():
    block = initialize(Block(6, 2), generator=seeded()).double()
    x = normal(3, 5, 6)
    whole, _ = block(x)
    first, past = block(x[:, :2])
    rest, past = block(x[:, 2:], past)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)
    assert past[0].shape == (3, 2, 5, 3)


def test_kept_keys_and_values_give_the_samples_of_the_naive_loop():
    model = TestCausalTransformer().awake()
    x = TestCausalTransformer().batch()[:3]
    known = (torch.arange(64) % 7 < 2).view(1, 8, 8)
    fast = model.complete(x, known, temperature=0.9, generator=seeded(1))
    naive = Autoregressive.complete(model, x, known, temperature=0.9, generator=seeded(1))
    assert torch.equal(fast, naive)
    told = CausalTransformer((None,), 3, **SMALL | {"n_context": 2})
    told = initialize(told, generator=seeded()).double().eval()
    context = normal(5, 2, seed=3)
    fast = told.sample(5, context, length=6, generator=seeded(1))
    known = torch.zeros(6, dtype=torch.bool)
    x = torch.zeros(5, 6)
    assert torch.equal(fast, Autoregressive.complete(told, x, known, context, generator=seeded(1)))


def test_a_place_knows_its_row_and_column():
    model = CausalTransformer((1, 3, 4), 2, **SMALL)
    places = model.places((1, 3, 4)).view(3, 4, -1)
    channel, row, column = (table.weight for table in model.positions)
    torch.testing.assert_close(places[2, 1], channel[0] + row[2] + column[1])


def test_context_reaches_every_entry_and_none_means_zeros():
    model = CausalTransformer((1, 2, 2), 3, **SMALL | {"n_context": 2})
    model = initialize(model, generator=seeded()).eval()
    x, context = torch.zeros(1, 1, 2, 2).long(), torch.zeros(1, 2)
    assert torch.equal(model.logits(x), model.logits(x, context))
    assert (model.logits(x, context + 1) != model.logits(x)).any(dim=-1).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="n_units=10 must be a multiple of n_heads=4"):
        CausalTransformer(n_units=10)
    model = CausalTransformer((None,), 3, max_length=4, **SMALL)
    with pytest.raises(ValueError, match="max_length=4 is less than the 5 entries"):
        model.log_prob(torch.zeros(1, 5))
