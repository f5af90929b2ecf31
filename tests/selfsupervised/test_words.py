"""Skip-gram and the masked language model: losses by hand, rates, and the best scores."""

import math

import pytest
import torch
from torch.nn import functional

from companion.layers import initialize
from companion.selfsupervised.vocabulary import pair_counts, pointwise_mutual_information
from companion.selfsupervised.words import (
    MaskedLanguageModel,
    SkipGram,
    mask_tokens,
    negative_sampling_loss,
)
from tests.contracts import DeepContract, seeded

LOG2 = math.log(2)


def random_pairs(n=64, n_words=7, seed=0):
    return torch.randint(n_words, (n, 2), generator=seeded(seed))


def test_the_loss_is_that_of_the_definition():
    """`eq-words-loss`: one pair of score 0 and five strangers cost six coins."""
    loss = negative_sampling_loss
    assert loss(torch.zeros(1), torch.zeros(1, 5)).item() == pytest.approx(6 * LOG2)
    assert loss(torch.zeros(1), torch.tensor([[3.0, -3.0]])) > 2.5 * LOG2, "a sum of logarithms"
    one, other = (loss(torch.zeros(1), torch.tensor([[s]])) for s in (3.0, -3.0))
    assert one > other
    for extreme in (-200.0, 200.0):
        there = torch.tensor([extreme], requires_grad=True)
        value = loss(there, -there[:, None])
        (slope,) = torch.autograd.grad(value.sum(), there)
        assert torch.isfinite(value).all()
        assert torch.isfinite(slope).all()
        assert value.item() == pytest.approx(max(0.0, -2 * extreme), abs=1e-6)


def test_it_is_cross_entropy_with_labels_one_and_zero():
    scores = 5 * torch.randn(9, 6, generator=seeded())
    labels = torch.zeros(9, 6)
    labels[:, 0] = 1
    right = functional.binary_cross_entropy_with_logits(scores, labels, reduction="none").sum(1)
    torch.testing.assert_close(negative_sampling_loss(scores[:, 0], scores[:, 1:]), right)


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_strangers_are_drawn_by_a_power_of_their_counts(power):
    counts = torch.tensor([1, 0, 16, 3])
    model = SkipGram(counts, n_dims=2, power=power)
    drawn = model.draw((200, 200), generator=seeded())
    assert drawn.shape == (200, 200)
    weights = torch.where(counts > 0, counts.double() ** power, 0) if power else torch.ones(4)
    shares = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    expected = (weights / weights.sum()).to(shares)
    torch.testing.assert_close(shares, expected, atol=0.01, rtol=0)
    assert ((shares > 0) == (expected > 0)).all()


def test_scores_are_inner_products_of_words_with_neighbours():
    model = initialize(SkipGram(torch.ones(7), n_dims=3), generator=seeded())
    table = model.words.weight @ model.neighbours.weight.T
    words, drawn = torch.tensor([0, 6]), torch.tensor([[1, 2, 6], [0, 0, 3]])
    torch.testing.assert_close(model.scores(words, drawn), table[words[:, None], drawn])
    torch.testing.assert_close(model.scores(words, drawn[:, 0]), table[words, drawn[:, 0]])
    assert not torch.allclose(table, table.T), "a word and a neighbour are two vectors"


def test_the_loss_of_a_batch_is_the_mean_over_pairs_with_their_own_strangers():
    model = initialize(SkipGram(torch.arange(1, 8), n_dims=3, n_negatives=4), generator=seeded())
    pairs = random_pairs(5)
    drawn = model.draw((5, 4), generator=seeded(3))
    table = (model.words.weight @ model.neighbours.weight.T).double()
    loop = [
        -functional.logsigmoid(table[w, c]) - functional.logsigmoid(-table[w, some]).sum()
        for (w, c), some in zip(pairs.tolist(), drawn, strict=True)
    ]
    found = model.loss(pairs, generator=seeded(3))
    assert found.item() == pytest.approx(torch.stack(loop).mean().item(), rel=1e-5)


@pytest.mark.parametrize("k", [1, 5])
def test_at_the_optimum_a_score_is_the_mutual_information_less_log_k(k):
    """`eq-words-optimum`: with as many dimensions as words the loss's minimum is known.

    The expectation over the draws is taken exactly; what is drawn may be a true neighbour.
    """
    counts = pair_counts(random_pairs(4000, 5), 5)
    counts = counts + counts.T
    expected = k * counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    model = initialize(
        SkipGram(counts.sum(0), n_dims=5, n_negatives=k), generator=seeded()
    ).double()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-12
    )

    def closure():
        optimizer.zero_grad()
        s = model.words.weight @ model.neighbours.weight.T
        loss = (counts * functional.softplus(-s) + expected * functional.softplus(s)).mean()
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    found = (model.words.weight @ model.neighbours.weight.T).detach()
    right = pointwise_mutual_information(counts) - math.log(k)
    torch.testing.assert_close(found, right, atol=1e-3, rtol=0)


def test_what_skip_gram_is_not_given_is_refused():
    with pytest.raises(ValueError, match="counts must be finite"):
        SkipGram(torch.zeros(3))
    with pytest.raises(ValueError, match="n_negatives=0"):
        SkipGram(torch.ones(3), n_negatives=0)
    with pytest.raises(ValueError, match="power=-1"):
        SkipGram(torch.ones(3), power=-1)
    with pytest.raises(ValueError, match="pairs has values"):
        SkipGram(torch.ones(3)).loss(torch.tensor([[0, 3]]))


