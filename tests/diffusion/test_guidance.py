"""Guidance: both conventions, and Bayes' rule where it can be written out."""

import pytest
import torch
from torch import nn

from companion.diffusion.diffusion import DiffusionModel, cosine_schedule
from companion.diffusion.guidance import (
    ClassifierFree,
    ClassifierGuided,
    ConditionalDiffusion,
    NoisyClassifier,
    NoisyNetwork,
    classifier_free_guidance,
    classifier_guidance,
)
from companion.diffusion.samplers import ddim_sample, ddpm_sample
from companion.diffusion.unet import UNet
from tests.contracts import DeepContract, GenerativeContract, seeded
from tests.diffusion.test_unet import awake


def test_one_is_the_class_and_zero_is_none():
    """Equation of classifier-free guidance: w = 1 conditional, w = 0 unconditional."""
    c, u = torch.randn(2, 5, 3, generator=seeded())
    assert torch.equal(classifier_free_guidance(c, u, 0), u)
    torch.testing.assert_close(classifier_free_guidance(c, u, 1), c)
    torch.testing.assert_close(classifier_free_guidance(c, c, 7.0), c)
    torch.testing.assert_close(classifier_free_guidance(c, u, 3.0), c + 2 * (c - u))


def test_a_classifiers_gradient_is_bayes_rule():
    """Two Gaussian classes on a line: the score of one is the score of both plus the gradient."""
    kept = torch.tensor(0.4, dtype=torch.float64)
    x = torch.linspace(-3, 3, 13, dtype=torch.float64).requires_grad_()
    means, variance = kept.sqrt() * torch.tensor([-1.0, 1.0]).double(), 1 - kept + kept * 0.25
    logs = -((x[:, None] - means) ** 2) / (2 * variance)
    marginal = torch.autograd.grad(logs.logsumexp(dim=1).sum(), x, retain_graph=True)[0]
    gradient = torch.autograd.grad(torch.log_softmax(logs, dim=1)[:, 1].sum(), x)[0]
    of_class = (means[1] - x.detach()) / variance
    to_noise = -(1 - kept).sqrt()
    found = classifier_guidance(to_noise * marginal, gradient, kept, 1.0)
    torch.testing.assert_close(found, to_noise * of_class)
    assert torch.equal(classifier_guidance(marginal, gradient, kept, 0.0), marginal)


def conditional_model():
    network = awake(UNet((1, 4, 4), n_channels=8, n_context=3))
    return ConditionalDiffusion(network, cosine_schedule(5), (1, 4, 4), 5).eval()


@pytest.mark.parametrize("sampler", [ddpm_sample, ddim_sample])
def test_every_sampler_is_guided(sampler):
    model, told = conditional_model(), torch.eye(3)
    draws = {
        w: sampler(ClassifierFree(model, w), 3, told, generator=seeded()) for w in (0.0, 1.0, 8.0)
    }
    torch.testing.assert_close(draws[1.0], sampler(model, 3, told, generator=seeded()))
    torch.testing.assert_close(draws[0.0], sampler(model, 3, generator=seeded()))
    assert not torch.equal(draws[8.0], draws[1.0])


def test_without_a_class_the_model_does_not_know_one():
    model = conditional_model()
    x, t = torch.randn(2, 1, 4, 4, generator=seeded()), torch.tensor([1, 4])
    torch.testing.assert_close(model.noise(x, t), model.noise(x, t, torch.zeros(2, 3)))
    assert not torch.allclose(model.noise(x, t), model.noise(x, t, torch.eye(3)[:2]))


@pytest.mark.parametrize("drop", [0.0, 0.3, 1.0])
def test_contexts_are_dropped_as_often_as_it_says(drop):
    heard = []

    class Ear(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x, t, context=None, *, generator=None):
            heard.append(context)
            return x * self.weight

    model = ConditionalDiffusion(Ear(), cosine_schedule(5), (1, 2, 2), 5, drop=drop)
    x = torch.randint(5, (2000, 1, 2, 2), generator=seeded())
    told = torch.eye(3)[torch.arange(2000) % 3]
    model.loss(x, told, generator=seeded())
    gone = ~heard[-1].any(dim=1)
    assert gone.float().mean().item() == pytest.approx(drop, abs=0.05)
    assert torch.equal(heard[-1][~gone], told[~gone])
    model.eval().loss(x, told, generator=seeded())
    assert torch.equal(heard[-1], told)


class SmallClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.SiLU(), nn.Linear(8, 3))

    def forward(self, x, t, *, generator=None):
        return self.layers(x) * (1 + t[:, None])


def test_a_classifier_pushes_towards_its_class():
    diffusion = DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(5), (1, 4, 4), 5)
    diffusion.eval()
    classifier = awake(NoisyClassifier(SmallClassifier(), diffusion), size=0.5)
    x, t = torch.randn(3, 1, 4, 4, generator=seeded()), torch.tensor([1, 3, 5])
    labels = torch.tensor([0, 1, 2])
    gradient = classifier.gradient(x, t, labels)
    assert not gradient.requires_grad

    def surety(x):
        logs = torch.log_softmax(classifier.logits(x, t), dim=1)
        return logs.gather(1, labels[:, None])[:, 0]

    h = 1e-2
    slope = (surety(x + h * gradient) - surety(x - h * gradient)) / (2 * h)
    torch.testing.assert_close(slope, (gradient**2).sum(dim=(1, 2, 3)), rtol=1e-2, atol=1e-3)
    guided = ClassifierGuided(diffusion, classifier, 2.0).eval()
    kept = diffusion.alpha_bar[t].view(-1, 1, 1, 1)
    right = diffusion.noise(x, t) - 2 * (1 - kept).sqrt() * gradient
    torch.testing.assert_close(guided.noise(x, t, torch.eye(3)), right)


