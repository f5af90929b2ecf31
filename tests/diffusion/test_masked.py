"""Masked diffusion: what is hidden, what is scored, and what is shown, by enumeration."""

import itertools
import math

import pytest
import torch
from torch import nn

from companion.diffusion.masked import (
    FixedRate,
    GreyNetwork,
    MaskedDiffusion,
    cosine_counts,
    even_counts,
    unmask,
)
from companion.diffusion.unet import UNet
from tests.contracts import GenerativeContract, seeded
from tests.diffusion.test_unet import awake


class Uniform(nn.Module):
    """A network that prefers nothing, or what it is told to."""

    def __init__(self, n_levels, prefers=None):
        super().__init__()
        self.n_levels, self.prefers = n_levels, prefers
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, hot, t, context=None, *, generator=None):
        n_channels = hot.shape[1] // (self.n_levels + 1)
        out = hot.new_zeros(len(hot), n_channels, self.n_levels, *hot.shape[2:]) + self.weight
        if self.prefers is not None:
            out[:, :, self.prefers] += 4
        return out.flatten(1, 2)


def model_of(network_like, event_shape, n_levels):
    return MaskedDiffusion(network_like, event_shape, n_levels)


@pytest.mark.parametrize(
    ("n_levels", "event_shape"), [(2, (1, 1, 1)), (5, (3, 2, 3)), (17, (1, 8, 8))]
)
def test_who_prefers_nothing_pays_for_storing_the_levels(n_levels, event_shape):
    """The weight of the hidden: D log K, whatever is hidden and however often."""
    model = model_of(Uniform(n_levels), event_shape, n_levels)
    x = torch.randint(n_levels, (7, *event_shape), generator=seeded())
    for n_samples in (1, 3):
        bound = model.elbo(x, n_samples=n_samples, generator=seeded(1))
        right = -math.prod(event_shape) * math.log(n_levels)
        torch.testing.assert_close(bound, torch.full((7,), right))


def small_model():
    """Three entries of three levels, with a network that hears everything."""
    network = awake(UNet((4, 1, 3), n_outputs=3, n_channels=8, n_scales=1, rate=0.0), size=0.4)
    return MaskedDiffusion(network, (1, 1, 3), 3).eval()


def log_prob_in_order(model, x, order):
    """``log p(x)`` if entries are shown in this order, one at a time."""
    seen, total = torch.full_like(x, model.n_levels), 0.0
    for place in order:
        logs = torch.log_softmax(model.logits(seen), dim=-1)[:, 0, 0, place]
        total = total + logs.gather(1, x[:, 0, 0, place, None])[:, 0]
        seen = seen.clone()
        seen[..., place] = x[..., place]
    return total


@torch.no_grad()
def test_the_bound_is_the_mean_over_all_orders():
    """To hide m of D entries and score D / m of them is the chain rule, averaged over orders."""
    model, x = small_model(), torch.tensor([[[[0, 2, 1]]], [[[1, 1, 0]]]])
    orders = list(itertools.permutations(range(3)))
    right = torch.stack([log_prob_in_order(model, x, order) for order in orders]).mean(dim=0)
    many = x.repeat(6000, 1, 1, 1)
    found = model.elbo(many, n_samples=1, generator=seeded()).view(-1, 2).mean(dim=0)
    torch.testing.assert_close(found, right, atol=0.05, rtol=0)


@torch.no_grad()
def test_drawn_one_by_one_events_have_the_probabilities_of_the_orders():
    model, n = small_model(), 6000
    events = torch.tensor(list(itertools.product(range(3), repeat=3))).view(27, 1, 1, 3)
    orders = list(itertools.permutations(range(3)))
    logs = torch.stack([log_prob_in_order(model, events, order) for order in orders])
    right = logs.exp().mean(dim=0)
    assert right.sum().item() == pytest.approx(1, abs=1e-5)
    drawn = model.sample(n, generator=seeded(3)).view(n, 3)
    shares = torch.bincount(drawn @ torch.tensor([9, 3, 1]), minlength=27) / n
    assert (shares - right).abs().max() < 5 * (0.25 / n) ** 0.5
    assert (logs.mean(dim=0) <= right.log() + 1e-6).all(), "the bound lies below, by Jensen"