class TestSkipGram(DeepContract):
    def make(self):
        return SkipGram(torch.arange(1, 8), n_dims=4, n_negatives=3)

    def batch(self):
        return random_pairs()


def test_of_a_hundred_words_fifteen_are_selected_and_twelve_hidden():
    """80/10/10; what is not selected stays, and what is no word is never selected."""
    n_words, mask = 50, 52
    x = torch.randint(52, (400, 500), generator=seeded())
    seen, selected = mask_tokens(x, n_words, mask, generator=seeded(1))
    words = x < n_words
    assert not (selected & ~words).any()
    assert torch.equal(seen[~selected], x[~selected])
    share = selected.sum() / words.sum()
    assert share.item() == pytest.approx(0.15, abs=0.005)
    hidden, kept = seen[selected] == mask, seen[selected] == x[selected]
    assert hidden.double().mean().item() == pytest.approx(0.8, abs=0.01)
    # A random word is the same one in one of 50 cases.
    assert kept.double().mean().item() == pytest.approx(0.1 + 0.1 / n_words, abs=0.01)
    drawn = seen[selected][~hidden & ~kept]
    assert drawn.max() < n_words
    assert torch.bincount(drawn, minlength=n_words).min() > 0


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_the_shares_can_be_all_or_nothing(shares):
    x = torch.randint(40, (50, 50), generator=seeded())
    seen, selected = mask_tokens(x, 40, 42, rate=0.5, shares=shares, generator=seeded(1))
    assert 0.4 < selected.double().mean() < 0.6
    hidden, random = shares
    assert ((seen == 42) == (selected & bool(hidden))).all()
    if random:
        assert (seen != x)[selected].double().mean() > 0.9
    assert torch.equal(mask_tokens(x, 40, 42, rate=0.0)[0], x)
    with pytest.raises(ValueError, match=r"sum\(shares\)"):
        mask_tokens(x, 40, 42, shares=(0.8, 0.3))


def small(**settings):
    told = {"n_units": 8, "n_heads": 2, "max_length": 6, "dropout": 0.0} | settings
    return initialize(MaskedLanguageModel(torch.arange(1, 10), **told), generator=seeded())


def test_only_the_selected_words_are_scored_and_each_can_be():
    """`eq-words-masked`: PyTorch's cross-entropy over the selected, word 0 no exception."""
    model = small(rate=0.5).eval()
    x = torch.randint(12, (20, 6), generator=seeded())
    seen, selected = mask_tokens(x, 9, 11, rate=0.5, generator=seeded(4))
    logits = model.guess(model.encode(seen))
    right = functional.cross_entropy(logits[selected], x[selected])
    torch.testing.assert_close(model.loss(x, generator=seeded(4)), right)
    zeros = torch.zeros(20, 6, dtype=torch.int64)
    assert model.loss(zeros, generator=seeded()) > 0.5, "the most frequent word counts too"


def test_a_text_without_words_costs_nothing():
    loss = small().loss(torch.full((2, 6), 9), generator=seeded())
    loss.backward()
    assert loss.item() == 0


def test_guesses_begin_with_the_frequencies():
    model = small()
    nothing = torch.zeros(1, 8)
    expected = torch.arange(1, 10) / 45
    torch.testing.assert_close(model.guess(nothing)[0].softmax(0), expected)


@pytest.mark.parametrize("causal", [False, True])
def test_a_place_looks_both_ways_unless_it_is_told_not_to(causal):
    model = small(causal=causal, n_layers=2).double().eval()
    x = torch.randn(1, 6, 8, dtype=torch.float64, generator=seeded())

    def body(x):
        for block in model.blocks:
            x, _ = block(x)
        return x

    for place in range(6):
        moved = x.clone()
        moved[0, place] += torch.randn(8, dtype=torch.float64, generator=seeded(9))
        changed = ((body(moved) - body(x)).abs().amax(dim=2)[0] > 1e-9).tolist()
        assert changed == [not causal or other >= place for other in range(6)]


def test_it_can_begin_with_vectors():
    model = small()
    vectors = torch.randn(9, 8, generator=seeded()) * 7
    before = model.word.weight.std().item()
    assert model.begin_with(vectors) is model
    assert model.word.weight[:9].std().item() == pytest.approx(8**-0.5, rel=1e-5)
    assert model.word.weight.std().item() == pytest.approx(before, rel=0.4)
    cosines = functional.cosine_similarity(model.word.weight[:9], vectors)
    torch.testing.assert_close(cosines, torch.ones(9))
    with pytest.raises(ValueError, match=r"vectors has shape \(9, 4\)"):
        model.begin_with(torch.zeros(9, 4))


def test_what_the_model_is_not_made_for_is_refused():
    with pytest.raises(ValueError, match="max_length=6 is less than 7"):
        small().encode(torch.zeros(1, 7, dtype=torch.int64))
    with pytest.raises(ValueError, match="seen has values"):
        small().encode(torch.full((1, 6), 12))


class TestMaskedLanguageModel(DeepContract):
    def make(self):
        return MaskedLanguageModel(
            torch.arange(1, 10), n_units=8, n_heads=2, max_length=6, rate=0.5
        )

    def batch(self):
        return torch.randint(12, (40, 6), generator=seeded(3))


class TestLeftward(TestMaskedLanguageModel):
    def make(self):
        told = {"n_units": 8, "n_heads": 2, "max_length": 6, "rate": 0.5, "causal": True}
        return MaskedLanguageModel(torch.arange(1, 10), **told)
