"""Masked diffusion: levels are hidden one after the other, and a network guesses what they were.

Chapter: `masked`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from companion.diffusion.unet import UNet
from companion.distributions import (
    logistic_mixture_log_prob,
    sample_categorical,
    sum_event,
    uniform,
)
from companion.validation import check_choice, check_event, check_integer, check_levels, check_real


class MaskedDiffusion(nn.Module):
    """Discrete diffusion whose noise is one more level, "hidden" (Sahoo et al., 2024).

    At time t from 0 to 1 each entry is hidden with probability t. The bound
    ``log p(x) >= E_t[1/t sum over hidden i of log p(x_i | what is seen)]`` trains it.

    Parameters
    ----------
    network : nn.Module
        ``network(x, t, generator=...)`` gives logits (B, n_levels, *event) of each entry; x
        (B, C (n_levels + 1), H, W) says for each entry which level it has, the last for "hidden".
    event_shape : tuple (C, H, W)
    n_levels : int
    """

    def __init__(self, network, event_shape=(1, 8, 8), n_levels=17):
        super().__init__()
        self.network, self.event_shape = network, tuple(event_shape)
        self.n_levels = check_integer("n_levels", n_levels, low=2)

    @property
    def n_entries(self):
        """How many entries an event has."""
        return math.prod(self.event_shape)

    def hide(self, x, t, *, generator=None):
        """Hide each entry with probability t (B,): x (B, *event) to int64, `n_levels` for hidden.

        At t = 0 nothing is hidden, at t = 1 everything.
        """
        u = uniform(x.shape, generator=generator, like=t)
        hidden = u < t.view(-1, *[1] * len(self.event_shape))
        return torch.where(hidden, self.n_levels, x.long())

    def logits(self, seen, context=None, *, generator=None):
        """Logits of each entry's level, int64 (B, *event) to (B, *event, n_levels)."""
        hot = functional.one_hot(seen, self.n_levels + 1)  # (B, C, H, W, n_levels + 1)
        like = next(self.parameters())
        hot = hot.movedim(-1, 2).flatten(1, 2).to(like.dtype)
        t = (seen == self.n_levels).flatten(1).to(like.dtype).mean(dim=1)  # share that is hidden
        out = self.network(hot, t, context, generator=generator)
        out = out.view(len(out), self.event_shape[0], self.n_levels, *self.event_shape[1:])
        return out.movedim(2, -1)

    def check(self, x):
        """Return levels as int64, or raise a `ValueError`."""
        return check_levels("x", check_event("x", x, self.event_shape), self.n_levels).long()

    def hidden_log_prob(self, x, seen, context=None, *, generator=None):
        """Sum of ``log p(x_i | seen)`` over hidden entries, in nats, (B,)."""
        logs = functional.log_softmax(self.logits(seen, context, generator=generator), dim=-1)
        each = logs.gather(-1, x[..., None])[..., 0]
        return sum_event(torch.where(seen == self.n_levels, each, 0))

    def log_weight(self, x, context=None, *, generator=None):
        """One draw of the bound, in nats, (B,): its mean is at most log p(x).

        The *number* m of hidden entries is drawn, from 1 to D, and which. The bound then reads
        ``D / m`` times the sum: the same mean as with times, with less noise.
        """
        x = self.check(x)
        like = next(self.parameters())
        # Evenly spread over the batch, so that sums over it vary less.
        device = like.device if generator is None else generator.device
        order = torch.randperm(len(x), generator=generator, device=device).to(like.device)
        u = (order + uniform((1,), generator=generator, like=like)) / len(x)
        n_hidden = (u * self.n_entries).floor().clamp(0, self.n_entries - 1) + 1  # (B,)
        rank = uniform((len(x), self.n_entries), generator=generator, like=like)
        hidden = rank.argsort(dim=1).argsort(dim=1) < n_hidden[:, None]
        seen = torch.where(hidden.view_as(x), self.n_levels, x)
        total = self.hidden_log_prob(x, seen, context, generator=generator)
        return self.n_entries / n_hidden * total

    def elbo(self, x, context=None, *, n_samples=16, generator=None):
        """The bound in nats, (B,): a mean over `n_samples` draws of what is hidden."""
        draws = range(check_integer("n_samples", n_samples))
        return sum(self.log_weight(x, context, generator=generator) for _ in draws) / n_samples

    def loss(self, x, context=None, *, generator=None):
        """Minus the mean of the bound, nats an entry."""
        return -self.log_weight(x, context, generator=generator).mean() / self.n_entries

    def sample(self, n, context=None, *, generator=None, **how):
        """Draw n events, int64 (n, *event); `how` has arguments of `unmask`."""
        device = next(self.parameters()).device
        x = torch.full((n, *self.event_shape), self.n_levels, device=device)
        return unmask(self, x, context, generator=generator, **how)


class FixedRate(MaskedDiffusion):
    """The same network, trained as BERT is: always as many entries are hidden.

    Parameters
    ----------
    network, event_shape, n_levels
        As for `MaskedDiffusion`.
    rate : float
        Share that is hidden; 0.15 is that of Devlin et al. (2019).
    """

    def __init__(self, network, event_shape=(1, 8, 8), n_levels=17, *, rate=0.15):
        super().__init__(network, event_shape, n_levels)
        self.rate = check_real("rate", rate, 0, 1, inclusive=False)

    def loss(self, x, context=None, *, generator=None):
        """Minus the mean ``log p`` of what is hidden, nats an entry: no bound on ``log p(x)``."""
        x, like = self.check(x), next(self.parameters())
        n_hidden = max(1, round(self.rate * self.n_entries))
        rank = uniform((len(x), self.n_entries), generator=generator, like=like)
        hidden = rank.argsort(dim=1).argsort(dim=1) < n_hidden
        seen = torch.where(hidden.view_as(x), self.n_levels, x)
        return -self.hidden_log_prob(x, seen, context, generator=generator).mean() / n_hidden


