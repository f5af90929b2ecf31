"""Restricted Boltzmann machines, by enumeration."""

import itertools
import math

import pytest
import torch

from companion.diffusion.rbm import RestrictedBoltzmannMachine
from companion.layers import initialize
from tests.contracts import GenerativeContract, seeded


def machine(n_visible=3, n_hidden=2, size=1.0, **settings):
    """A machine in float64 with weights far from zero."""
    model = RestrictedBoltzmannMachine((n_visible,), n_hidden, **settings).double()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(size * torch.randn(parameter.shape, generator=seeded(i)))
    return model


def states(n):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)), dtype=torch.float64)


def joint(model):
    """-E(v, h) for all pairs, written out."""
    v, h = states(len(model.b)), states(len(model.c))
    return v @ model.weight @ h.T + (v @ model.b)[:, None] + h @ model.c


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(3, 2), (2, 4), (5, 1)])
def test_the_free_energy_sums_over_the_hidden_units(n_visible, n_hidden):
    """The sign of every term, and the partition function by both layers."""
    model = machine(n_visible, n_hidden)
    v = states(n_visible)
    torch.testing.assert_close(model.free_energy(v), -joint(model).logsumexp(dim=1))
    torch.testing.assert_close(model.log_partition(), joint(model).flatten().logsumexp(dim=0))
    assert model.log_prob(v).exp().sum().item() == pytest.approx(1)


def test_blocks_are_drawn_from_the_conditionals():
    model = machine()
    v = states(3)
    right = torch.softmax(joint(model), dim=1) @ states(2)  # P(h_j = 1 | v)
    torch.testing.assert_close(torch.sigmoid(model.hidden_logits(v)), right)
    h = states(2)
    right = torch.softmax(joint(model).T, dim=1) @ states(3)
    torch.testing.assert_close(torch.sigmoid(model.visible_logits(h)), right)


def test_a_long_chain_draws_from_the_model():
    model = machine(size=0.7)
    drawn = model.sample(8000, n_steps=60, generator=seeded(5))
    index = (drawn @ torch.tensor([4.0, 2.0, 1.0]).double()).long()
    shares = torch.bincount(index, minlength=8) / 8000
    right = model.log_prob(states(3)).exp()
    assert (shares - right).abs().max() < 5 * math.sqrt(0.25 / 8000)


def test_the_slope_with_a_long_chain_is_that_of_the_likelihood():
    model = machine(size=0.5, n_steps=80)
    v = states(3)[torch.randint(8, (20_000,), generator=seeded())]
    right = torch.autograd.grad(-model.log_prob(v).mean(), model.weight)[0]
    found = torch.autograd.grad(model.loss(v, generator=seeded(1)), model.weight)[0]
    assert (found - right).abs().max() < 0.03


@pytest.mark.parametrize("settings", [{}, {"n_steps": 3}, {"persistent": 40}])
def test_slopes_are_the_gradients_of_the_loss(settings):
    """Also with more chains than data in a batch, where sums would not balance."""
    model, v = machine(**settings).eval(), states(3)[:5]
    right = torch.autograd.grad(model.loss(v, generator=seeded()), [model.weight, model.b, model.c])
    found = model.slopes(v, generator=seeded())
    for ours, autograd in zip(found, right, strict=True):
        torch.testing.assert_close(ours, autograd)


def test_learning_lowers_the_energy_of_data_against_samples():
    """Contrastive divergence the wrong way round would raise it."""
    model = initialize(RestrictedBoltzmannMachine((4,), 3), generator=seeded()).double()
    v = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]).double().repeat(50, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    before = model.log_prob(v).mean()
    for i in range(300):
        optimizer.zero_grad()
        model.loss(v, generator=seeded(i)).backward()
        optimizer.step()
    assert model.log_prob(v).mean() > before + 0.5
    rest = states(4)
    others = torch.tensor([(rest[i][None] != v[:2]).any(dim=1).all() for i in range(16)])
    assert model.free_energy(v).mean() < model.free_energy(rest[others]).mean() - 1


def test_kept_chains_go_on():
    model = machine(persistent=7)
    v = states(3)
    model.loss(v, generator=seeded())
    first = model.chains.clone()
    assert first.any()
    model.eval().loss(v, generator=seeded(1))
    assert torch.equal(model.chains, first), "only training moves them"


def test_what_is_not_binary_or_too_large_is_refused():
    model = machine()
    with pytest.raises(ValueError, match="zeros and ones"):
        model.loss(torch.full((2, 3), 0.5))
    for pixel in (-1.0, 2.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="v"):
            model.free_energy(torch.tensor([[0.0, 1.0, pixel]]))
    with pytest.raises(ValueError, match="n_hidden=40"):
        RestrictedBoltzmannMachine((20,), 40).log_partition()


class TestRestrictedBoltzmannMachine(GenerativeContract):
    sample_options = {"n_steps": 5}  # noqa: RUF012
    n_steps = 60

    def make(self):
        return RestrictedBoltzmannMachine((1, 3, 3), 6)

    def batch(self):
        return (torch.rand(16, 1, 3, 3, generator=seeded(4)) < 0.3).float()

    def test_loss_falls(self):
        """The loss is a difference that stays near zero: the likelihood rises."""
        model, batch = self.model(), self.batch()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        before = model.log_prob(batch).mean()
        for i in range(self.n_steps):
            optimizer.zero_grad()
            self.loss(model, batch, seed=i).backward()
            optimizer.step()
        assert model.log_prob(batch).mean() > before + 0.5


class TestPersistent(TestRestrictedBoltzmannMachine):
    def make(self):
        return RestrictedBoltzmannMachine((1, 3, 3), 6, persistent=32)

    def test_same_generator_same_loss_and_global_state_untouched(self):
        """While training, the chains of the step before count too."""
        model, batch = self.model().eval(), self.batch()
        assert torch.equal(self.loss(model, batch), self.loss(model, batch))
