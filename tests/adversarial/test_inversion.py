"""Inversion of a generator: closed forms where the generator is linear, properties elsewhere."""

import pytest
import torch
from torch import nn

from companion import data
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense
from companion.adversarial.inversion import (
    Inversion,
    InversionEncoder,
    inversion_objective,
    invert_by_optimization,
    invert_hybrid,
    moment_distance,
    nearest_sample,
    reconstruction_error,
)
from companion.adversarial.regularized import R3GAN
from companion.layers import initialize
from tests.contracts import DeepContract, seeded

EVENT = (1, 3, 5)


def small(n_latent=4, n_levels=None, event_shape=EVENT):
    model = R3GAN(
        DenseGenerator(n_latent, event_shape, 16),
        DenseDiscriminator(event_shape, 16),
        n_latent,
        event_shape,
        n_levels,
    )
    return initialize(model, generator=seeded()).double().eval()


class Linear(nn.Module):
    """x = A z + b: the best code is known."""

    def __init__(self, n_latent=4, n_entries=15):
        super().__init__()
        self.map = nn.Linear(n_latent, n_entries)

    def forward(self, z):
        return self.map(z).view(-1, *EVENT)


def linear():
    model = R3GAN(Linear(), DenseDiscriminator(EVENT, 16), 4, EVENT, None)
    return initialize(model, generator=seeded(5)).double().eval()


def images(n=7, seed=1):
    return torch.randn(n, *EVENT, generator=seeded(seed), dtype=torch.float64)


def best_codes(gan, x, prior=0.0):
    """Ridge regression: (A^T A / D + prior / d I) z = A^T (x - b) / D."""
    A, b = gan.generator.map.weight, gan.generator.map.bias
    left = A.T @ A / 15 + prior / 4 * torch.eye(4, dtype=A.dtype)
    return torch.linalg.solve(left, A.T @ (x.flatten(1) - b).T / 15).T


