"""Does a caption fit an image? Two encoders that learn it from pairs, before any game is played.

Chapter: `text_to_image`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.captions import VOCABULARY, change_word, differ
from companion.adversarial.scene_judge import SceneFeatures
from companion.distributions import standard_normal
from companion.train import descend, fit, minibatches
from companion.validation import check_event, check_integer, check_levels, check_real

UNUSED = -1e4  # score of a pair that is not compared


class TextEncoder(nn.Module):
    """Turns a caption into a vector: tokens (B, 10) to (B, n_text).

    The vectors of the words before the second article are added, and those from there on: ``u``
    and ``v``. The result is linear in ``u + v``, which says what is there, and in the products
    ``A(u + v) B(u - v)``, by which "above" or "below" decides which object is which. It has mean 0
    and variance 1.
    """

    def __init__(self, n_text=96, n_hidden=128):
        super().__init__()
        self.words = nn.Embedding(len(VOCABULARY), n_hidden, padding_idx=0)
        self.role = nn.Linear(n_hidden, n_hidden)
        self.order = nn.Linear(n_hidden, n_hidden, bias=False)
        self.output = nn.Linear(2 * n_hidden, n_text)

    def forward(self, tokens):
        words = self.words(tokens)
        is_second = (tokens == VOCABULARY.index("a")).cumsum(dim=-1) > 1
        sign = 1 - 2 * is_second[..., None].to(words.dtype)
        both, difference = words.sum(dim=-2), (sign * words).sum(dim=-2)
        ordered = self.role(both) * self.order(difference)
        told = self.output(torch.cat([both, ordered], dim=-1))
        return functional.layer_norm(told, told.shape[-1:])


def matching_loss(right, wrong):
    """Is the right caption told from wrong ones? Scores (B,) and (B, n) to nats.

    ``E log(1 + sum_i exp(s(x, wrong_i) - s(x, right)))``, a scalar.
    """
    return functional.softplus(wrong.logsumexp(dim=1) - right).mean()


class CaptionMatcher(nn.Module):
    """Score ``s(x, t) = v(phi(t)) . f(x)`` of an image and a caption, learned from real pairs.

    v is linear, and standardised: no caption gains by a longer vector.

    Parameters
    ----------
    n_features, n_text : int
        Lengths of f and of phi.
    n_changed : int
        How many captions with one word changed stand beside those of the other images.
    veil : float
        Standard deviation of noise that lies over the images in training.
    """

    def __init__(self, n_features=128, n_text=96, *, n_changed=8, veil=0.05):
        super().__init__()
        self.features = SceneFeatures(n_features=n_features)
        self.text = TextEncoder(n_text)
        self.project = nn.Linear(n_text, n_features)
        self.n_changed = check_integer("n_changed", n_changed)
        self.veil = check_real("veil", veil, 0)

    def told(self, tokens):
        """Return v(phi(t)), (..., 10) to (..., n_features), of length 1."""
        told = self.project(self.text(tokens))
        return functional.layer_norm(told, told.shape[-1:]) / told.shape[-1] ** 0.5

    def forward(self, x, tokens):
        """Scores of images (B, 3, 16, 16) in [-1, 1] and their captions, (B,)."""
        return (self.features(x) * self.told(tokens)).sum(dim=1)

    def compare(self, features, tokens, *, generator=None):
        """Scores of images with their captions (B,), and of two kinds of wrong pairs.

        ``changed`` (B, n_changed): a word of the caption is another one. ``others`` (B, 2 B): the
        caption is that of another image, or the image that of another caption. Where such a pair
        would be right, or may not be used, it is -10,000.
        """
        told = self.told(tokens)
        changed, is_seen = change_word(tokens, self.n_changed, generator=generator)
        changed = (self.told(changed) @ features[..., None]).squeeze(-1)
        changed = changed.masked_fill(~is_seen, UNUSED)
        pairs = features @ told.T
        others = pairs.masked_fill(~differ(tokens), UNUSED)
        return pairs.diagonal(), changed, torch.cat([others, others.T], dim=1)

    def matching(self, features, tokens, *, generator=None):
        """`matching_loss` against both kinds of wrong pairs, a sum: a scalar in nats."""
        right, changed, others = self.compare(features, tokens, generator=generator)
        return matching_loss(right, changed) + matching_loss(right, others)

    def loss(self, x, tokens, *, generator=None):
        """`matching` of levels (B, 3, 16, 16) and tokens (B, 10): a scalar in nats."""
        x = check_levels("x", check_event("x", x, (3, 16, 16)), 256)
        x = x.to(self.project.weight.dtype) / 127.5 - 1
        x = x + self.veil * standard_normal(x.shape, generator=generator, like=x)
        return self.matching(self.features(x), tokens, generator=generator)


def fit_matcher(model, images, tokens, n_steps, *, generator, learning_rate=6e-3):
    """Train by Adam, the rate in one cycle; return the model in evaluation mode, and the history.

    Parameters
    ----------
    model : CaptionMatcher
    images : uint8 tensor (n, 3, 16, 16)
    tokens : int64 tensor (n, 10)
    n_steps : int
    generator : torch.Generator
        Of the CPU.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, betas=(0.9, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(n_steps, 2)
    )

    def step(batch):
        loss = model.loss(*(part.to(device) for part in batch), generator=generator)
        loss = descend(loss, optimizer)
        schedule.step()
        return loss

    model.train()
    batches = minibatches(images.cpu(), tokens.cpu(), batch_size=64, generator=generator)
    history = fit(step, batches, n_steps)
    return model.eval(), history
