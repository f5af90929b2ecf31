"""Take something away from an image and learn to put it back: a part, the colours, most patches.

Chapter: `pretext`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.adversarial.gan import discriminator_loss, frozen, non_saturating_loss
from companion.distributions import uniform
from companion.selfsupervised.colors import join_colors, nearest_color, split_colors
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.patches import (
    PatchDecoder,
    PatchEncoder,
    check_divides,
    choose_patches,
    hidden_patches,
    patch,
    unpatch,
)
from companion.validation import check_event, check_integer, check_levels, check_real


def drawer(n_features, event_shape, n_channels=16):
    """Return the network from features (B, n_features) to images (B, *event_shape)."""
    channels, height, width = event_shape
    n = 2 * n_channels
    return nn.Sequential(
        nn.Linear(n_features, n * (height // 4) * (width // 4)),
        nn.ReLU(),
        nn.Unflatten(1, (n, height // 4, width // 4)),
        nn.ConvTranspose2d(n, n_channels, 4, 2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(n_channels, channels, 4, 2, padding=1),
    )


class Inpainting(nn.Module):
    """Guess what stood in a square hole from what is around it (Pathak et al., 2016).

    ``mean over the hole of (x - guess)^2``, and with a discriminator ``- weight log D(filled)``.

    Parameters
    ----------
    encoder : ConvEncoder, optional
    hole : int, the side of the square
    views : callable, optional
        ``views(images, generator=...)`` changes images before the hole is cut.
    discriminator : nn.Module, optional
        Logits (B,) of images from -1 to 1. Train with `companion.adversarial.gan.fit_gan`.
    weight : float
        Of the discriminator's say.
    """

    fill = 0.5

    def __init__(self, encoder=None, *, hole=4, views=None, discriminator=None, weight=0.01):
        super().__init__()
        self.encoder = ConvEncoder() if encoder is None else encoder
        shape = self.encoder.event_shape
        self.drawer = drawer(self.encoder.n_features, shape)
        self.hole = check_integer("hole", hole, high=min(shape[1:]))
        self.views, self.discriminator = views, discriminator
        self.weight = check_real("weight", weight, 0)

    @property
    def generator(self):
        """The two networks that fill the hole, as the player of a game."""
        return nn.ModuleList([self.encoder, self.drawer])

    def holes(self, n, *, generator=None):
        """Draw where the holes are, True inside: bool (n, 1, H, W)."""
        like = next(self.parameters())
        draw = uniform((2, n, 1), generator=generator, like=like)
        inside = []
        for length, start in zip(self.encoder.event_shape[1:], draw, strict=True):
            place = torch.arange(length, device=like.device)
            start = ((length - self.hole + 1) * start).long()
            inside.append((place >= start) & (place < start + self.hole))  # (n, length)
        return (inside[0][:, :, None] & inside[1][:, None])[:, None]

    def forward(self, images, holes):
        """Images in [0, 1] with their holes filled; outside of them nothing changes."""
        guess = self.drawer(self.encoder(images.masked_fill(holes, self.fill)))
        return torch.where(holes, guess, images)

    def start(self, x, generator):
        """Return images of levels x, changed, and their holes."""
        images = self.encoder.prepare(x)
        if self.views is not None:
            images = self.views(images, generator=generator)
        return images, self.holes(len(x), generator=generator)

    def generator_loss(self, x, *, generator=None):
        """What the filling networks make small."""
        images, holes = self.start(x, generator)
        filled = self(images, holes)
        loss = (filled - images)[holes.expand_as(images)].square().mean()
        if self.discriminator is None:
            return loss
        with frozen(self.discriminator):
            doubts = non_saturating_loss(self.discriminator(2 * filled - 1))
            return loss + self.weight * doubts

    def discriminator_loss(self, x, *, generator=None):
        """What the discriminator makes small."""
        images, holes = self.start(x, generator)
        with torch.no_grad():
            filled = self(images, holes)
        return discriminator_loss(*(self.discriminator(2 * some - 1) for some in (images, filled)))

    def loss(self, x, *, generator=None):
        """Of levels x (B, *event): a scalar. With a discriminator, of both players."""
        loss = self.generator_loss(x, generator=generator)
        if self.discriminator is None:
            return loss
        return loss + self.discriminator_loss(x, generator=generator)

    @torch.no_grad()
    def restore(self, x, holes):
        """Levels x (B, *event) with their holes filled, float, in evaluation mode."""
        training = self.training
        filled = self.eval()(self.encoder.prepare(x), holes)
        self.train(training)
        return (filled * (self.encoder.n_levels - 1)).clamp(0, self.encoder.n_levels - 1)

    def encode(self, x):
        """Features of levels, (B, *event) to (B, n_features)."""
        return self.encoder.encode(x)


class Colorization(nn.Module):
    """Guess each pixel's colour of a palette from a grey image of any size (Zhang et al., 2016).

    ``mean over pixels of -log p(colour | grey image)``

    Parameters
    ----------
    palette : tensor (K, 2)
        Chroma of the colours, see `companion.selfsupervised.colors.grid_palette`.
    n_channels : int
    dilations : tuple of int
    """

    def __init__(self, palette, *, n_channels=32, dilations=(1, 2, 4, 8)):
        super().__init__()
        palette = check_event("palette", torch.as_tensor(palette), (2,))
        self.register_buffer("palette", palette.clone())  # weights are loaded into it
        n, layers = check_integer("n_channels", n_channels), []
        for i, d in enumerate(dilations):
            conv = nn.Conv2d(n if i else 1, n, 3, padding=d, dilation=d, bias=False)
            layers += [conv, nn.BatchNorm2d(n), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv2d(n, len(self.palette), 1)

    def forward(self, grey):
        """Logits of the palette's colours, (B, 1, H, W) in [0, 1] to (B, K, H, W)."""
        return self.head(self.features(2 * grey - 1))

    def loss(self, x, *, generator=None):
        """Of coloured levels x (B, 3, H, W), 0 to 255: nats a pixel."""
        grey, chroma = split_colors(x)
        return functional.cross_entropy(self(grey), nearest_color(chroma, self.palette))

    @torch.no_grad()
    def colors(self, x, temperature=1.0):
        """Chroma (B, 2, H, W) for the light of x: means by ``p^(1/temperature)``.

        At 1 it is the mean colour, near 0 the likeliest one.
        """
        check_real("temperature", temperature, 0, inclusive=False)
        p = (self(split_colors(x)[0]) / temperature).softmax(dim=1)
        return torch.einsum("bkhw,kc->bchw", p, self.palette)

    def paint(self, x, temperature=1.0):
        """Colours in [0, 1] for the light of levels x, (B, 3, H, W) to the same shape."""
        return join_colors(split_colors(x)[0], self.colors(x, temperature))


