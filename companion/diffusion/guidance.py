"""Telling a diffusion model what to draw, and how strongly.

Chapter: `guidance`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.diffusion.diffusion import DiffusionModel
from companion.distributions import standard_normal, uniform
from companion.layers import ResidualBlock, dropout, sinusoidal_embedding
from companion.validation import check_event, check_real


def classifier_free_guidance(conditional, unconditional, w):
    """``eps = eps_none + w (eps_class - eps_none)`` (Ho and Salimans, 2022).

    w = 0 is the model without a class, w = 1 the one with it, above 1 exaggerates. The paper counts
    from the second: its w is ours minus 1.
    """
    return unconditional + w * (conditional - unconditional)


def classifier_guidance(noise, gradient, kept, w):
    """``eps - w sqrt(1 - alpha_bar) grad log p(y | x_t)`` (Dhariwal and Nichol, 2021).

    The score is ``-eps / sqrt(1 - alpha_bar)``; w times the classifier's gradient is added to it.
    w = 0 is the model alone, w = 1 Bayes' rule.
    """
    return noise - w * (1 - kept).sqrt() * gradient


class ConditionalDiffusion(DiffusionModel):
    """A diffusion model that learns with and without the class at once.

    While training, the context of each data point is replaced by zeros with probability `drop`:
    zeros mean "any class", for a one-hot vector never is zero.

    Parameters
    ----------
    network, betas, event_shape, n_levels
        As for `DiffusionModel`; the network takes a context.
    drop : float
    """

    def __init__(self, network, betas, event_shape=(1, 8, 8), n_levels=17, *, drop=0.1):
        super().__init__(network, betas, event_shape, n_levels)
        self.drop = check_real("drop", drop, 0, 1)

    def dropped(self, context, *, generator=None):
        """The contexts (n, n_context), while training some of them replaced by zeros."""
        if context is None or not self.training:
            return context
        draw = uniform((len(context), 1), generator=generator, like=context)
        return context * (draw >= self.drop)

    def loss(self, x, context=None, *, generator=None):
        """The simple loss, some contexts replaced by zeros."""
        context = self.dropped(context, generator=generator)
        return super().loss(x, context, generator=generator)


class ClassifierFree(DiffusionModel):
    """A trained model that exaggerates the class, for any sampler (`classifier_free_guidance`).

    Parameters
    ----------
    model : DiffusionModel
        Trained with contexts and with zeros in their place; it is shared, not copied.
    w : float
    """

    def __init__(self, model, w):
        super().__init__(model.network, model.beta[1:], model.event_shape, model.n_levels)
        self.model, self.w = model, check_real("w", w)

    def noise(self, x_t, t, context=None, *, generator=None):
        """Both guesses in one pass, and the point on the line through them.

        Without a context there is no class to go to: the model's own guess.
        """
        if context is None:
            return self.model.noise(x_t, t, generator=generator)
        told = torch.cat([context, torch.zeros_like(context)])
        guesses = self.model.noise(torch.cat([x_t, x_t]), t.repeat(2), told, generator=generator)
        return classifier_free_guidance(*guesses.chunk(2), self.w)


class ClassifierGuided(DiffusionModel):
    """A trained model without classes that a classifier of noisy images leads to one.

    Parameters
    ----------
    model : DiffusionModel
        It is shared, not copied.
    classifier : NoisyClassifier
        Trained; it is shared too, and its weights are not among ours.
    w : float
    """

    def __init__(self, model, classifier, w):
        super().__init__(model.network, model.beta[1:], model.event_shape, model.n_levels)
        self.model, self.classifier, self.w = model, (classifier,), check_real("w", w)

    def _apply(self, fn, recurse=True):
        # What `to`, `double` and the others call: the classifier goes along.
        self.classifier[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def noise(self, x_t, t, context=None, *, generator=None):
        """The model's guess, and a push towards the class that is 1 in the context.

        Without a context there is no push.
        """
        noise = self.model.noise(x_t, t, generator=generator)
        if context is None:
            return noise
        gradient = self.classifier[0].gradient(x_t, t, context.argmax(dim=1))
        return classifier_guidance(noise, gradient, self.at(self.alpha_bar, t), self.w)


class NoisyClassifier(nn.Module):
    """Reads the class off a noisy image: log p(y | x_t).

    The network is shown ``sqrt(alpha_bar_t) x_t``. What x_t says of x_0 fades as that root, and so
    must the gradient: DDIM divides by it.

    Parameters
    ----------
    network : nn.Module
        ``network(x_t, t, generator=...)`` gives logits (B, n_classes), as `NoisyNetwork`.
    diffusion : DiffusionModel
        Whose noise it learns to look through.
    """

    def __init__(self, network, diffusion):
        super().__init__()
        self.network, self.diffusion = network, (diffusion,)  # in a tuple: not among our weights

    def _apply(self, fn, recurse=True):
        # What `to`, `double` and the others call: the tables of the noise go along.
        self.diffusion[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def logits(self, x_t, t, *, generator=None):
        """Of the classes of noisy images at steps t (B,): (B, n_classes)."""
        kept = self.diffusion[0].at(self.diffusion[0].alpha_bar, t)
        return self.network(kept.sqrt() * x_t, t / self.diffusion[0].n_steps, generator=generator)

    def loss(self, x, labels, *, generator=None):
        """Cross-entropy at a step drawn for each image, nats."""
        diffusion = self.diffusion[0]
        x0 = diffusion.scaled(x)
        t = diffusion.draw_steps(len(x0), generator)
        noise = standard_normal(x0.shape, generator=generator, like=x0)
        logits = self.logits(diffusion.q_sample(x0, t, noise), t, generator=generator)
        return functional.cross_entropy(logits, labels)

    def gradient(self, x_t, t, labels):
        """Gradient of ``log p(labels | x_t)``, of the shape of x_t."""
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            logs = functional.log_softmax(self.logits(x_t, t), dim=1)
            return torch.autograd.grad(logs.gather(1, labels[:, None]).sum(), x_t)[0]


class NoisyNetwork(nn.Module):
    """Logits of the classes of a noisy image, for `NoisyClassifier`; told how noisy it is.

    Parameters
    ----------
    event_shape : tuple (C, H, W)
        H and W are even.
    n_classes, n_channels : int
    rate : float
        Dropout before the last layer.
    """

    n_time = 64  # numbers that a time is written in

    def __init__(self, event_shape=(1, 8, 8), n_classes=10, *, n_channels=16, rate=0.3):
        super().__init__()
        self.event_shape, self.rate = tuple(event_shape), check_real("rate", rate, 0, 1)
        n_inputs, height, width = self.event_shape
        n_told, n_coarse = self.n_time, 2 * n_channels
        self.tell = nn.Sequential(nn.Linear(self.n_time, n_told), nn.SiLU())
        self.first = nn.Conv2d(n_inputs, n_channels, 3, padding=1)
        self.fine = ResidualBlock(n_channels, n_context=n_told, n_groups=4)
        self.halve = nn.Conv2d(n_channels, n_coarse, 2, stride=2)
        self.coarse = ResidualBlock(n_coarse, n_context=n_told, n_groups=4)
        self.last = nn.Linear(n_coarse * (height // 2) * (width // 2), n_classes)

    def forward(self, x, t, *, generator=None):
        """Noisy images (B, C, H, W) and times (B,) from 0 to 1 to logits (B, n_classes)."""
        x = check_event("x", x, self.event_shape)
        told = self.tell(sinusoidal_embedding(1000 * t, self.n_time).to(x.dtype))
        hidden = self.halve(self.fine(self.first(x), told))
        hidden = functional.silu(self.coarse(hidden, told)).flatten(1)
        hidden = dropout(hidden, self.rate, training=self.training, generator=generator)
        return self.last(hidden)
