"""From a sentence to a picture: a game in which a picture must also fit its caption.

Chapter: `conditional`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.captions import VOCABULARY, change_word, differ, tokenize
from companion.adversarial.gan import fit_gan, frozen
from companion.adversarial.regularized import R3GAN, squared_gradient
from companion.adversarial.scene_judge import SceneFeatures
from companion.distributions import standard_normal
from companion.train import descend, fit, minibatches
from companion.validation import check_integer, check_real

UNUSED = -1e4  # logit of a caption that is not compared
SIZE, STAMP = 16, 10  # sides of an image, and of what is stamped on it, in pixels


class TextEncoder(nn.Module):
    """Turns a caption into a vector: tokens (B, 10) to (B, n_text).

    Articles are counted, so that each word is known as one of the first or of the second object:
    it has another vector there. The vectors are added. Products of what is read from the sum let
    one word decide what another one means: "above" and "below" exchange the places of all others.
    The result has mean 0 and variance 1.
    """

    def __init__(self, n_text=96, n_hidden=128):
        super().__init__()
        self.words = nn.Embedding(3 * len(VOCABULARY), n_hidden)
        self.first, self.second = (nn.Linear(n_hidden, n_hidden) for _ in range(2))
        self.output = nn.Linear(2 * n_hidden, n_text)

    def forward(self, tokens):
        number = (tokens == VOCABULARY.index("a")).cumsum(dim=-1).clamp(max=2)
        read = self.words(tokens + number * len(VOCABULARY)).sum(dim=-2)
        products = self.first(read) * self.second(read)
        told = self.output(torch.cat([functional.leaky_relu(read, 0.2), products], dim=-1))
        return functional.layer_norm(told, told.shape[-1:])


class SceneDiscriminator(nn.Module):
    """Is the image real, and does it fit the caption? (B, 3, 16, 16) and tokens to logits (B,).

    ``d(x, t) = w . f(x) + v(phi(t)) . f(x)`` (Miyato and Koyama, 2018) with `SceneFeatures` f.
    v is standardised: no caption gains by a longer vector.
    """

    def __init__(self, n_features=128, n_text=96, **options):
        super().__init__()
        self.features = SceneFeatures(n_features=n_features, **options)
        self.real = nn.Linear(n_features, 1, bias=False)
        self.text = TextEncoder(n_text)
        self.project = nn.Sequential(
            *(nn.Linear(n_text, n_features), nn.LeakyReLU(0.2), nn.Linear(n_features, n_features)),
        )

    def told(self, tokens):
        """Return v(phi(t)), (..., 10) to (..., n_features)."""
        told = self.project(self.text(tokens))
        return functional.layer_norm(told, told.shape[-1:]) / told.shape[-1] ** 0.5

    def forward(self, x, tokens):
        features = self.features(x)
        return self.real(features).squeeze(1) + (features * self.told(tokens)).sum(dim=1)


class ScenePainter(nn.Module):
    """Noise (B, n_latent) and a text's vector (B, n_text) to an image (B, 3, 16, 16) in [-1, 1].

    It says for two objects where they are, in which colour, and which pixels of a stamp of 10x10
    are covered; the stamps are set on paper, moved by parts of a pixel. That there are up to two
    objects of one colour each is built in; all else is learned.
    """

    def __init__(self, n_latent=16, n_text=96, n_hidden=192):
        super().__init__()
        self.mix = nn.Sequential(
            *(nn.Linear(n_latent + n_text, n_hidden), nn.LeakyReLU(0.2)),
            *(nn.Linear(n_hidden, n_hidden), nn.LeakyReLU(0.2)),
        )
        self.place, self.color = nn.Linear(n_hidden, 2 * 2), nn.Linear(n_hidden, 2 * 3)
        self.stamp, self.there = nn.Linear(n_hidden, 2 * STAMP**2), nn.Linear(n_hidden, 2)
        self.paper = nn.Parameter(torch.zeros(3))
        middle = torch.arange(STAMP) - (STAMP - 1) / 2
        for name, value in (
            ("pixels", torch.arange(SIZE) - (SIZE - 1) / 2),
            ("cells", middle),
            ("disc", 4 - (middle[:, None] ** 2 + middle**2) / 1.5),
        ):
            self.register_buffer(name, value, persistent=False)

    def objects(self, z, text):
        """Return centres (B, 2, 2) in pixels, colours (B, 2, 3) and stamps (B, 2, 10, 10)."""
        code = self.mix(torch.cat([z, 4 * text], dim=1))  # words weigh more than noise
        places = SIZE / 2 * self.place(code).tanh().view(-1, 2, 2)
        there = 8 * self.there(code)[..., None, None]
        stamps = 4 * self.stamp(code).view(-1, 2, STAMP, STAMP) + self.disc + there
        colors = (2 * self.color(code)).tanh().view(-1, 2, 3)
        return places, colors, stamps.sigmoid()

    def forward(self, z, text):
        places, colors, stamps = self.objects(z, text)
        away = self.pixels[:, None] - self.cells - places[..., None, None]
        columns, rows = (1 - away.abs()).relu().unbind(dim=2)  # linear interpolation
        covered = (rows @ stamps @ columns.transpose(-1, -2))[:, :, None]
        x = (1.29 + 10 * self.paper).tanh()[:, None, None]
        for i in range(2):
            x = x * (1 - covered[:, i]) + colors[:, i, :, None, None] * covered[:, i]
        return x


def matching_loss(right, wrong):
    """Is the right caption told from wrong ones? Logits (B,) and (B, n) to a scalar in nats.

    ``E log(1 + sum_i exp(d(x, wrong_i) - d(x, right)))``; one wrong caption gives a softplus.
    """
    return functional.softplus(wrong.logsumexp(dim=1) - right).mean()


class TextToImageGAN(R3GAN):
    """Three kinds of pairs of image and caption (Reed et al., 2016), compared with each other.

    ``E softplus(d(G(z), t) - d(x, t)) + weight E log(1 + sum_i exp(d(x, t_i) - d(x, t)))`` and
    gradient penalties for D, where t is the caption and the t_i are wrong ones. G wants the
    opposite of the first.

    Parameters
    ----------
    generator, discriminator : nn.Module, optional
        By default a `ScenePainter` and a `SceneDiscriminator`; the latter's `text` is the encoder.
    n_latent : int
    gamma : float
        Of the penalties, which are taken at a quarter of each batch.
    weight : float
        Of the wrong captions; with 0 no mismatched pair is seen.
    veil : float
        Standard deviation of noise that lies over all images that D sees, real and fake: without
        it D relies on traces too faint for an eye, and G learns to leave them.
    n_changed : int
        How many captions with one word exchanged stand beside those of the other images.
    """

    def __init__(
        self,
        generator=None,
        discriminator=None,
        n_latent=16,
        *,
        gamma=0.1,
        weight=1.0,
        veil=0.2,
        n_changed=8,
    ):
        generator = ScenePainter(n_latent) if generator is None else generator
        discriminator = SceneDiscriminator() if discriminator is None else discriminator
        super().__init__(generator, discriminator, n_latent, (3, SIZE, SIZE), 256, gamma=gamma)
        self.weight = check_real("weight", weight, 0)
        self.veil = check_real("veil", veil, 0)
        self.n_changed = check_integer("n_changed", n_changed)

    def generate(self, z, context):
        """Return G(z, phi(t)) for tokens (B, 10); the encoder learns from D alone."""
        return self.generator(z, self.discriminator.text(context).detach())

    def veiled(self, x, *, generator=None):
        """Lay noise over images."""
        return x + self.veil * standard_normal(x.shape, generator=generator, like=x)

    def with_captions(self, x, tokens, *, generator=None):
        """Logits of images with their captions (B,), and of wrong pairs (B, n_changed + 2 B).

        Those of an image are its changed captions, the other captions, and its caption at the
        other images. Where such a pair would be right, or may not be used, it is -10,000.
        """
        judge = self.discriminator
        features, told = judge.features(x), judge.told(tokens)
        changed, is_seen = change_word(tokens, self.n_changed, generator=generator)
        changed = (judge.told(changed) @ features[..., None]).squeeze(-1)
        changed = (judge.real(features) + changed).masked_fill(~is_seen, UNUSED)
        others = judge.real(features) + features @ told.T
        right, others = others.diagonal(), others.masked_fill(~differ(tokens), UNUSED)
        return right, torch.cat([changed, others, others.T], dim=1)

    def pairs(self, real, fake, tokens, *, generator=None):
        """Return logits of the three kinds of pairs: a dict."""
        right, wrong = self.with_captions(real, tokens, generator=generator)
        return {"real+right": right, "real+wrong": wrong, "fake+right": self.judge(fake, tokens)}

    def discriminator_value(self, real, fake, context=None, *, generator=None):
        """Real and right above the other two, and the penalties."""
        real, fake = (self.veiled(images, generator=generator) for images in (real, fake))
        pairs = self.pairs(real, fake, context, generator=generator)
        right, some = pairs["real+right"], max(len(real) // 4, 1)
        loss = functional.softplus(pairs["fake+right"] - right).mean()
        images, told = torch.cat([real[:some], fake[:some]]), context[:some].repeat(2, 1)
        slope = squared_gradient(lambda x: self.judge(x, told), images).mean()
        match = matching_loss(right, pairs["real+wrong"]) if self.weight else 0
        return loss + self.weight * match + self.gamma * slope

    def generator_loss(self, x, context=None, *, generator=None):
        """Fakes above real images, both with the right caption and veiled."""
        fake = self.generate(self.noise(len(x), generator=generator), context)
        images = (self.veiled(images, generator=generator) for images in (self.prepare(x), fake))
        with frozen(self.discriminator):
            return self.generator_value(*images, context)

    @torch.no_grad()
    def sample(self, n, *, context, generator=None):
        """Draw images uint8 levels (n, 3, 16, 16) for n captions, or n for one caption.

        Captions are strings or tokens.
        """
        tokens = context if isinstance(context, torch.Tensor) else tokenize(context)
        if len(tokens) not in (1, n):
            raise ValueError(f"context has {len(tokens)} captions but must have 1 or n={n}.")
        tokens = tokens.to(next(self.parameters()).device).expand(n, -1)
        return super().sample(n, context=tokens, generator=generator)


def fit_text_to_image(
    model, images, tokens, n_steps, *, generator, n_match=1000, match_rate=3e-3, **options
):
    """First match images with captions, then play; return the averaged model and the history.

    The `n_match` steps of the first part train the features of D and the text encoder on real
    images alone, by `matching_loss`. Then follow `n_steps` of `gan.fit_gan`, which takes the
    options.
    """
    if n_match and model.weight:
        device = next(model.parameters()).device
        optimizer = torch.optim.Adam(
            model.discriminator.parameters(), match_rate, betas=(0.9, 0.99), fused=True
        )
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=n_match)
        batches = minibatches(images.cpu(), tokens.cpu(), batch_size=64, generator=generator)

        def step(batch):
            x, t = (part.to(device) for part in batch)
            x, some = model.veiled(model.prepare(x), generator=generator), len(x) // 4
            slope = squared_gradient(lambda part: model.judge(part, t[:some]), x[:some]).mean()
            loss = matching_loss(*model.with_captions(x, t, generator=generator))
            loss = descend(loss + model.gamma / 10 * slope, optimizer)
            schedule.step()
            return loss

        fit(step, batches, n_match)
    return fit_gan(model, (images, tokens), n_steps, generator=generator, **options)