class SplitBrainAutoencoder(nn.Module):
    """Two halves: colour from light and light from colour (Zhang et al., 2017).

    ``mse(chroma, f(grey)) + mse(grey, g(chroma))``, each in units of its variance over a batch; the
    code is that of both halves.

    Parameters
    ----------
    event_shape : tuple (3, H, W)
    n_features : int
        Of both halves together.
    crossed : bool
        If False each half draws what it sees: two plain autoencoders, the control.
    """

    def __init__(self, event_shape=(3, 16, 16), *, n_features=32, crossed=True):
        super().__init__()
        self.event_shape, self.crossed = tuple(event_shape), crossed
        n, (_, *sides) = check_integer("n_features", n_features, 2) // 2, event_shape
        seen = (1, *sides), (2, *sides)
        self.encoders = nn.ModuleList(ConvEncoder(s, 256, n, n_channels=8) for s in seen)
        goals = seen[::-1] if crossed else seen
        self.drawers = nn.ModuleList(drawer(n, shape, n_channels=8) for shape in goals)

    def loss(self, x, *, generator=None):
        """Of levels x (B, 3, H, W): 2 for guesses that are always the mean."""
        seen = split_colors(check_event("x", x, self.event_shape))
        goals = seen[::-1] if self.crossed else seen
        networks = zip(self.encoders, self.drawers, seen, goals, strict=True)
        return sum(
            (draw(encode(part)) - goal).square().mean() / goal.var().clamp_min(1e-8)
            for encode, draw, part, goal in networks
        )

    @torch.no_grad()
    def encode(self, x):
        """Features of levels, (B, 3, H, W) to (B, n_features), in evaluation mode."""
        training = self.training
        self.eval()
        halves = split_colors(check_event("x", x, self.event_shape))
        codes = [encode(half) for encode, half in zip(self.encoders, halves, strict=True)]
        self.train(training)
        return torch.cat(codes, dim=1)


