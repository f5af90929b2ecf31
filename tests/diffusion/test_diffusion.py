"""The chain against itself run step by step, Bayes by hand, and data for which all is known."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from torch import nn

from companion.diffusion.diffusion import (
    DiffusionModel,
    LearnedVariance,
    cosine_schedule,
    discretized_gaussian_log_prob,
    linear_schedule,
)
from companion.diffusion.unet import UNet
from companion.train import fit_images
from tests.contracts import GenerativeContract, seeded

SCHEDULES = [linear_schedule, cosine_schedule]


class Silent(nn.Module):
    """A network that says zero, and has a weight."""

    def __init__(self, n_times=1):
        super().__init__()
        self.weight, self.n_times = nn.Parameter(torch.zeros(())), n_times

    def forward(self, x, t, context=None, *, generator=None):
        return self.weight * torch.cat([x] * self.n_times, dim=1)


class Known(nn.Module):
    """The best guess of the noise for data from N(mean, std^2): E[eps | x_t]."""

    def __init__(self, betas, mean=0.0, std=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
        alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - betas, 0)])
        self.alpha_bar, self.mean, self.std = alpha_bar, mean, std

    def forward(self, x, t, context=None, *, generator=None):
        steps = (t * (len(self.alpha_bar) - 1)).round().long()
        kept = self.alpha_bar[steps].view(-1, *[1] * (x.dim() - 1)).to(x)
        variance = kept * self.std**2 + 1 - kept
        return (1 - kept).sqrt() * (x - kept.sqrt() * self.mean) / variance + self.weight


def gaussian_model(n_steps, mean=0.0, std=1.0, event_shape=(2,), schedule=cosine_schedule):
    betas = schedule(n_steps)
    model = DiffusionModel(Known(betas, mean, std), betas, event_shape, None).double()
    return model


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 11, 100, 1000])
def test_a_schedule_of_any_length_ends_in_noise(schedule, n_steps):
    betas = schedule(n_steps)
    assert betas.shape == (n_steps,)
    assert ((betas > 0) & (betas < 1)).all()
    assert torch.cumprod(1 - betas, 0)[-1] < 0.01
    DiffusionModel(Silent(), betas).sample(2, generator=seeded())


def test_the_cosine_is_a_cosine():
    alpha_bar = torch.cumprod(1 - cosine_schedule(1000, offset=0.0), 0)
    t = torch.arange(1, 1000, dtype=torch.float64) / 1000
    torch.testing.assert_close(alpha_bar[:-1], torch.cos(t * math.pi / 2) ** 2)


def test_only_the_last_shares_of_a_cosine_are_cut():
    cut, whole = cosine_schedule(50, largest=0.9), cosine_schedule(50)
    assert (cut[-1].item(), whole[-1].item()) == pytest.approx((0.9, 0.999))
    assert torch.equal(cut[:-1], whole[:-1])
    with pytest.raises(ValueError, match="largest="):
        cosine_schedule(50, largest=1.0)


@pytest.mark.parametrize("t", [1, 25, 50])
def test_a_step_back_multiplies_an_error_of_the_guess(t):
    """Equation of the gain, ``beta / sqrt((1 - beta) (1 - alpha_bar))``: 32 in the last step."""

    class Says(nn.Module):
        def __init__(self, said):
            super().__init__()
            self.said = nn.Parameter(torch.tensor(said))

        def forward(self, x, t, context=None, *, generator=None):
            return self.said.expand_as(x)

    betas, x, step = cosine_schedule(50), torch.randn(1, 3, generator=seeded()), torch.tensor([t])
    models = (DiffusionModel(Says(said), betas, (3,), None).double() for said in (0.0, 1.0))
    right, wrong = (model.backward(x.double(), step)[0] for model in models)
    beta, kept = betas[t - 1], torch.cumprod(1 - betas, 0)[t - 1]
    gain = beta / ((1 - beta) * (1 - kept)).sqrt()
    torch.testing.assert_close(right - wrong, gain.expand(1, 3), rtol=1e-3, atol=0)
    assert t < 50 or 31 < gain < 33


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 3, 50])
def test_the_closed_form_is_the_chain_run_step_by_step(schedule, n_steps):
    """Equation of the closed form, by iterating mean and variance."""
    betas = schedule(n_steps)
    model = DiffusionModel(Silent(), betas, (1,), None).double()
    mean, variance = 1.0, 0.0
    for t, beta in enumerate(betas.tolist(), start=1):
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        where = torch.tensor([t])
        one, zero = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
        assert model.q_sample(one, where, zero).item() == pytest.approx(mean, rel=1e-4)
        assert model.q_sample(zero, where, one).item() ** 2 == pytest.approx(variance, rel=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_posterior_is_bayes_by_hand(schedule):
    """Prior N(sqrt(ab') x_0, 1 - ab') of x_{t-1}, likelihood N(sqrt(1 - beta) x_{t-1}, beta)."""
    betas = schedule(20)
    model = DiffusionModel(Silent(), betas, (3,), None).double()
    alpha_bar = torch.cumprod(1 - betas, 0)
    x0, x_t = torch.randn(2, 1, 3, generator=seeded(), dtype=torch.float64)
    for t in range(2, 21):
        before, beta = alpha_bar[t - 2], betas[t - 1]
        precision = 1 / (1 - before) + (1 - beta) / beta
        mean = before.sqrt() / (1 - before) * x0 + (1 - beta).sqrt() / beta * x_t
        found, variance = model.posterior(x0, x_t, torch.tensor([t]))
        torch.testing.assert_close(found, mean / precision, rtol=1e-4, atol=1e-5)
        assert variance.item() == pytest.approx(1 / precision.item(), rel=1e-4)
    found, variance = model.posterior(x0, x_t, torch.tensor([1]))
    torch.testing.assert_close(found, x0, rtol=1e-5, atol=1e-5)
    assert variance.item() == 0


@given(st.integers(2, 300), st.floats(-50, 350), st.floats(-6, 6))
def test_levels_have_all_the_mass(n_levels, mean, log_std):
    levels = torch.arange(n_levels, dtype=torch.float64)
    logs = discretized_gaussian_log_prob(
        levels, torch.tensor(mean).double(), torch.tensor(log_std).double(), n_levels=n_levels
    )
    assert torch.logsumexp(logs, dim=0).item() == pytest.approx(0, abs=1e-9)


def test_a_level_has_the_mass_of_its_bin():
    logs = discretized_gaussian_log_prob(
        torch.arange(5.0), torch.tensor(1.3), torch.tensor(0.2), n_levels=5
    )
    edges = [-math.inf, 0.5, 1.5, 2.5, 3.5, math.inf]
    right = torch.tensor(norm.cdf(edges, 1.3, math.exp(0.2))).diff().float()
    torch.testing.assert_close(logs.exp(), right)


def test_an_impossible_level_has_a_finite_logarithm():
    far = discretized_gaussian_log_prob(
        torch.tensor([0.0, 16.0, 7.0]),
        torch.tensor([16.0, 0, 400]),
        torch.tensor(-3.0),
        n_levels=17,
    )
    assert torch.isfinite(far).all()


def test_for_gaussian_data_the_bound_is_the_likelihood():
    """With the exact reverse mean and N(0, 1) data the chain of beta's is the true one."""
    model = gaussian_model(5)
    model.own_variance.copy_(model.beta)  # p(x_{t-1} | x_t) of N(0, 1) data
    x = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    many = x.repeat(10_000, 1)
    mean = model.elbo(many, generator=seeded()).view(-1, 4).mean(dim=0)
    right = torch.distributions.Normal(0, 1).log_prob(x).sum(dim=1)
    torch.testing.assert_close(mean, right, atol=0.05, rtol=0)


def test_a_term_hears_its_own_step_only():
    betas = cosine_schedule(6)

    class Stepwise(nn.Module):
        def __init__(self):
            super().__init__()
            self.push = nn.Parameter(torch.zeros(7))

        def forward(self, x, t, context=None, *, generator=None):
            return self.push[(6 * t).round().long()][:, None] * torch.ones_like(x)

    model = DiffusionModel(Stepwise(), betas, (2,), None)
    x = torch.randn(3, 2, generator=seeded())

    def terms():
        steps = [torch.full((3,), t) for t in range(1, 7)]
        return torch.stack([model.term(x, t, generator=seeded(1)) for t in steps])

    before = terms().detach()
    with torch.no_grad():
        model.network.push[3] += 1
    changed = (terms() != before).any(dim=1)
    assert changed.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (3.0, 0.2), (-1.0, 2.0)])
