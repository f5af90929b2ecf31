"""FlowGAN and BiGAN: densities, pairs, and who learns from which loss."""

import copy

import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn
from torch.nn import functional

from companion import data
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.adversarial.invertible import BiGAN, FlowGAN, joined
from companion.adversarial.regularized import squared_gradient
from companion.flows.coupling import RealNVP
from companion.layers import initialize
from tests.contracts import GenerativeContract, seeded


def awake(model, size=0.2):
    """In float64, and away from the identity that a new flow is."""
    model = initialize(model, generator=seeded()).double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            noise = torch.randn(parameter.shape, generator=seeded(i), dtype=parameter.dtype)
            parameter.add_(size * noise)
    return model


def flow_gan(event_shape=(1, 4, 6), n_levels=5, **settings):
    flow = RealNVP(event_shape, n_levels, n_couplings=2, n_scales=1, n_hidden=8)
    return awake(FlowGAN(flow, DenseDiscriminator(event_shape, 16), **settings))


def bigan(n_levels=None, event_shape=(1, 3, 5), n_latent=4):
    n_entries = torch.tensor(event_shape).prod().item()
    encoder = nn.Sequential(nn.Flatten(1), dense(n_entries, 16, n_latent))
    model = BiGAN(
        DenseGenerator(n_latent, event_shape, 16),
        encoder,
        DenseDiscriminator((n_entries + n_latent,), 16),
        n_latent,
        event_shape,
        n_levels,
    )
    return initialize(model, generator=seeded()).double()


def some(n=6, event_shape=(1, 4, 6), n_levels=5):
    return torch.randint(0, n_levels, (n, *event_shape), generator=seeded(3)).double()


# FlowGAN


def test_density_of_the_plane_sums_to_one():
    model = awake(FlowGAN(RealNVP((2,), None, n_couplings=4, n_hidden=8), DenseDiscriminator((2,))))
    side = torch.linspace(-12, 12, 500).double()
    grid = torch.cartesian_prod(side, side)
    total = model.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2
    assert total.item() == pytest.approx(1, abs=0.01)


def test_a_new_flow_of_points_is_a_gaussian():
    model = FlowGAN(RealNVP((2,), None, n_couplings=2), DenseDiscriminator((2,))).double()
    y = torch.randn(8, 2, generator=seeded()).double()
    right = multivariate_normal.logpdf(y.numpy(), mean=[0, 0])
    torch.testing.assert_close(model.log_prob(y).detach(), torch.from_numpy(right))


def test_density_by_the_jacobian_of_the_generator():
    """Change of variables, through what the *generator* does to noise, by autograd."""
    model = flow_gan((1, 2, 2), 5)
    z = torch.randn(3, 4, generator=seeded(1)).double()
    for one in z:
        y = model.flow.inverse(one[None])[0]
        jacobian = torch.autograd.functional.jacobian(
            lambda v: model.flow.inverse(v[None])[0].flatten(), one
        )
        normal = -0.5 * (one**2).sum() - 2 * torch.log(torch.tensor(2 * torch.pi))
        right = normal - torch.linalg.slogdet(jacobian)[1]
        assert model.log_prob(y.view(1, 1, 2, 2)).item() == pytest.approx(right.item(), abs=1e-6)


def test_nothing_is_lost_between_code_and_image():
    model, x = flow_gan(), some()
    z = model.encode(x, generator=seeded())
    assert torch.equal(model.decode(z), x)
    z = model.noise(5, generator=seeded(2))
    torch.testing.assert_close(model.flow(model.flow.inverse(z)[0].view(5, 1, 4, 6))[0], z)


def test_both_kinds_of_image_are_in_the_same_scale():
    """Levels with noise fill -1 ... 1 as the flow's own numbers do, and come back as they were."""
    model, x = flow_gan(), some(400)
    filled = model.filled(x, generator=seeded())
    assert filled.min() >= -1
    assert filled.max() < 1
    assert filled.max() > 0.95
    assert torch.equal(model.finish(filled), x)
    made = model.generate(model.noise(400, generator=seeded(1)))
    assert made.min() >= -1.05  # the flow's interval is a little wider
    assert made.max() <= 1.05
    y = model.flow.inverse(model.noise(400, generator=seeded(1)))[0].view(400, 1, 4, 6)
    torch.testing.assert_close(made, 2 * y / 5 - 1)


def test_the_weights_of_the_two_losses():
    x = some()
    game = flow_gan(likelihood=0.0)
    full = flow_gan(adversarial=0.5, likelihood=2.0)
    nats = flow_gan(adversarial=0.0)
    right = nats.flow.loss(x, generator=seeded()).item() / 24
    assert nats.generator_loss(x, generator=seeded()).item() == pytest.approx(right)
    generator = seeded()
    own = game.generator_loss(x, generator=generator).item()
    right = 0.5 * own + 2 * full.flow.loss(x, generator=generator).item() / 24
    assert full.generator_loss(x, generator=seeded()).item() == pytest.approx(right)
    with pytest.raises(ValueError, match="teach nothing"):
        flow_gan(adversarial=0.0, likelihood=0.0)
    with pytest.raises(ValueError, match="levels"):
        game.loss(x + 0.5)


def test_the_bound_is_the_flows():
    model, x = flow_gan(), some()
    right = model.flow.elbo(x, n_samples=3, generator=seeded())
    assert torch.equal(model.elbo(x, n_samples=3, generator=seeded()), right)


