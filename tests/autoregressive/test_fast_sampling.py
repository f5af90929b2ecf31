"""Samplers against the naive one, and against distributions that are enumerated."""

import itertools

import pytest
import torch

from companion.autoregressive.ancestral import Autoregressive
from companion.autoregressive.fast_sampling import (
    CachedLogits,
    PlainLogits,
    draw_from_marginals,
    sample_cached,
    sample_parallel,
    walk,
)
from companion.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.autoregressive.pixelsnail import PixelSNAIL
from companion.autoregressive.super_resolution import SuperResolutionPixelCNN
from companion.layers import initialize
from tests.contracts import seeded


def made(model):
    """Weights from a seed, far from zero, and all of them in use."""
    model, generator = initialize(model, generator=seeded()).eval(), seeded(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def gated(shape=(4, 5), kind=GatedPixelCNN, **arguments):
    with torch.random.fork_rng(devices=[]):
        return made(kind(shape, n_channels=8, n_layers=2, **arguments))


@pytest.mark.parametrize("kind", [GatedPixelCNN, PixelCNNPlusPlus])
@pytest.mark.parametrize("seed", range(4))
def test_cached_samples_are_those_of_the_naive_sampler(seed, kind):
    """The same generator, the same integers."""
    model = gated(kind=kind)
    state = torch.get_rng_state()
    fast = sample_cached(model, 6, generator=seeded(seed))
    assert torch.equal(fast, model.sample(6, generator=seeded(seed)))
    assert torch.equal(state, torch.get_rng_state())
    assert fast.shape == (6, 1, 4, 5)
    assert fast.dtype == torch.int64


@pytest.mark.parametrize("shape", [(5, 3), (1, 4), (3, 1)])
def test_cached_logits_are_those_of_a_full_pass(shape):
    model = gated(shape=shape, n_levels=5, n_context=2)
    x = torch.randint(5, (7, 1, *shape), generator=seeded())
    context = torch.randn(7, 2, generator=seeded())
    cache = CachedLogits(model, 7, context)
    with torch.no_grad():
        expected = model.logits(x, context).flatten(1, -2)
    for place in range(x[0].numel()):
        got = cache.logits(place)
        torch.testing.assert_close(got, expected[:, place], atol=1e-5, rtol=0)
        assert torch.equal(got, cache.logits(place))  # asking twice changes nothing
        cache.set(place, x.flatten(1)[:, place])
    assert torch.equal(cache.x, x)


def test_context_and_temperature_reach_the_cached_sampler():
    model = gated(n_context=2)
    options = {"context": torch.randn(4, 2, generator=seeded()), "temperature": 0.5}
    fast = sample_cached(model, 4, **options, generator=seeded(3))
    assert torch.equal(fast, model.sample(4, **options, generator=seeded(3)))
    assert not torch.equal(fast, sample_cached(model, 4, generator=seeded(3)))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    options = {"temperature": temperature, "generator": seeded()}
    with pytest.raises(ValueError, match=f"temperature={temperature}"):
        sample_cached(gated(), 2, **options)
    with pytest.raises(ValueError, match=f"temperature={temperature}"):
        sample_parallel(gated(), 2, 3, **options)


@pytest.mark.parametrize("m", [0, 1, 7, 10, 20])
def test_with_a_start_the_cached_sampler_completes(m):
    """The draws of ``model.complete``: p(the rest | the first m pixels)."""
    model = gated(n_context=2)
    x = torch.randint(17, (4, 1, 4, 5), generator=seeded())
    context = torch.randn(4, 2, generator=seeded(1))
    known = torch.arange(20).view(1, 4, 5) < m
    expected = model.complete(x, known, context, generator=seeded(3))
    start = x.flatten(1)[:, :m].to(torch.uint8)
    assert torch.equal(sample_cached(model, 4, context, start=start, generator=seeded(3)), expected)


def test_a_start_of_another_shape_or_with_other_levels_is_refused():
    model = gated()
    for start, words in (
        (torch.zeros(3, 2, dtype=torch.int64), r"start has shape \(3, 2\) but must be \(4, m\)"),
        (torch.zeros(4, 21, dtype=torch.int64), "m at most 20"),
        (torch.zeros(4, dtype=torch.int64), "start has shape"),
        (torch.full((4, 2), 17), "levels"),
    ):
        with pytest.raises(ValueError, match=words):
            sample_cached(model, 4, start=start)


def test_a_decoder_can_repeat_what_an_encoder_did():
    """Given values instead of drawn ones; the logits are bit for bit the same the second time."""
    model = gated()
    x = torch.randint(17, (3, 20), generator=seeded())
    logits = []
    for _ in range(2):
        cache = CachedLogits(model, 3)
        for place in range(20):
            logits.append(cache.logits(place))
            cache.set(place, x[:, place])
    assert all(map(torch.equal, logits[:20], logits[20:]))


def test_out_of_turn_and_other_models_are_refused():
    cache = CachedLogits(gated(), 2)
    with pytest.raises(ValueError, match="place=3"):
        cache.logits(3)
    with pytest.raises(ValueError, match="place=1"):
        cache.set(1, torch.zeros(2, dtype=torch.int64))
    with torch.random.fork_rng(devices=[]):
        others = [PixelCNN(n_channels=4), PixelSNAIL(n_channels=4)]
    for other in others:
        with pytest.raises(ValueError, match=rf"model={type(other).__name__} .*model\.sample"):
            CachedLogits(other, 2)


@pytest.mark.parametrize("kind", [CachedLogits, PlainLogits])
def test_a_walk_may_be_told_without_being_asked(kind):
    """What is known need not be drawn: the pixels after it have the same logits."""
    model = gated()
    x = torch.randint(17, (3, 20), generator=seeded())
    asked, told = kind(model, 3), kind(model, 3)
    for place in range(19):
        asked.logits(place)
        for each in (asked, told):
            each.set(place, x[:, place])
    assert torch.equal(asked.logits(19), told.logits(19))


@pytest.mark.parametrize("start", [CachedLogits, PlainLogits])
@pytest.mark.parametrize("at", [0, 3, 5, 12])
def test_a_walk_taken_over_by_others_goes_on_as_theirs(start, at):
    """Copies, reordered and repeated, in the middle of a row and at its ends; the first is left."""
    model, images = gated(n_context=2), torch.tensor([2, 0, 0])
    x = torch.randint(17, (3, 20), generator=seeded())
    context = torch.randn(3, 2, generator=seeded(1))
    walks = [start(model, 3, context), start(model, 3, context[images])]
    for place in range(at):
        walks[0].set(place, x[:, place])
        walks[1].set(place, x[images, place])
    walks.append(walks[0].take(images))
    for place in range(at, 20):
        torch.testing.assert_close(walks[2].logits(place), walks[1].logits(place))
        for each in walks[1:]:
            each.set(place, x[images, place])
    assert torch.equal(walks[2].x.flatten(1), x[images])
    assert (walks[0].x.flatten(1)[:, at:] == 0).all()
    assert walks[0].logits(at).shape == (3, 17)


def test_the_walk_is_cached_where_it_can_be():
    with torch.random.fork_rng(devices=[]):
        assert isinstance(walk(PixelCNN(n_channels=4), 2), PlainLogits)
    assert isinstance(walk(gated(), 2), CachedLogits)


# Groups, independent given what came before.


class Table(Autoregressive):
    """A random table of logits for each entry given all those before it, in the order given."""

    def __init__(self, n_entries=4, n_levels=3, order=None, seed=0):
        super().__init__((n_entries,), n_levels, order=order)
        shape = n_entries, n_levels, n_entries * n_levels
        self.register_buffer("table", 2 * torch.randn(shape, generator=seeded(seed)).double())

    def embed(self, x):
        return super().embed(x).double()

    def conditionals(self, inputs, context=None, *, generator=None):
        n_entries = self.event_shape[0]
        order = torch.arange(n_entries) if self.order is None else self.order
        rank = order.argsort()
        sees = (rank[:, None] > rank[None]).double().repeat_interleave(self.n_levels, dim=1)
        return torch.einsum("eli,bi->bel", self.table * sees[:, None], inputs.flatten(1)).sin() * 3


def every_event(model):
    """All events of a table."""
    entries = itertools.product(range(model.n_levels), repeat=model.event_shape[0])
    return torch.tensor(list(entries))


def independent_given_the_past(model, groups):
    """The law that `sample_parallel` promises, by sums over all events.

    ``q(x) = prod p(x_j | past)``, the past being all groups before that of j.
    """
    events = every_event(model)
    p, past, q = model.log_prob(events).exp(), [], torch.ones(len(events)).double()
    for group in groups:
        for j in group:
            agrees = (events[:, None, past] == events[None, :, past]).all(dim=2)
            same = agrees & (events[:, None, j] == events[None, :, j])
            q *= (same.double() @ p) / (agrees.double() @ p)
        past = past + list(group)
    return events, p, q


def pearson(drawn, events, law):
    """Pearson's statistic of draws, in standard deviations above its mean."""
    index = (events[None] == drawn[:, None]).all(dim=2).double().argmax(1)
    counts = torch.bincount(index, minlength=len(events)).double()
    wanted = law * len(drawn)
    common = wanted >= 5
    observed = torch.cat([counts[common], counts[~common].sum()[None]])
    wanted = torch.cat([wanted[common], wanted[~common].sum()[None]]).clamp_min(1e-9)
    freedom = len(wanted) - 1
    statistic = ((observed - wanted) ** 2 / wanted).sum()
    return float((statistic - freedom) / (2 * freedom) ** 0.5)


def with_false_zeros(model, n, groups, seed):
    """What drawing a group in one pass gives: the others of the group look as if they were 0."""
    x = model.blank(n)
    for group in groups:
        logits = model.logits(x)
        for place in group:
            u = torch.rand(n, 1, generator=seeded(seed + place), dtype=torch.float64)
            x[:, place] = (u > logits[:, place].softmax(-1).cumsum(-1)).sum(1).clamp(max=2)
    return x


CUTS = {
    "pairs": (None, [[0, 1], [2, 3]]),
    "three and one": (None, [[0, 1, 2], [3]]),
    "all at once": (None, [[0, 1, 2, 3]]),
    "another order": (torch.tensor([2, 0, 3, 1]), [[2, 0], [3, 1]]),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_group_is_drawn_as_independent_given_the_past(name):
    """Section "Several pixels at once": the law, enumerated, and not that of the false zeros."""
    order, groups = CUTS[name]
    model = Table(order=order, seed=3)
    events, p, q = independent_given_the_past(model, groups)
    assert q.sum().item() == pytest.approx(1)
    drawn = sample_parallel(model, 6000, [torch.tensor(g) for g in groups], generator=seeded(1))
    assert pearson(drawn, events, q) < 5
    assert pearson(drawn, events, p) > 50  # the model itself is something else
    assert pearson(with_false_zeros(model, 6000, groups, seed=9), events, q) > 50


def test_the_second_of_a_pair_has_the_marginal_summed_over_the_first():
    """p(x2 | past) = sum_v p(x1 = v | past) p(x2 | past, x1 = v)."""
    model = Table(2, 3, seed=5)
    first = model.logits(torch.zeros(1, 2, dtype=torch.int64))[0, 0].softmax(-1)
    second = torch.stack([torch.arange(3), torch.zeros(3, dtype=torch.int64)], dim=1)
    marginal = first @ model.logits(second)[:, 1].softmax(-1)
    _, _, q = independent_given_the_past(model, [[0, 1]])
    torch.testing.assert_close(q.view(3, 3), first[:, None] * marginal[None])


@pytest.mark.parametrize("kind", [CachedLogits, PlainLogits])
def test_the_walk_stays_where_it_was_while_a_group_is_drawn(kind):
    model = gated()
    known = kind(model, 5)
    known.set(0, torch.arange(5))
    before = known.logits(1).clone()
    levels = draw_from_marginals(known, [1, 2, 3], lambda logits: logits.argmax(-1))
    assert [len(level) for level in levels] == [5, 5, 5]
    assert torch.equal(known.logits(1), before)
    assert (known.x.flatten(1)[:, 1:] == 0).all()


def test_with_and_without_a_cache_a_group_is_drawn_alike(monkeypatch):
    from companion.autoregressive import fast_sampling

    model = gated(n_context=2)
    options = {"context": torch.randn(4, 2, generator=seeded()), "temperature": 0.7}
    fast = sample_parallel(model, 4, 3, **options, generator=seeded(3))
    monkeypatch.setattr(fast_sampling, "walk", PlainLogits)
    assert torch.equal(fast, sample_parallel(model, 4, 3, **options, generator=seeded(3)))


@pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])
def test_groups_of_one_pixel_are_the_naive_sampler(kind):
    model = gated(kind=kind)
    drawn = sample_parallel(model, 3, 1, generator=seeded(2))
    assert torch.equal(drawn, model.sample(3, generator=seeded(2)))


def test_a_model_that_was_made_with_groups_draws_each_in_one_pass():
    """Phases that are independent given those before: 16 + 3 passes, the samples of 64."""
    with torch.random.fork_rng(devices=[]):
        model = made(SuperResolutionPixelCNN(n_channels=4, n_blocks=2, parallel=True))
    passes = []
    handle = model.first.register_forward_hook(lambda *_: passes.append(1))
    drawn = sample_parallel(model, 3, generator=seeded(2))
    handle.remove()
    assert len(passes) == 19
    assert torch.equal(drawn, model.sample(3, generator=seeded(2)))


def test_only_a_model_that_was_made_with_groups_has_them():
    with pytest.raises(ValueError, match="groups=None, but GatedPixelCNN was not made with"):
        sample_parallel(gated(), 2)


def test_groups_hold_every_place_once_and_in_order():
    for groups in (
        [torch.arange(3)],
        [torch.arange(4), torch.arange(1)],
        [torch.tensor([1, 0, 2, 3])],
    ):
        with pytest.raises(ValueError, match="groups"):
            sample_parallel(Table(), 2, groups)
    with pytest.raises(ValueError, match="groups=0"):
        sample_parallel(Table(), 2, 0)