class GreyNetwork(nn.Module):
    """A network for `MaskedDiffusion` that knows that grey levels are points on a line.

    A seen level is told as a number and its square too; a guess is a mixture of discretised
    logistics, as in PixelCNN++ (Salimans et al., 2017). Between them works a `UNet`.

    Parameters
    ----------
    event_shape : tuple (1, H, W)
    n_levels : int
    n_bumps : int
        Logistics in a mixture.
    **kwargs
        Passed on to `UNet`.
    """

    def __init__(self, event_shape=(1, 8, 8), n_levels=17, *, n_bumps=4, **kwargs):
        super().__init__()
        self.n_bumps = check_integer("n_bumps", n_bumps)
        self.register_buffer("levels", torch.arange(n_levels), persistent=False)
        inside = (n_levels + 3, *event_shape[1:])
        self.body = UNet(inside, n_outputs=3 * n_bumps, **kwargs)

    def forward(self, x, t, context=None, *, generator=None):
        """Logits of all levels: one-hot x (B, n_levels + 1, H, W) to (B, n_levels, H, W)."""
        half = (len(self.levels) - 1) / 2
        number = (self.levels / half - 1).to(x.dtype)  # -1 to 1, and 0 where hidden
        number = torch.einsum("blhw,l->bhw", x[:, :-1], number)[:, None]
        out = self.body(torch.cat([x, number, number**2], 1), t, context, generator=generator)
        weights, means, widths = (v.movedim(1, -1)[:, :, :, None] for v in out.chunk(3, dim=1))
        mixture = weights, half * (means + 1), (widths + math.log(half / 4)).clamp(min=-3)
        logits = logistic_mixture_log_prob(self.levels, *mixture, n_levels=len(self.levels))
        return logits.movedim(-1, 1)


def cosine_counts(n_entries, n_steps):
    """How many entries stay hidden after each step: n_entries first, 0 at the end, (n_steps + 1,).

    Few are shown at first, many at the end, as a cosine falls (Chang et al., 2022).
    """
    check_integer("n_steps", n_steps)
    share = [math.cos(math.pi / 2 * i / n_steps) for i in range(n_steps + 1)]
    return [n_entries, *(math.floor(n_entries * s + 1e-9) for s in share[1:-1]), 0]


def even_counts(n_entries, n_steps):
    """The same with as many shown in each step as in any other."""
    check_integer("n_steps", n_steps)
    return [n_entries - n_entries * i // n_steps for i in range(n_steps + 1)]


@torch.no_grad()
def unmask(
    model,
    x,
    context=None,
    *,
    n_steps=None,
    order="random",
    noise=0.0,
    schedule=None,
    temperature=1.0,
    generator=None,
    path=None,
):
    """Show hidden entries in a few steps; those that are seen stay as they are.

    Parameters
    ----------
    model : MaskedDiffusion
    x : int64 tensor (B, *event)
        `n_levels` where an entry is hidden.
    n_steps : int, optional
        Over them the hidden entries of the event that has most are spread. By default one entry
        a step: then draws are from the model's own conditionals.
    order : "random", "confident" or "entropy"
        Which are shown in a step: any, those of whose draw the network is surest (MaskGIT), or
        those whose guess has the least entropy, whatever is drawn.
    noise : float
        Of the order "confident": so many times Gumbel's noise, times the share of entries still
        hidden, is added to the logarithms that say how sure a draw is.
    schedule : callable, optional
        ``schedule(n_hidden, n_steps)`` counts what is hidden after each step, by default
        `even_counts`; `cosine_counts` shows few at first.
    temperature : float
        Divides the logits.
    path : list, optional
        Gets the events after each step.
    """
    check_choice("order", order, ("random", "confident", "entropy"))
    check_real("temperature", temperature, 0, inclusive=False)
    check_real("noise", noise, 0)
    n_entries = max(1, int((x == model.n_levels).flatten(1).sum(dim=1).max()))
    counts = (schedule or even_counts)(n_entries, n_entries if n_steps is None else n_steps)
    like = next(model.parameters())
    for left in counts[1:]:
        logits = model.logits(x, context)
        drawn = sample_categorical(logits, temperature, generator=generator)
        hidden = (x == model.n_levels).flatten(1)
        rank = uniform(hidden.shape, generator=generator, like=like)
        if order == "confident":
            logs = functional.log_softmax(logits, dim=-1)
            gumbel = -torch.log(-torch.log(rank.clamp(min=1e-20)))
            rank = -logs.gather(-1, drawn[..., None])[..., 0].flatten(1)
            rank = rank - noise * hidden.float().mean(dim=1, keepdim=True) * gumbel
        if order == "entropy":
            rank = torch.distributions.Categorical(logits=logits).entropy().flatten(1)
        # The hidden ones first, by rank; all but `left` of them are shown.
        place = torch.where(hidden, rank, torch.inf).argsort(dim=1).argsort(dim=1)
        n_shown = (hidden.sum(dim=1, keepdim=True) - left).clamp(min=0)
        x = torch.where(((place < n_shown) & hidden).view_as(x), drawn, x)
        if path is not None:
            path.append(x)
    return x