class MaskedAutoencoder(nn.Module):
    """See a few patches of an image, draw the others (He et al., 2022).

    ``mean over hidden patches of (x - guess)^2``; what was seen is never scored.

    Parameters
    ----------
    event_shape, n_levels
        Of the images; the defaults are those of the digits.
    size : int
        Side of a patch.
    n_kept : int
        Patches that are seen in training.
    n_units, n_heads, n_layers, n_decoder : int
        Features of a patch, heads, blocks of the encoder and of the decoder.
    views : callable, optional
        ``views(images, generator=...)`` changes images first.
    """

    def __init__(
        self,
        event_shape=(1, 8, 8),
        n_levels=17,
        *,
        size=2,
        n_kept=8,
        n_units=32,
        n_heads=4,
        n_layers=1,
        n_decoder=1,
        views=None,
    ):
        super().__init__()
        self.event_shape, self.n_levels, self.views = tuple(event_shape), n_levels, views
        channels, height, width = event_shape
        self.size = check_divides("size", size, (height, width))
        self.n_patches, n_pixels = height * width // size**2, channels * size**2
        self.n_kept = check_integer("n_kept", n_kept, high=self.n_patches - 1)
        sizes = self.n_patches, n_pixels, n_units
        self.encoder = PatchEncoder(*sizes, n_heads=n_heads, n_layers=n_layers)
        self.decoder = PatchDecoder(*sizes, n_heads=n_heads, n_layers=n_decoder)

    def prepare(self, x):
        """Check levels and scale them to [0, 1]."""
        x = check_levels("x", check_event("x", x, self.event_shape), self.n_levels)
        return x.to(self.decoder.head.weight.dtype) / (self.n_levels - 1)

    def loss(self, x, *, generator=None):
        """Of levels x (B, *event): mean square over the hidden patches only."""
        images = self.prepare(x)
        if self.views is not None:
            images = self.views(images, generator=generator)
        patches = patch(images, self.size)
        sizes = len(x), self.n_patches, self.n_kept
        kept, back = choose_patches(*sizes, generator=generator, like=images)
        guess = self.decoder(self.encoder(patches, kept), back)
        hidden = hidden_patches(kept, self.n_patches)
        return (guess - patches)[hidden].square().mean()

    @torch.no_grad()
    def restore(self, x, kept, back):
        """Levels (B, *event): the kept patches as they are, the others as they are guessed."""
        patches = patch(self.prepare(x), self.size)
        guess = self.decoder(self.encoder(patches, kept), back)
        hidden = hidden_patches(kept, self.n_patches)[..., None]
        images = unpatch(torch.where(hidden, guess, patches), self.event_shape)
        return (images * (self.n_levels - 1)).clamp(0, self.n_levels - 1)

    @torch.no_grad()
    def encode(self, x):
        """Features (B, T n_units): the codes of all patches side by side, none hidden."""
        patches = patch(self.prepare(x), self.size)
        everywhere = torch.arange(self.n_patches, device=patches.device).expand(len(x), -1)
        return self.encoder(patches, everywhere).flatten(1)