# BiGAN


def test_the_encoder_is_trained():
    """Pitfall G11: an encoder that no optimiser holds stays where it was."""
    model = bigan()
    before = copy.deepcopy(model)
    x = torch.randn(32, 1, 3, 5, generator=seeded(1)).double()
    trained, _ = fit_gan(model, x, 2, generator=seeded(2), batch_size=16)
    for name in ("encoder", "decoder"):
        old = dict(getattr(before.generator, name).named_parameters())
        for key, new in getattr(trained.generator, name).named_parameters():
            assert (new != old[key]).any(), f"{name}.{key} has not moved"


def test_each_player_learns_from_its_own_loss_only():
    model, x = bigan(), torch.randn(9, 1, 3, 5, generator=seeded(1)).double()
    model.generator_loss(x, generator=seeded()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.generator.parameters())
    assert all(p.grad is None for p in model.discriminator.parameters())
    model.zero_grad()
    model.discriminator_loss(x, generator=seeded()).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    used = [p for name, p in model.discriminator.named_parameters() if name != "network.4.bias"]
    assert all(p.grad.abs().sum() > 0 for p in used)


def test_pairs_from_data_score_above_made_ones_once_d_has_learned():
    """Pitfall G11: labels swapped. 50 steps of D alone."""
    model, x = bigan(), 2 + torch.randn(64, 1, 3, 5, generator=seeded(1)).double()
    optimizer = torch.optim.Adam(model.discriminator.parameters(), lr=1e-2)
    for i in range(50):
        optimizer.zero_grad()
        model.discriminator_loss(x, generator=seeded(i)).backward()
        optimizer.step()
    z = model.noise(64, generator=seeded(99))
    real, made = joined(x, model.generator.encoder(x)), joined(model.generator.decoder(z), z)
    assert model.judge(real).mean() > model.judge(made).mean() + 0.5


def test_both_g_and_e_go_against_d():
    """A small step of the second player narrows the gap of the scores, by either of its halves."""
    x = torch.randn(64, 1, 3, 5, generator=seeded(1)).double()

    def gap(model):
        z = model.noise(64, generator=seeded(7))
        real, made = joined(x, model.generator.encoder(x)), joined(model.generator.decoder(z), z)
        return (model.judge(real) - model.judge(made)).mean()

    for half in ("encoder", "decoder"):
        model = bigan()
        before = gap(model).item()
        part = getattr(model.generator, half)
        optimizer = torch.optim.SGD(part.parameters(), lr=1e-2)
        model.generator_loss(x, generator=seeded(7)).backward()
        optimizer.step()
        assert gap(model).item() < before, half


def test_the_losses_written_out():
    model, x = bigan(n_levels=17), torch.randint(0, 17, (5, 1, 3, 5), generator=seeded(1)).double()
    z = model.noise(5, generator=seeded(4))
    real = torch.cat([(x / 8 - 1).flatten(1), model.generator.encoder(x / 8 - 1)], dim=1).detach()
    made = torch.cat([model.generator.decoder(z).flatten(1), z], dim=1).detach()
    difference = model.discriminator(real) - model.discriminator(made)
    slopes = sum(squared_gradient(model.discriminator, pair).mean() for pair in (real, made))
    right = functional.softplus(-difference).mean() + model.gamma / 2 * slopes
    torch.testing.assert_close(model.discriminator_loss(x, generator=seeded(4)), right)
    right = functional.softplus(difference).mean()
    torch.testing.assert_close(model.generator_loss(x, generator=seeded(4)), right)


def test_encode_and_decode_take_data_and_give_images():
    model, x = bigan(n_levels=17), torch.randint(0, 17, (5, 1, 3, 5), generator=seeded(1))
    z = model.encode(x)
    assert z.shape == (5, 4)
    assert model.decode(z).shape == x.shape
    assert joined(x, z).shape == (5, 19)
    with pytest.raises(ValueError, match="levels"):
        model.encode(x + 1)


def unbiased(discriminator):
    """Where only differences of scores count, the last bias has no slope."""
    discriminator.network[-1].register_parameter("bias", None)
    return discriminator


class Game(GenerativeContract):
    """Two players: no sum of theirs must fall."""

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])

    def test_loss_falls(self):
        model, batch = self.model(), self.batch()
        optimizer = torch.optim.Adam(model.discriminator.parameters(), lr=3e-3)
        before = model.discriminator_loss(batch, generator=seeded(1)).item()
        for _ in range(self.n_steps):
            optimizer.zero_grad()
            model.discriminator_loss(batch, generator=seeded(1)).backward()
            optimizer.step()
        assert model.discriminator_loss(batch, generator=seeded(1)).item() < before


class TestFlowGAN(Game):
    def make(self):
        flow = RealNVP(n_couplings=2, n_scales=1, n_hidden=8)
        return FlowGAN(flow, unbiased(DenseDiscriminator((1, 8, 8), 16)))


class TestBiGAN(Game):
    def make(self):
        encoder = nn.Sequential(nn.Flatten(1), dense(64, 16, 5))
        discriminator = unbiased(DenseDiscriminator((69,), 16))
        return BiGAN(DenseGenerator(5, (1, 8, 8), 16), encoder, discriminator, 5)


del Game  # so that it is not collected