def test_gaussian_data_are_drawn_exactly(mean, std):
    """Every step is known: what the chain ends with has the data's mean and deviation."""
    model = gaussian_model(200, mean, std)
    x = model.sample(4000, generator=seeded()).flatten()
    assert x.mean().item() == pytest.approx(mean, abs=5 * std / 8000**0.5 + 0.02 * abs(mean))
    assert x.std().item() == pytest.approx(std, rel=0.06)


@pytest.mark.parametrize("n_steps", [5, 50])
@pytest.mark.parametrize("largest", [False, True])
def test_few_steps_end_where_a_line_and_noise_lead_and_the_bound_misses_the_kls(n_steps, largest):
    """ "Against a reference": with the best guesses each step back is a line plus noise."""
    mean, std, n = 0.6, 0.5, 100_000
    model = gaussian_model(n_steps, mean, std, (1,), partial(cosine_schedule, largest=0.9))
    if largest:
        model.own_variance.copy_(model.beta)
    own, end, spread, missed = model.own_variance.tolist(), 0.0, 1.0, 0.0
    for t in range(n_steps, 0, -1):
        now, beta = model.alpha_bar[t].item(), model.beta[t].item()
        before = now / (1 - beta)
        known = before * std**2 + 1 - before  # variance of x_{t-1}; x_t is an observation of it
        slope = (1 - beta) ** 0.5 * known / (now * std**2 + 1 - now)
        ratio = beta * known / (now * std**2 + 1 - now) / own[t]
        end = before**0.5 * mean + slope * (end - now**0.5 * mean)
        spread = slope**2 * spread + (own[t] if t > 1 else 0)
        missed += (ratio - 1 - math.log(ratio)) / 2
    x = model.sample(n, generator=seeded()).flatten()
    assert x.mean().item() == pytest.approx(end, abs=5 * (spread / n) ** 0.5)
    assert x.std().item() == pytest.approx(spread**0.5, abs=5 * (spread / 2 / n) ** 0.5)
    data = mean + std * torch.randn(n, 1, generator=seeded(1), dtype=torch.float64)
    log_density = torch.from_numpy(norm(mean, std).logpdf(data)).flatten()
    gap = (log_density - model.elbo(data, generator=seeded(2))).mean().item()
    assert gap == pytest.approx(missed, abs=0.02)


