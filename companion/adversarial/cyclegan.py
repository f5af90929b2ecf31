"""Translation between two sets of images of which no pair is known: CycleGAN.

Chapter: `conditional`.
"""

import itertools

import torch
from torch import nn

from companion.adversarial.gan import frozen
from companion.adversarial.regularized import R3GAN
from companion.validation import check_integer, check_real


def cycle_consistency_loss(to_a, to_b, a, b):
    """What is lost there and back, ``E|F(G(a)) - a| + E|G(F(b)) - b|``, a scalar.

    Parameters
    ----------
    to_a, to_b : callable
        F, from images of b to images of a, and G, the other way round.
    a, b : tensor (B, *event)
        They need not be pairs, nor as many.
    """
    return (to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()


def identity_loss(to_a, to_b, a, b):
    """What a translator changes where nothing is to do, ``E|F(a) - a| + E|G(b) - b|``: a scalar.

    Each is shown images of its *own goal*, where a perfect translator has nothing to do.
    """
    return (to_a(a) - a).abs().mean() + (to_b(b) - b).abs().mean()


class LocalTranslator(nn.Module):
    """An image and what convolutions add to it, (B, 1, size, size) to the same shape.

    Each pixel of the result sees 11x11 pixels, and where on the paper it stands. With small weights
    it is nearly the identity, ``tanh(2 x + convolutions)``.

    Parameters
    ----------
    size : int
    n_channels : int
    """

    def __init__(self, size=16, n_channels=16):
        super().__init__()
        at = torch.linspace(-1, 1, check_integer("size", size, low=2))
        self.register_buffer("at", torch.stack(torch.meshgrid(at, at, indexing="ij"))[None])
        sizes = [3, *[check_integer("n_channels", n_channels)] * 3, 1]
        layers = []
        for i, (before, after) in enumerate(itertools.pairwise(sizes)):
            width = 5 if i == 0 else 3
            layers += [nn.Conv2d(before, after, width, padding=width // 2), nn.LeakyReLU(0.2)]
        self.network = nn.Sequential(*layers[:-1])

    def forward(self, x):
        """Translate images with entries from -1 to 1."""
        placed = torch.cat([x, self.at.expand(len(x), -1, -1, -1)], dim=1)
        return (2 * x + self.network(placed)).tanh()


class CycleGAN(R3GAN):
    """Two translators, judged at their goals and tied by the way back (Zhu et al., 2017).

    The loss of both games, and ``cycle * cycle_consistency_loss + identity * identity_loss``.

    Parameters
    ----------
    to_a, to_b : nn.Module
        Translators, (B, *event) to (B, *event), entries from -1 to 1.
    judge_a, judge_b : nn.Module
        Discriminators of the two sets, (B, *event) to logits (B,).
    cycle, identity : float
        Weights.
    event_shape, n_levels, gamma
        As for `R3GAN`.
    """

    def __init__(self, to_a, to_b, judge_a, judge_b, *, cycle=10.0, identity=0.0, **options):
        translators = nn.ModuleDict({"a": to_a, "b": to_b})
        super().__init__(translators, nn.ModuleDict({"a": judge_a, "b": judge_b}), 1, **options)
        self.cycle = check_real("cycle", cycle, 0)
        self.identity = check_real("identity", identity, 0)

    def generate(self, z, context=None):
        """Translate images, as the networks see them, to the set `context`, ``"a"`` or ``"b"``."""
        return self.generator[context](z)

    def judge(self, x, context=None):
        """Logits: is x a real image of the set `context`?"""
        return self.discriminator[context](x)

    def discriminator_loss(self, a, b, *, generator=None):
        """Loss of both discriminators on images a and b, (B, *event): two games."""
        a, b = self.prepare(a), self.prepare(b)
        with torch.no_grad():
            fake_a, fake_b = self.generate(b, "a"), self.generate(a, "b")
        own_a = self.discriminator_value(a, fake_a, "a", generator=generator)
        return own_a + self.discriminator_value(b, fake_b, "b", generator=generator)

    def generator_loss(self, a, b, *, generator=None):
        """Loss of both translators: two games, the ways back, and where nothing is to do."""
        a, b = self.prepare(a), self.prepare(b)
        to_a, to_b = self.generator["a"], self.generator["b"]
        with frozen(self.discriminator):
            games = self.generator_value(a, to_a(b), "a") + self.generator_value(b, to_b(a), "b")
        if self.cycle:
            games = games + self.cycle * cycle_consistency_loss(to_a, to_b, a, b)
        if self.identity:
            games = games + self.identity * identity_loss(to_a, to_b, a, b)
        return games

    def loss(self, a, b, *, generator=None):
        """Both losses in a sum in which each player's gradient is that of its own loss."""
        own = self.discriminator_loss(a, b, generator=generator)
        return own + self.generator_loss(a, b, generator=generator)

    @torch.no_grad()
    def translate(self, x, goal):
        """Translate data x (B, *event) to the set `goal`, ``"a"`` or ``"b"``: grey levels again."""
        if goal not in self.generator:
            raise ValueError(f"goal={goal!r} is not known: choose 'a' or 'b'.")
        return self.finish(self.generate(self.prepare(x), goal))