def test_the_push_fades_as_what_the_image_says():
    """DDIM divides by sqrt(alpha_bar): a gradient that does not fade is multiplied by 2,000."""
    betas = cosine_schedule(100, offset=0)
    diffusion = DiffusionModel(UNet((1, 4, 4), n_channels=8), betas, (1, 4, 4), 5)
    classifier = awake(NoisyClassifier(SmallClassifier(), diffusion), size=0.5)
    x, labels = torch.randn(3, 1, 4, 4, generator=seeded()), torch.arange(3)
    for step in (1, 50, 99, 100):
        t = torch.full((3,), step)
        kept = diffusion.alpha_bar[step]
        push = classifier.gradient(x, t, labels) / kept.sqrt()
        assert 1e-4 < push.abs().max() < 10
        torch.testing.assert_close(
            classifier.logits(x, t), classifier.network(kept.sqrt() * x, t / 100)
        )


class TestConditionalDiffusion(GenerativeContract):
    n_steps = 40

    def make(self):
        network = UNet((1, 4, 4), n_channels=8, n_context=3)
        return ConditionalDiffusion(network, cosine_schedule(6), (1, 4, 4), 5)

    def batch(self):
        x = torch.randint(2, (12, 1, 4, 4), generator=seeded(4))
        return x, torch.eye(3)[torch.arange(12) % 3]


def batch():
    x = torch.randint(5, (12, 1, 4, 4), generator=seeded(4))
    return x, torch.eye(3)[torch.arange(12) % 3]


class GuidedContract(GenerativeContract):
    """A guided model draws what it is told, so `sample` is told as many classes as images."""

    n_steps = 40

    def batch(self):
        return batch()

    def sample(self, model, n, seed=2):
        told = torch.eye(3)[:n].to(next(model.parameters()))
        return model.sample(n, told, generator=seeded(seed))

    def test_one_image_is_drawn_as_well_as_three(self):
        model = awake(self.make())
        x, t = torch.randn(3, 1, 4, 4, generator=seeded(5)), torch.tensor([1, 3, 5])
        one = model.noise(x[1:2], t[1:2], torch.eye(3)[1:2])
        torch.testing.assert_close(one, model.noise(x, t, torch.eye(3))[1:2])
        assert self.sample(model, 1).shape == (1, 1, 4, 4)

    def test_in_double_precision_it_says_the_same(self):
        model = awake(self.make())
        x, t, told = (
            torch.randn(3, 1, 4, 4, generator=seeded(5)),
            torch.tensor([1, 3, 5]),
            torch.eye(3),
        )
        single = model.noise(x, t, told)
        double = model.double().noise(x.double(), t, told.double())
        assert double.dtype == torch.float64
        torch.testing.assert_close(double.float(), single, atol=1e-4, rtol=1e-4)

    def test_without_a_class_it_is_the_model_alone(self):
        model = awake(self.make())
        x, t = torch.randn(3, 1, 4, 4, generator=seeded(5)), torch.tensor([1, 3, 5])
        assert torch.equal(model.noise(x, t), model.model.noise(x, t))
        assert not torch.allclose(model.noise(x, t, torch.eye(3)), model.noise(x, t))


class TestClassifierFree(GuidedContract):
    def make(self):
        return ClassifierFree(conditional_model(), 3.0)


class TestClassifierGuided(GuidedContract):
    def make(self):
        diffusion = DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(5), (1, 4, 4), 5)
        classifier = awake(NoisyClassifier(SmallClassifier(), diffusion), size=0.5)
        return ClassifierGuided(diffusion, classifier, 2.0)

    def test_the_classifier_is_not_among_its_weights(self):
        assert not any("classifier" in name for name in self.make().state_dict())


class TestNoisyClassifier(DeepContract):
    def make(self):
        diffusion = DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(5), (1, 4, 4), 5)
        return NoisyClassifier(SmallClassifier(), diffusion)

    def batch(self):
        x = torch.randint(5, (12, 1, 4, 4), generator=seeded(4))
        return x, torch.arange(12) % 3


class TestNoisyNetwork(DeepContract):
    """The network of the digits' classifiers, in place of a small one."""

    def make(self):
        diffusion = DiffusionModel(UNet((1, 4, 4), n_channels=8), cosine_schedule(5), (1, 4, 4), 5)
        return NoisyClassifier(NoisyNetwork((1, 4, 4), 3, n_channels=8), diffusion)

    def batch(self):
        x = torch.randint(5, (12, 1, 4, 4), generator=seeded(4))
        return x, torch.arange(12) % 3


def test_the_network_of_a_classifier_hears_the_time_and_every_pixel():
    network = awake(NoisyNetwork((1, 4, 4), 3, n_channels=8))
    x, t = torch.randn(2, 1, 4, 4, generator=seeded()), torch.tensor([0.2, 0.7])
    assert network(x, t).shape == (2, 3)
    assert ((network(x, t + 0.1) - network(x, t)).abs() > 1e-6).any()
    slopes = torch.autograd.functional.jacobian(lambda v: network(v[None], t[:1])[0], x[0])
    assert (slopes.abs().amax(dim=0) > 0).all()