def test_the_bound_lies_below_the_likelihood_of_levels():
    betas = cosine_schedule(20)
    model = DiffusionModel(Silent(), betas, (1, 2, 2), 5)
    x = torch.randint(5, (6, 1, 2, 2), generator=seeded())
    bound = model.elbo(x, generator=seeded())
    assert torch.isfinite(bound).all()
    assert (bound < 0).all()
    assert model.prior_term(x).max() < 0.05


def test_what_is_left_at_the_end_is_the_kl_to_noise():
    model = DiffusionModel(Silent(), linear_schedule(2, high=0.0005), (3,), None).double()
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    kept = model.alpha_bar[-1].double()
    q = torch.distributions.Normal(kept.sqrt() * x, (1 - kept).sqrt())
    right = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(model.prior_term(x), right, rtol=1e-5, atol=1e-5)


def test_learned_variances_lie_between_the_two():
    """In logarithms: v = 0 is the posterior's variance, v = 1 is beta."""
    betas = cosine_schedule(10)

    class Says(nn.Module):
        def __init__(self, v):
            super().__init__()
            self.v = nn.Parameter(torch.tensor(v))

        def forward(self, x, t, context=None, *, generator=None):
            return torch.cat([0 * x, self.v.expand_as(x)], dim=1)

    x, t = torch.zeros(8, 1, 2, 2), torch.arange(3, 11)
    small, large, middle = (
        LearnedVariance(Says(v), betas, (1, 2, 2)).backward(x, t)[1][:, 0, 0, 0]
        for v in (-100.0, 100.0, 0.0)
    )
    model = DiffusionModel(Silent(), betas, (1, 2, 2))
    torch.testing.assert_close(small, model.variance[t])
    torch.testing.assert_close(large, model.beta[t])
    torch.testing.assert_close(middle, (small * large).sqrt())


def test_the_bound_moves_the_variance_and_not_the_mean():
    model = LearnedVariance(
        UNet((1, 4, 4), n_outputs=2, n_channels=8), cosine_schedule(8), (1, 4, 4)
    )
    x = torch.randint(17, (5, 1, 4, 4), generator=seeded())
    t = torch.tensor([2, 3, 4, 5, 6])
    model.term(x, t, learn_mean=False, generator=seeded()).sum().backward()
    weight = model.network.last.weight.grad
    assert not weight[0].any()
    assert weight[1].any()


def test_the_average_is_of_the_weights_and_leaves_the_tables_alone():
    """Tables of the schedule are no weights: neither averaged nor trained nor in a checkpoint."""
    model = DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(6), (1, 4, 4), 5)
    tables = {name: table.clone() for name, table in model.named_buffers()}
    x = torch.randint(5, (8, 1, 4, 4), generator=seeded())
    average, _ = fit_images(model, x, 5, generator=seeded(), batch_size=4)
    assert {"alpha_bar", "beta", "variance", "own_variance"} <= set(tables)
    assert not set(tables) & set(model.state_dict())
    for trained in (model, average):
        assert all(torch.equal(table, tables[name]) for name, table in trained.named_buffers())
    pairs = zip(model.parameters(), average.parameters(), strict=True)
    assert any(not torch.equal(last, mean) for last, mean in pairs)


@pytest.mark.parametrize("betas", [[0.0, 0.1], [1.0], [[0.1]], [0.1, float("nan")]])
def test_shares_of_noise_that_are_none_are_refused(betas):
    with pytest.raises(ValueError, match="betas must be"):
        DiffusionModel(Silent(), betas)


def test_levels_that_are_none_are_refused():
    model = DiffusionModel(Silent(), cosine_schedule(3))
    for wrong in (torch.rand(2, 1, 8, 8), torch.full((2, 1, 8, 8), 17)):
        with pytest.raises(ValueError, match=r"levels|fractions"):
            model.loss(wrong)


class TestDiffusionModel(GenerativeContract):
    def make(self):
        return DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(6), (1, 4, 4), 5)

    def batch(self):
        return torch.randint(5, (6, 1, 4, 4), generator=seeded(4))


class TestLearnedVariance(TestDiffusionModel):
    def make(self):
        network = UNet((1, 4, 4), n_outputs=2, n_channels=8)
        return LearnedVariance(network, cosine_schedule(6), (1, 4, 4), 5)
