"""What all image methods of this part share: two views of an image, and the encoder.

Chapter: `contrastive`.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from companion.augment import add_noise, cutout, random_gamma, random_warp
from companion.validation import check_event, check_integer, check_levels, check_real


class Views(NamedTuple):
    """Random changes that leave a digit the same digit; every strength may be 0.

    Attributes
    ----------
    bend, shift, ripple : float
        Of `random_warp`: change of the affine map, pixels, and pixels.
    gamma : float
        Of `random_gamma`: how much fainter or stronger the ink may become.
    noise : float
        Standard deviation; the levels of an image reach from 0 to 1.
    hole : int
        Side of a square that is set to paper.
    """

    bend: float = 0.3
    shift: float = 0.5
    ripple: float = 0.3
    gamma: float = 1.0
    noise: float = 0.0
    hole: int = 0

    def __call__(self, images, *, generator=None):
        """Change each image in its own way, (B, C, H, W) in [0, 1] to the same shape."""
        bend, shift, ripple = self[:3]
        images = random_warp(images, bend=bend, shift=shift, ripple=ripple, generator=generator)
        if self.gamma:
            images = random_gamma(images.clamp(0, 1), self.gamma, generator=generator)
        if self.hole:
            images = cutout(images, self.hole, generator=generator)
        return add_noise(images, self.noise, generator=generator) if self.noise else images


class ConvEncoder(nn.Module):
    """Levels (B, C, H, W) to features (B, n_features): three convolutions and a linear layer.

    Batch normalisation: in training the features of an image depend on the others of its batch, in
    `encode` they do not. Then the running statistics are used, and left as they are.
    """

    def __init__(self, event_shape=(1, 8, 8), n_levels=17, n_features=64, n_channels=16):
        super().__init__()
        channels, height, width = event_shape
        self.event_shape = tuple(event_shape)
        self.n_levels = check_integer("n_levels", n_levels, low=2)
        self.n_features, n = check_integer("n_features", n_features), n_channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, n, 3, padding=1), nn.BatchNorm2d(n), nn.ReLU()),
            *(nn.Conv2d(n, 2 * n, 3, padding=1), nn.BatchNorm2d(2 * n), nn.ReLU()),
            nn.MaxPool2d(2),
            *(nn.Conv2d(2 * n, 2 * n, 3, padding=1), nn.BatchNorm2d(2 * n), nn.ReLU()),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * n * (height // 4) * (width // 4), n_features),
        )

    def prepare(self, x):
        """Check levels and scale them to [0, 1]."""
        x = check_levels("x", check_event("x", x, self.event_shape), self.n_levels)
        return x.to(self.layers[0].weight.dtype) / (self.n_levels - 1)

    def forward(self, images):
        """Features of images in [0, 1], (B, *event) to (B, n_features)."""
        return self.layers(images)

    @torch.no_grad()
    def encode(self, x):
        """Features of levels (B, *event), in evaluation mode and without gradients."""
        training = self.training
        features = self.eval()(self.prepare(x))
        self.train(training)
        return features


def projector(n_features, n_hidden=128, n_outputs=64):
    """Return the network between features and loss (Chen et al., 2020): it is thrown away later."""
    return nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_outputs))


class TwoViews(nn.Module):
    """Base of methods that compare two views of each image.

    Parameters
    ----------
    encoder : ConvEncoder
    views : Views
    n_outputs : int
        Of the projector, on whose outputs the loss is taken.
    """

    def __init__(self, encoder=None, views=None, *, n_hidden=128, n_outputs=64):
        super().__init__()
        self.encoder = ConvEncoder() if encoder is None else encoder
        self.views = Views() if views is None else views
        self.projector = projector(self.encoder.n_features, n_hidden, n_outputs)

    def two_views(self, x, *, generator=None):
        """Return two changed copies of levels (B, *event), each image changed anew."""
        x = self.encoder.prepare(x)
        return tuple(self.views(x, generator=generator) for _ in range(2))

    def encode(self, x):
        """Features of levels, (B, *event) to (B, n_features): what is kept after training."""
        return self.encoder.encode(x)

    def compare(self, z_a, z_b):
        """Loss of the projections of two views, (B, n_outputs) each: a scalar."""
        raise NotImplementedError

    def loss(self, x, *, generator=None):
        """`compare` of two views of levels x, (B, *event): a scalar."""
        views = self.two_views(x, generator=generator)
        return self.compare(*(self.projector(self.encoder(view)) for view in views))


def unit(z, eps=1e-12):
    """Rows divided by their lengths, (..., d)."""
    return functional.normalize(z, dim=-1, eps=check_real("eps", eps, 0, inclusive=False))
