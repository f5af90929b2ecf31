"""Fast samplers against the slow one: the same draws where they are exact."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.autoregressive.ancestral import Autoregressive
from companion.autoregressive.fast_sampling import CachedLogits, sample_cached, sample_parallel
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


class Independent(Autoregressive):
    """No pixel depends on another."""

    def __init__(self, n_entries=4, n_levels=3):
        super().__init__((n_entries,), n_levels)
        table = torch.arange(n_entries * n_levels).view(n_entries, n_levels).double()
        self.register_buffer("table", table.sin())

    def conditionals(self, inputs, context=None, *, generator=None):
        return self.table.expand(len(inputs), *self.table.shape)


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 11)), seed=st.integers(0, 100))
def test_without_dependence_any_grouping_is_exact(cuts, seed):
    model = Independent(12)
    edges = [0, *sorted(cuts), 12]
    groups = [torch.arange(a, b) for a, b in itertools.pairwise(edges)]
    drawn = sample_parallel(model, 5, groups, generator=seeded(seed))
    assert torch.equal(drawn, model.sample(5, generator=seeded(seed)))


def test_groups_of_one_pixel_are_the_naive_sampler():
    model = gated()
    drawn = sample_parallel(model, 3, 1, generator=seeded(2))
    assert torch.equal(drawn, model.sample(3, generator=seeded(2)))


def test_groups_that_the_model_was_made_for_are_exact():
    """Phases that are independent given those before: 16 + 3 passes, the samples of 64."""
    with torch.random.fork_rng(devices=[]):
        model = made(SuperResolutionPixelCNN(n_channels=4, n_blocks=2, parallel=True))
    passes = []
    handle = model.first.register_forward_hook(lambda *_: passes.append(1))
    drawn = sample_parallel(model, 3, model.groups(), generator=seeded(2))
    handle.remove()
    assert len(passes) == 19
    assert torch.equal(drawn, model.sample(3, generator=seeded(2)))


class Copy(Autoregressive):
    """The second of two bits is the first: drawn together they are not."""

    def __init__(self):
        super().__init__((2,), 2)

    def conditionals(self, inputs, context=None, *, generator=None):
        first = torch.zeros_like(inputs[:, :1])
        return torch.cat([first, 1e3 * (inputs[:, :1] - 0.5)], dim=1)


def test_what_is_drawn_together_is_taken_as_independent():
    """Equation of the chapter: in a group of two the second bit does not see the first."""
    naive = sample_parallel(Copy(), 500, 1, generator=seeded())
    assert (naive[:, 0] == naive[:, 1]).all()
    together = sample_parallel(Copy(), 500, 2, generator=seeded())
    assert (together[:, 1] == 0).all()  # it saw a blank
    assert 200 < together[:, 0].sum() < 300


@pytest.mark.parametrize("groups", [[torch.arange(3)], [torch.arange(4), torch.arange(1)]])
def test_groups_hold_every_place_once(groups):
    with pytest.raises(ValueError, match="groups"):
        sample_parallel(Independent(), 2, groups)
    with pytest.raises(ValueError, match="groups=0"):
        sample_parallel(Independent(), 2, 0)