def test_at_time_zero_nothing_is_hidden_and_at_one_everything():
    model = small_model()
    x = torch.randint(3, (500, 1, 1, 3), generator=seeded())
    for t, share in ((0.0, 0.0), (0.3, 0.3), (1.0, 1.0)):
        seen = model.hide(x, torch.full((500,), t), generator=seeded(1))
        hidden = seen == 3
        assert hidden.float().mean().item() == pytest.approx(share, abs=0.06)
        assert torch.equal(seen[~hidden], x[~hidden])


def test_only_hidden_entries_are_scored():
    model = model_of(Uniform(3, prefers=1), (1, 1, 3), 3)
    x, seen = torch.tensor([[[[0, 1, 2]]]]), torch.tensor([[[[0, 3, 2]]]])
    logs = torch.log_softmax(torch.tensor([0.0, 4.0, 0.0]), dim=0)
    assert model.hidden_log_prob(x, seen).item() == pytest.approx(logs[1].item())


@pytest.mark.parametrize("counts", [cosine_counts, even_counts])
@pytest.mark.parametrize("n_entries", [1, 5, 64])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 11, 64])
def test_schedules_count_what_is_hidden(counts, n_entries, n_steps):
    left = counts(n_entries, n_steps)
    assert (left[0], left[-1], len(left)) == (n_entries, 0, n_steps + 1)
    assert left == sorted(left, reverse=True)


def test_a_cosine_shows_few_at_first():
    cosine, even = cosine_counts(64, 8), even_counts(64, 8)
    assert cosine[0] - cosine[1] < even[0] - even[1] < cosine[-2] - cosine[-1]


@pytest.mark.parametrize("order", ["random", "confident", "entropy"])
@pytest.mark.parametrize("n_steps", [1, 2, 5, None])
def test_what_is_seen_stays_and_all_is_shown(order, n_steps):
    model = small_model()
    x = torch.tensor([[[[3, 2, 3]]], [[[3, 3, 3]]], [[[0, 1, 2]]]])
    path = []
    out = unmask(model, x, n_steps=n_steps, order=order, generator=seeded(), path=path)
    assert out.max() < 3
    assert torch.equal(out[x < 3], x[x < 3])
    assert len(path) == (n_steps or 3)
    hidden = [(step == 3).sum().item() for step in path]
    assert hidden == sorted(hidden, reverse=True)


@pytest.mark.parametrize("schedule", [None, even_counts, cosine_counts])
def test_after_each_step_the_schedule_says_how_many_are_hidden(schedule):
    """A schedule that counts what is seen would end where it should begin."""
    model, path = model_of(Uniform(3), (1, 8, 8), 3), []
    model.sample(2, n_steps=5, schedule=schedule, generator=seeded(), path=path)
    hidden = [(step == 3).flatten(1).sum(dim=1).tolist() for step in path]
    assert hidden == [[left, left] for left in (schedule or even_counts)(64, 5)[1:]]


def test_steps_are_spread_over_what_is_hidden():
    """Counted over all entries, the first of two steps for half an image would show nothing."""
    model, path = model_of(Uniform(3), (1, 8, 8), 3), []
    x = torch.where((torch.arange(8) < 4)[:, None].expand(1, 1, 8, 8), 0, 3)
    unmask(model, x, n_steps=2, generator=seeded(), path=path)
    assert [(step == 3).sum().item() for step in path] == [16, 0]
    assert torch.equal(unmask(model, path[-1], generator=seeded()), path[-1])


def test_the_surest_are_shown_first():
    class SureOfTheLast(Uniform):
        def forward(self, hot, t, context=None, *, generator=None):
            out = super().forward(hot, t)
            out[:, 1, :, 2] += 20
            return out

    model = model_of(SureOfTheLast(3), (1, 1, 3), 3)
    path, blank = [], torch.full((900, 1, 1, 3), 3)
    unmask(model, blank, order="confident", noise=1e6, generator=seeded(), path=path)
    shares = (path[0] < 3).float().mean(dim=0).flatten()
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.08, rtol=0)
    path = []
    unmask(model, torch.full((9, 1, 1, 3), 3), order="confident", generator=seeded(), path=path)
    assert (path[0][..., 2] == 1).all()


