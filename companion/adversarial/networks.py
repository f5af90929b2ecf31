"""Convolutions for a game of images: what doubles them, and what halves them.

Chapter: `gan`.
"""

from torch import nn

from companion.validation import check_integer


def check_quarters(event_shape):
    """Return (C, H / 4, W / 4), or raise a `ValueError`."""
    event_shape = tuple(event_shape)
    if len(event_shape) != 3 or event_shape[1] % 4 or event_shape[2] % 4:
        raise ValueError(
            f"event_shape={event_shape} must be (C, H, W) with multiples of 4: pad the images."
        )
    return event_shape[0], event_shape[1] // 4, event_shape[2] // 4


class RadfordWeights(nn.Module):
    """All weights begin as N(0, 0.02^2), the scales of batch normalisation at 1."""

    def reset_parameters(self):
        """Draw them anew."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


class ConvGenerator(RadfordWeights):
    """Noise to a small image, then twice the size, twice (Radford et al., 2016).

    (B, n_latent) to (B, C, H, W) in (-1, 1), with batch normalisation between.

    Parameters
    ----------
    n_latent : int
    event_shape : tuple (C, H, W)
        Height and width are multiples of 4.
    n_channels : int
        At half the size; there are twice as many at a quarter of it.
    """

    def __init__(self, n_latent, event_shape=(1, 8, 8), n_channels=32):
        super().__init__()
        n_colors, height, width = check_quarters(event_shape)
        n_wide = 2 * check_integer("n_channels", n_channels)
        self.network = nn.Sequential(
            nn.Linear(n_latent, n_wide * height * width, bias=False),
            nn.Unflatten(1, (n_wide, height, width)),
            nn.BatchNorm2d(n_wide),
            nn.ReLU(),
            nn.ConvTranspose2d(n_wide, n_channels, 4, 2, padding=1, bias=False),
            nn.BatchNorm2d(n_channels),
            nn.ReLU(),
            nn.ConvTranspose2d(n_channels, n_colors, 4, 2, padding=1),
            nn.Tanh(),
        )
        self.reset_parameters()

    def forward(self, z):
        return self.network(z)


class ConvDiscriminator(RadfordWeights):
    """Half the size, twice, then one number: (B, C, H, W) to logits (B,).

    Parameters
    ----------
    event_shape : tuple (C, H, W)
    n_channels : int
    norm : bool
        Batch normalisation in the second layer, as published. Not with a penalty on gradients:
        those of one image then depend on the others.
    """

    def __init__(self, event_shape=(1, 8, 8), n_channels=32, *, norm=True):
        super().__init__()
        n_colors, height, width = check_quarters(event_shape)
        n_wide = 2 * check_integer("n_channels", n_channels)
        self.network = nn.Sequential(
            nn.Conv2d(n_colors, n_channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(n_channels, n_wide, 4, stride=2, padding=1, bias=not norm),
            nn.BatchNorm2d(n_wide) if norm else nn.Identity(),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(n_wide * height * width, 1),
        )
        self.reset_parameters()

    def forward(self, x):
        return self.network(x).squeeze(1)
