"""Pictures and captions in one space, learned from pairs (Radford et al., 2021).

Chapter: `joint_embedding`.
"""

import math

import torch
from torch import nn

from companion.adversarial.matching import TextEncoder
from companion.adversarial.scene_judge import SceneFeatures
from companion.selfsupervised.contrastive import info_nce
from companion.selfsupervised.encoder import unit
from companion.validation import check_event, check_levels, check_real


def clip_loss(image, text, scale):
    """InfoNCE both ways: images find captions, captions find images; in nats.

    ``(info_nce(S) + info_nce(S^T)) / 2``, ``S_ij = scale cos(image_i, text_j)``.

    Parameters
    ----------
    image, text : tensor (N, d)
        Only directions count; row i of both belongs together.
    scale : float or tensor ()
        One over the temperature.
    """
    if image.shape != text.shape:
        raise ValueError(
            f"image has shape {tuple(image.shape)} and text {tuple(text.shape)}: "
            "give one caption an image, in one space."
        )
    scores = scale * unit(image) @ unit(text).T
    return (info_nce(scores) + info_nce(scores.T)) / 2


class CLIP(nn.Module):
    """Two encoders, one space: levels (B, 3, 16, 16) and tokens (B, 10) of `data.scenes`.

    The scale is learned as its logarithm, and kept at `max_scale` at most.

    Parameters
    ----------
    n_outputs : int
        Dimensions of the space.
    scale, max_scale : float
        One over the temperature: at first, and at most.
    """

    def __init__(self, n_outputs=64, *, scale=10.0, max_scale=100.0):
        super().__init__()
        self.features, self.text = SceneFeatures(), TextEncoder()
        self.to_space = nn.ModuleDict(
            {"image": nn.Linear(128, n_outputs), "text": nn.Linear(96, n_outputs)}
        )
        self.max_scale = check_real("max_scale", max_scale, 0, inclusive=False)
        scale = check_real("scale", scale, 0, self.max_scale, inclusive=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @property
    def scale(self):
        """One over the temperature, a tensor ()."""
        return self.log_scale.exp().clamp(max=self.max_scale)

    def image(self, x):
        """Directions of images, levels (B, 3, 16, 16) to (B, n_outputs)."""
        x = check_levels("x", check_event("x", x, (3, 16, 16)), 256)
        x = x.to(self.log_scale.dtype) / 127.5 - 1
        return unit(self.to_space["image"](self.features(x)))

    def caption(self, tokens):
        """Directions of captions, tokens (B, 10) to (B, n_outputs)."""
        return unit(self.to_space["text"](self.text(tokens)))

    def loss(self, x, tokens, *, generator=None):
        """`clip_loss` of images and their captions: a scalar in nats. Nothing is drawn."""
        return clip_loss(self.image(x), self.caption(tokens), self.scale)

    @torch.no_grad()
    def name(self, x, tokens):
        """Which of the captions (n, 10) fits each image best? Indices (B,): zero-shot naming."""
        return (self.image(x) @ self.caption(tokens).T).argmax(dim=1)