def test_the_least_entropy_is_shown_first_whatever_is_drawn():
    class HalfSureOfTheLast(Uniform):
        def forward(self, hot, t, context=None, *, generator=None):
            out = super().forward(hot, t)
            out[:, 1, :, 2] += 1
            return out

    model, path = model_of(HalfSureOfTheLast(3), (1, 1, 3), 3), []
    blank = torch.full((600, 1, 1, 3), 3)
    unmask(model, blank, order="entropy", generator=seeded(), path=path)
    assert (path[0][..., 2] < 3).all()
    share = (path[0][..., 2] == 1).float().mean().item()
    assert share == pytest.approx(math.e / (math.e + 2), abs=0.07)
    assert (path[0][..., :2] == 3).all()


def test_a_guess_of_grey_levels_is_a_mixture_of_logistics():
    """Levels have probabilities that sum to 1; one narrow bump puts all of it on its level."""
    network = GreyNetwork((1, 4, 4), 5, n_bumps=1, n_channels=8)
    with torch.no_grad():
        network.body.last.weight.zero_()
        network.body.last.bias.copy_(torch.tensor([0.0, 0.5, -9.0]))
    model = MaskedDiffusion(network, (1, 4, 4), 5).eval()
    probabilities = model.logits(torch.full((2, 1, 4, 4), 5)).exp()
    torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(2, 1, 4, 4))
    # 0.5 is level 3; the least scale is e^-3: sigmoid((1/2) e^3) - sigmoid(-(1/2) e^3).
    right = torch.special.expit(torch.tensor(math.e**3 / 2)) * 2 - 1
    torch.testing.assert_close(probabilities[..., 3], right.expand(2, 1, 4, 4))


def test_a_network_of_grey_levels_sees_levels_and_holes():
    model = MaskedDiffusion(awake(GreyNetwork((1, 4, 4), 5, n_channels=8)), (1, 4, 4), 5).eval()
    seen = torch.randint(6, (1, 1, 4, 4), generator=seeded())
    said = model.logits(seen)
    for level in range(6):
        other = seen.clone()
        other[0, 0, 1, 2] = level
        same = level == seen[0, 0, 1, 2]
        assert torch.allclose(model.logits(other), said, atol=1e-6) == bool(same)


def test_at_a_fixed_rate_as_many_are_hidden_each_time():
    """Uniform guesses cost log K for each of them, and the network sees the share."""
    told = []

    class Ear(Uniform):
        def forward(self, hot, t, context=None, *, generator=None):
            told.append(t)
            return super().forward(hot, t)

    model = FixedRate(Ear(5), (1, 4, 4), 5, rate=0.25)
    x = torch.randint(5, (9, 1, 4, 4), generator=seeded())
    assert model.loss(x, generator=seeded(1)).item() == pytest.approx(math.log(5))
    torch.testing.assert_close(told[0], torch.full((9,), 0.25))


def test_wrong_arguments_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="levels"):
        model.loss(torch.full((1, 1, 1, 3), 3))
    with pytest.raises(ValueError, match="order='best'"):
        model.sample(1, order="best")
    with pytest.raises(ValueError, match="temperature=0"):
        model.sample(1, temperature=0)
    with pytest.raises(ValueError, match="noise=-1"):
        model.sample(1, order="confident", noise=-1)
    with pytest.raises(ValueError, match="n_steps=0"):
        model.sample(1, n_steps=0)


class TestMaskedDiffusion(GenerativeContract):
    n_steps = 40

    def make(self):
        network = UNet((6, 4, 4), n_outputs=5, n_channels=8)
        return MaskedDiffusion(network, (1, 4, 4), 5)

    def batch(self):
        return torch.randint(2, (16, 1, 4, 4), generator=seeded(4))


class TestFixedRate(TestMaskedDiffusion):
    def make(self):
        network = UNet((6, 4, 4), n_outputs=5, n_channels=8)
        return FixedRate(network, (1, 4, 4), 5, rate=0.4)
