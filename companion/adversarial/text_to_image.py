"""From a sentence to a picture: a game in which a picture must also fit its caption.

Chapter: `text_to_image`.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.captions import tokenize
from companion.adversarial.gan import frozen
from companion.adversarial.matching import CaptionMatcher, TextEncoder
from companion.adversarial.regularized import R3GAN, squared_gradient
from companion.distributions import standard_normal
from companion.validation import check_real

__all__ = ["SceneDiscriminator", "ScenePainter", "TextEncoder", "TextPainter", "TextToImageGAN"]

SIZE, STAMP = 16, 10  # sides of an image, and of what is stamped on it, in pixels


class SceneDiscriminator(nn.Module):
    """Is the image real, and does it fit the caption? (B, 3, 16, 16) and tokens to logits (B,).

    ``d(x, t) = w . f(x) + s(x, t)`` (Miyato and Koyama, 2018). The score s and the features f begin
    as those of a `CaptionMatcher`, whose batch normalisation becomes a part of its weights; w
    begins at 0.
    """

    def __init__(self, matcher):
        super().__init__()
        self.matcher = copy.deepcopy(matcher).requires_grad_()  # loaded weights are frozen
        self.matcher.features = self.matcher.features.folded()
        self.real = nn.Linear(matcher.project.out_features, 1, bias=False)
        nn.init.zeros_(self.real.weight)

    def judge(self, features, tokens):
        """Logits (B,) from features f(x), (B, n_features)."""
        fit = (features * self.matcher.told(tokens)).sum(dim=1)
        return self.real(features).squeeze(1) + fit

    def forward(self, x, tokens):
        return self.judge(self.matcher.features(x), tokens)


class ScenePainter(nn.Module):
    """Noise (B, n_latent) and a text's vector (B, n_text) to an image (B, 3, 16, 16) in [-1, 1].

    A linear layer splits what is said between two objects; the same small network then says for
    each where it is, in which colour, and which pixels of a stamp of 10x10 are covered. The stamps
    are set on paper, moved by parts of a pixel. That there are up to two objects of one colour each
    is built in; all else is learned.
    """

    def __init__(self, n_latent=16, n_text=96, n_hidden=128):
        super().__init__()
        self.split = nn.Linear(n_latent + n_text, 2 * n_hidden)
        self.hand = nn.Sequential(
            *(nn.LeakyReLU(0.2), nn.Linear(n_hidden, n_hidden), nn.LeakyReLU(0.2)),
        )
        self.place, self.color = nn.Linear(n_hidden, 2), nn.Linear(n_hidden, 3)
        self.stamp, self.there = nn.Linear(n_hidden, STAMP**2), nn.Linear(n_hidden, 1)
        self.paper = nn.Parameter(torch.zeros(3))
        middle = torch.arange(STAMP) - (STAMP - 1) / 2
        for name, value in (
            ("pixels", torch.arange(SIZE) - (SIZE - 1) / 2),
            ("cells", middle),
            ("disc", 4 - (middle[:, None] ** 2 + middle**2) / 1.5),
        ):
            self.register_buffer(name, value, persistent=False)

    def objects(self, z, text):
        """Centres (B, 2, 2) in pixels, colours (B, 2, 3), stamps (B, 2, 10, 10)."""
        told = 4 * torch.cat([z, text], dim=1)
        code = self.hand(self.split(told).view(len(z), 2, -1))
        places = SIZE / 2 * self.place(code).tanh()
        there = 8 * self.there(code)[..., None]
        stamps = 4 * self.stamp(code).view(-1, 2, STAMP, STAMP) + self.disc + there
        return places, (2 * self.color(code)).tanh(), stamps.sigmoid()

    def forward(self, z, text):
        places, colors, stamps = self.objects(z, text)
        away = self.pixels[:, None] - self.cells - places[..., None, None]
        columns, rows = (1 - away.abs()).relu().unbind(dim=2)  # linear interpolation
        covered = (rows @ stamps @ columns.transpose(-1, -2))[:, :, None]
        x = (1.29 + 10 * self.paper).tanh()[:, None, None]
        for i in range(2):
            x = x * (1 - covered[:, i]) + colors[:, i, :, None, None] * covered[:, i]
        return x


class TextPainter(nn.Module):
    """What draws: the text encoder and the generator of a `TextToImageGAN`, without its judge.

    Parameters
    ----------
    text : TextEncoder, optional
    generator : nn.Module, optional
        By default a `ScenePainter`.
    n_latent : int
    """

    def __init__(self, text=None, generator=None, n_latent=16):
        super().__init__()
        self.text = TextEncoder() if text is None else text
        self.generator = ScenePainter(n_latent) if generator is None else generator
        self.n_latent = n_latent

    @torch.no_grad()
    def sample(self, n, *, context, generator=None):
        """Draw images, levels (n, 3, 16, 16), for n captions, or n for one caption.

        Captions are strings or tokens. The same generator gives the same noise to each caption.
        """
        tokens = context if isinstance(context, torch.Tensor) else tokenize(context)
        if len(tokens) not in (1, n):
            raise ValueError(
                f"context has {len(tokens)} captions but must have 1, or one for each of n={n} "
                "images."
            )
        like = self.text.output.weight
        z = standard_normal((n, self.n_latent), generator=generator, like=like)
        image = self.generator(z, self.text(tokens.to(like.device).expand(n, -1)))
        return ((image + 1) * 127.5).round().clamp(0, 255)


class TextToImageGAN(R3GAN):
    """Three kinds of pairs of image and caption (Reed et al., 2016), compared with each other.

    For D: ``E softplus(d(G(z, t), t) - d(x, t))``, `weight` times the matching loss of real images,
    and penalties on its slopes. For G: the opposite of the first, and `weight_generator` times the
    matching loss of its own images.

    Parameters
    ----------
    matcher : CaptionMatcher, optional
        Trained; the discriminator begins as a copy of it.
    generator : nn.Module, optional
        By default a `ScenePainter`.
    n_latent : int
    gamma : float
        Of the penalties, which are taken at a quarter of each batch.
    weight : float
        Of the wrong pairs in the loss of D; with 0 it sees none.
    weight_generator : float
        Of a matching loss of G's own images in its loss (Xu et al., 2018).
    veil : float
        Standard deviation of noise that lies over all images that D sees, real and fake. It is
        meant to cover traces too faint for an eye.
    """

    def __init__(
        self,
        matcher=None,
        generator=None,
        n_latent=16,
        *,
        gamma=0.1,
        weight=0.6,
        weight_generator=0.0,
        veil=0.15,
    ):
        matcher = CaptionMatcher() if matcher is None else matcher
        generator = ScenePainter(n_latent) if generator is None else generator
        players = generator, SceneDiscriminator(matcher)
        super().__init__(*players, n_latent, (3, SIZE, SIZE), 256, gamma=gamma)
        self.weight = check_real("weight", weight, 0)
        self.weight_generator = check_real("weight_generator", weight_generator, 0)
        self.veil = check_real("veil", veil, 0)

    def generate(self, z, context):
        """Return G(z, phi(t)) for tokens (B, 10); the encoder learns from D alone."""
        return self.generator(z, self.discriminator.matcher.text(context).detach())

    def veiled(self, x, *, generator=None):
        """Lay noise over images."""
        return x + self.veil * standard_normal(x.shape, generator=generator, like=x)

    def judge_pairs(self, x, tokens, weight, *, generator=None):
        """Logits of images with their captions (B,), and the weighted loss of wrong pairs."""
        features = self.discriminator.matcher.features(x)
        logits = self.discriminator.judge(features, tokens)
        if not weight:
            return logits, 0.0
        wrong = self.discriminator.matcher.matching(features, tokens, generator=generator)
        return logits, weight * wrong

    def discriminator_value(self, real, fake, context=None, *, generator=None):
        """Real and right above the other two kinds, and the penalties; all veiled."""
        real, fake = (self.veiled(x, generator=generator) for x in (real, fake))
        right, wrong = self.judge_pairs(real, context, self.weight, generator=generator)
        loss = functional.softplus(self.judge(fake, context) - right).mean()
        some = max(len(real) // 4, 1)
        images = torch.cat([real[:some], fake[:some]])
        told = context[:some].repeat(2, 1)
        slope = squared_gradient(lambda x: self.judge(x, told), images).mean()
        return loss + wrong + self.gamma * slope

    def generator_loss(self, x, context=None, *, generator=None):
        """Fakes above real images, and perhaps told from wrong captions; all images veiled."""
        fake = self.generate(self.noise(len(x), generator=generator), context)
        real, fake = (self.veiled(i, generator=generator) for i in (self.prepare(x), fake))
        with frozen(self.discriminator):
            told = self.judge_pairs(fake, context, self.weight_generator, generator=generator)
            with torch.no_grad():
                above = self.judge(real, context)
            return functional.softplus(above - told[0]).mean() + told[1]

    def painter(self):
        """Return encoder and generator as a `TextPainter`; weights are shared."""
        return TextPainter(self.discriminator.matcher.text, self.generator, self.n_latent)

    def sample(self, n, *, context, generator=None):
        """See `TextPainter.sample`."""
        return self.painter().sample(n, context=context, generator=generator)