@pytest.mark.parametrize("prior", [0.0, 0.3])
@pytest.mark.parametrize(("method", "n_steps"), [("adam", 600), ("lbfgs", 60)])
def test_for_a_linear_generator_it_is_least_squares(method, n_steps, prior):
    gan, x = linear(), images()
    found = invert_by_optimization(
        gan, x, n_steps, method=method, prior=prior, learning_rate=0.1, generator=seeded()
    )
    torch.testing.assert_close(found.z, best_codes(gan, x, prior).detach(), atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(found.errors, reconstruction_error(gan, found.z, x))


def test_the_objective_is_the_sum_that_is_written():
    gan, x, z = small(), images(), torch.randn(7, 4, generator=seeded(2)).double()
    encoder = InversionEncoder(gan, nn.Sequential(nn.Flatten(1), nn.Linear(15, 4)).double())
    made = gan.generate(z)
    right = ((made - x) ** 2).sum(dim=(1, 2, 3)) / 15
    right = right + (0.7 * (encoder(made) - z) ** 2 + 0.2 * z**2).sum(dim=1) / 4
    found = inversion_objective(gan, z, x, encoder=encoder, domain=0.7, prior=0.2)
    torch.testing.assert_close(found, right)


def test_each_image_is_inverted_as_if_alone():
    """Adam treats numbers apart; rows of a batch do not disturb each other."""
    gan, x = small(), images()
    start = torch.randn(7, 4, generator=seeded(3)).double()
    together = invert_by_optimization(gan, x, 30, start=start)
    alone = invert_by_optimization(gan, x[2:3], 30, start=start[2:3])
    torch.testing.assert_close(together.z[2:3], alone.z)


def test_the_best_of_several_starts_is_returned():
    gan, x = small(), images()
    found = invert_by_optimization(gan, x, 25, n_starts=6, generator=seeded(4))
    assert found.path.shape == (26, 6, 7)
    torch.testing.assert_close(found.errors, found.path[-1].min(dim=0).values)
    torch.testing.assert_close(found.errors, reconstruction_error(gan, found.z, x))
    draws = gan.noise(42, generator=seeded(4)).view(6, 7, 4)
    each = torch.stack([invert_by_optimization(gan, x, 25, start=z).errors for z in draws])
    torch.testing.assert_close(found.path[-1], each)


def test_no_steps_leave_the_start_and_the_model_is_not_changed():
    gan, x = small(), images()
    before = {k: v.clone() for k, v in gan.state_dict().items()}
    start = torch.randn(7, 4, generator=seeded(3)).double()
    assert torch.equal(invert_by_optimization(gan, x, 0, start=start).z, start)
    kept = start.clone()
    invert_by_optimization(gan, x, 3, start=start)
    assert torch.equal(start, kept), "the start is the caller's"
    assert all(torch.equal(before[k], v) for k, v in gan.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in gan.parameters())


def test_errors_are_in_the_unit_of_the_data():
    """Grey levels 0 ... 16 are -1 ... 1 for the networks: a factor of 64."""
    gan = small(n_levels=17)
    z = torch.randn(5, 4, generator=seeded(6)).double()
    x = torch.randint(0, 17, (5, *EVENT), generator=seeded(7))
    grey = 8 * (gan.generate(z).detach() + 1)
    right = ((grey - x) ** 2).flatten(1).mean(dim=1)
    torch.testing.assert_close(reconstruction_error(gan, z, x), right)


def test_what_the_generator_made_is_found_again():
    gan = small(2)
    z = torch.randn(20, 2, generator=seeded(8)).double()
    x = gan.generate(z).detach()
    found = invert_by_optimization(gan, x, 400, n_starts=4, generator=seeded(9))
    assert found.errors.median() < 1e-4


def test_the_nearest_sample_is_the_nearest():
    gan, x = small(), images()
    found = nearest_sample(gan, x, 200, generator=seeded(10))
    made = gan.generate(gan.noise(200, generator=seeded(10)))
    each = ((made[None] - x[:, None]) ** 2).flatten(2).mean(dim=2)
    torch.testing.assert_close(found.errors, each.min(dim=1).values.detach())
    assert isinstance(found, Inversion)


def test_the_pull_to_the_prior_is_zero_in_the_limit_and_has_the_stated_mean():
    n, d = 6, 3
    draws = torch.randn(4000, n, d, generator=seeded(11)).double()
    values = torch.stack([moment_distance(z) for z in draws])
    right, error = 1 / n + (d + 1) / (n - 1), values.std() / len(draws) ** 0.5
    assert abs(values.mean() - right) < 5 * error
    z = torch.randn(50_000, d, generator=seeded(12)).double()
    assert moment_distance(z) < 1e-3
    assert moment_distance(z + 2) == pytest.approx(4, abs=0.1)
    assert moment_distance(2 * z) == pytest.approx(9, abs=0.4)


def test_an_encoder_on_pairs_of_a_linear_generator_learns_its_pseudo_inverse():
    gan = linear()
    encoder = InversionEncoder(gan, nn.Sequential(nn.Flatten(1), nn.Linear(15, 4)).double())
    optimizer = torch.optim.LBFGS(encoder.network.parameters(), max_iter=400)

    def closure():
        optimizer.zero_grad()
        loss = encoder.loss(images(200), generator=seeded(13))
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    z = torch.randn(9, 4, generator=seeded(14)).double()
    torch.testing.assert_close(encoder(gan.generate(z)), z, atol=1e-3, rtol=1e-3)


def test_terms_ask_real_images_and_discriminator_only_where_they_have_a_weight():
    gan, x = small(), images()
    network = nn.Sequential(nn.Flatten(1), nn.Linear(15, 4)).double()
    names = ("pairs", "pixels", "realism", "prior")
    for name in names:
        weights = dict.fromkeys(names, 0.0) | {name: 2.0}
        encoder = InversionEncoder(gan, network, **weights)
        terms = encoder.terms(x, generator=seeded(15))
        assert set(terms) == {name}
        loss = encoder.loss(x, generator=seeded(15)).item()
        assert loss == pytest.approx(2 * terms[name].item())
    z = encoder.encode(x)
    full = InversionEncoder(gan, network, pixels=1.0, realism=1.0, prior=1.0).terms(x)
    assert full["pixels"].item() == pytest.approx(((gan.generate(z) - x) ** 2).mean().item())
    realism = nn.functional.softplus(gan.judge(x) - gan.judge(gan.generate(z))).mean()
    assert full["realism"].item() == pytest.approx(realism.item())


def test_the_hybrid_begins_at_the_encoder_and_ends_lower():
    gan, x = small(), images()
    network = nn.Sequential(nn.Flatten(1), nn.Linear(15, 4)).double()
    encoder = InversionEncoder(gan, network)
    found = invert_hybrid(encoder, x, 200)
    torch.testing.assert_close(found.path[0, 0], reconstruction_error(gan, encoder.encode(x), x))
    assert (found.errors < found.path[0, 0]).all()
    near = invert_hybrid(encoder, x, 200, domain=10.0)

    def gap(z):
        return ((encoder(gan.generate(z)) - z) ** 2).mean()

    assert gap(near.z) < gap(found.z)
    assert near.errors.mean() > found.errors.mean()


def test_bad_arguments_are_named():
    gan, x = small(), images()
    with pytest.raises(ValueError, match="method='sgd'"):
        invert_by_optimization(gan, x, method="sgd")
    with pytest.raises(ValueError, match=r"domain=0\.1 asks an encoder"):
        invert_by_optimization(gan, x, domain=0.1)
    with pytest.raises(ValueError, match="start has 3 codes"):
        invert_by_optimization(gan, x, start=torch.zeros(3, 4))
    with pytest.raises(ValueError, match="n_starts=0"):
        invert_by_optimization(gan, x, n_starts=0)
    with pytest.raises(ValueError, match="at least one above 0"):
        InversionEncoder(gan, nn.Flatten(1), pairs=0.0)
    with pytest.raises(ValueError, match="shape"):
        invert_by_optimization(gan, x[:, :, :2])
    with pytest.raises(ValueError, match="levels"):
        nearest_sample(small(n_levels=17), x, 10)


class Alone(InversionEncoder):
    """The weights of the GAN are constants: the contract asks about those that are learned."""

    def named_parameters(self, *arguments, **options):
        found = super().named_parameters(*arguments, **options)
        return ((name, p) for name, p in found if p.requires_grad)


class TestInversionEncoder(DeepContract):
    weights = {"pixels": 1.0, "realism": 0.3, "prior": 0.1}  # noqa: RUF012

    def make(self):
        gan = R3GAN(DenseGenerator(5, (1, 8, 8), 16), DenseDiscriminator((1, 8, 8), 16), 5)
        return Alone(gan, nn.Sequential(nn.Flatten(1), dense(64, 16, 5)), **self.weights)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestOnPairs(TestInversionEncoder):
    weights = {"pairs": 1.0}  # noqa: RUF012
