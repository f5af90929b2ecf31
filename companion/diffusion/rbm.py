"""Restricted Boltzmann machines: an energy with hidden units, trained by short chains.

Chapter: `score`.
"""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import sample_bernoulli, uniform
from companion.validation import check_event, check_integer


class RestrictedBoltzmannMachine(nn.Module):
    """Binary pixels v and hidden units h without ties among their like (Smolensky, 1986).

    ``E(v, h) = -v' W h - b' v - c' h`` and ``p(v) = sum_h exp(-E(v, h)) / Z``. Given one layer the
    units of the other are independent, so that blocks can be drawn in turn (Hinton, 2002).

    Parameters
    ----------
    event_shape : tuple of int
    n_hidden : int
    n_steps : int
        k: turns of the chain in `loss`, contrastive divergence CD-k.
    persistent : int
        Chains that are kept from one step of training to the next (Tieleman, 2008); 0 begins each
        time at the data.
    """

    def __init__(self, event_shape=(1, 8, 8), n_hidden=64, *, n_steps=1, persistent=0):
        super().__init__()
        self.event_shape, n_visible = tuple(event_shape), math.prod(event_shape)
        self.n_steps = check_integer("n_steps", n_steps)
        self.weight = nn.Parameter(torch.zeros(n_visible, check_integer("n_hidden", n_hidden)))
        self.b = nn.Parameter(torch.zeros(n_visible))
        self.c = nn.Parameter(torch.zeros(n_hidden))
        n_chains = check_integer("persistent", persistent, low=0)
        self.register_buffer("chains", torch.zeros(n_chains, n_visible))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw small weights; nothing is preferred yet."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.b)
        nn.init.zeros_(self.c)

    def check(self, v):
        """Return pixels as flat floats, or raise a `ValueError` unless all are 0 or 1."""
        v = check_event("v", v, self.event_shape).flatten(1).to(self.weight.dtype)
        if (v * (1 - v)).any():
            raise ValueError("v must hold zeros and ones: compare grey levels with a threshold.")
        return v

    def hidden_logits(self, v):
        """Log-odds of each hidden unit, (B, n_visible) to (B, n_hidden)."""
        return v @ self.weight + self.c

    def visible_logits(self, h):
        """Log-odds of each pixel, (B, n_hidden) to (B, n_visible)."""
        return h @ self.weight.T + self.b

    def free(self, v):
        """Free energy of flat pixels, (B, n_visible) to (B,)."""
        return -v @ self.b - functional.softplus(self.hidden_logits(v)).sum(dim=1)

    def free_energy(self, v):
        """``F(v) = -b' v - sum_j log(1 + exp(c_j + v' W_j))``: p(v) = exp(-F(v)) / Z; (B,)."""
        return self.free(self.check(v))

    @torch.no_grad()
    def turn(self, v, n_steps, generator):
        """Draw hidden units and pixels in turn, n_steps times: flat (B, n_visible)."""
        for _ in range(n_steps):
            h = sample_bernoulli(self.hidden_logits(v), generator=generator)
            v = sample_bernoulli(self.visible_logits(h), generator=generator)
        return v

    def end_of_chain(self, v, generator):
        """Turn k times from the data or from where the kept chains were left, flat."""
        if not len(self.chains):
            return self.turn(v, self.n_steps, generator)
        end = self.turn(self.chains, self.n_steps, generator)
        if self.training:
            self.chains.copy_(end)
        return end

    def loss(self, v, *, generator=None):
        """Free energy of data minus that of the chain's end, nats: CD-k's slope."""
        v = self.check(v)
        end = self.end_of_chain(v, generator)
        return self.free(v).mean() - self.free(end).mean()

    @torch.no_grad()
    def slopes(self, v, *, generator=None):
        """Gradients of `loss` by weight, b and c without a backward pass, three tensors.

        By the weights it is ``mean(v p(h|v)')`` of the chain's end minus that of data. Means, for
        there may be more chains than data in a batch: sums would not balance.
        """
        v = self.check(v)
        end = self.end_of_chain(v, generator)
        p, q = torch.sigmoid(self.hidden_logits(v)), torch.sigmoid(self.hidden_logits(end))
        weight = end.T @ q / len(end) - v.T @ p / len(v)
        return weight, end.mean(dim=0) - v.mean(dim=0), q.mean(dim=0) - p.mean(dim=0)

    def sample(self, n, *, n_steps=1000, generator=None):
        """Run n chains from coin tosses: (n, *event) zeros and ones."""
        v = uniform((n, len(self.b)), generator=generator, like=self.b).round()
        return self.turn(v, check_integer("n_steps", n_steps), generator).view(n, *self.event_shape)

    def log_partition(self):
        """``log Z`` in nats, by enumeration of the smaller layer: at most 16 units.

        Raises
        ------
        ValueError
            If both layers are larger.
        """
        n_visible, n_hidden = self.weight.shape
        if min(n_visible, n_hidden) > 16:
            raise ValueError(
                f"n_hidden={n_hidden}: enumeration takes at most 16 units, make it so."
            )
        n_units = min(n_visible, n_hidden)
        states = list(itertools.product((0.0, 1.0), repeat=n_units))
        states = torch.tensor(states, dtype=self.b.dtype, device=self.b.device)
        if n_hidden <= n_visible:
            own, other = states @ self.c, self.visible_logits(states)
        else:
            own, other = states @ self.b, self.hidden_logits(states)
        return torch.logsumexp(own + functional.softplus(other).sum(dim=1), dim=0)

    def log_prob(self, v):
        """``-F(v) - log Z`` in nats, (B,): exact, where one layer has at most 16 units."""
        return -self.free_energy(v) - self.log_partition()
