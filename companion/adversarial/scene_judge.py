"""Does a picture show what its caption says? A network that looks, and a rule that compares.

Chapter: `text_to_image`.
"""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from companion.adversarial.captions import KINDS, meaning
from companion.distributions import standard_normal, uniform
from companion.train import load_weights
from companion.validation import check_event, check_levels, check_real

N_LAYOUTS = 3  # one object; one above the other; one left of the other
BLOCK = 250  # images that are looked at together, which bounds the memory


class SceneFeatures(nn.Module):
    """What is on an image, and where: (B, 3, 16, 16) in [-1, 1] to (B, n_features).

    Of each local feature the largest in every row and in every column are kept. Sums over places
    would not do: a generator could then make a thing larger and paler, and none would see it.

    Parameters
    ----------
    n_channels : tuple of three int
        Of the convolutions.
    n_features : int
    """

    def __init__(self, n_channels=(16, 32, 64), n_features=128):
        super().__init__()
        a, b, c = n_channels
        self.local = nn.Sequential(
            *(nn.Conv2d(3, a, 3, padding=1), nn.BatchNorm2d(a), nn.LeakyReLU(0.2)),
            nn.AvgPool2d(2),
            *(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(b, c, 4, stride=2, padding=1), nn.BatchNorm2d(c), nn.LeakyReLU(0.2)),
        )
        self.hidden = nn.Linear(2 * 4 * c, n_features)

    def forward(self, x):
        x = self.local(x)
        profiles = torch.cat([x.amax(dim=2), x.amax(dim=3)], dim=1).flatten(1)
        return functional.leaky_relu(self.hidden(profiles), 0.2)

    def folded(self):
        """Return the same function without batch normalisation: as scale and shift of weights.

        An image's features no longer depend on the others of its batch.
        """
        other = copy.deepcopy(self).eval()
        layers = list(other.local)
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                layers[i - 1] = fuse_conv_bn_eval(layers[i - 1], layer)
        kept = [layer for layer in layers if not isinstance(layer, nn.BatchNorm2d)]
        other.local = nn.Sequential(*kept)
        return other.train()


class SceneJudge(nn.Module):
    """Says what is to be seen on an image of `data.scenes`: layout, and two objects in order.

    The first object is the upper one, or the left one of two that are side by side. The judge was
    trained on real scenes of both splits: it must know the combinations that a model never saw.

    Images are (B, 3, 16, 16) with levels 0 ... 255.

    Parameters
    ----------
    n_channels : tuple of three int
    n_features : int
    veil : float
        In training noise lies over each image, of a strength drawn between 0 and this one. Trained
        without, a judge sees other things under noise that no eye notices, and drawn images are
        never as clean as real ones.
    """

    def __init__(self, n_channels=(16, 32, 64), n_features=64, *, veil=0.15):
        super().__init__()
        self.veil = check_real("veil", veil, 0)
        self.features = SceneFeatures(n_channels, n_features)
        self.sizes = [N_LAYOUTS, *[len(words) for words in KINDS.values()] * 2]
        self.output = nn.Linear(n_features, sum(self.sizes))

    def forward(self, x):
        """Logits of the layout, and of shape, colour and size of both objects: seven tensors."""
        return self.read(self.scaled(x))

    def scaled(self, x):
        """Levels to [-1, 1]."""
        x = check_levels("x", check_event("x", x, (3, 16, 16)), 256)
        return x.to(self.output.weight.dtype) / 127.5 - 1

    def read(self, x):
        """Logits of images in [-1, 1]."""
        return self.output(self.features(x)).split(self.sizes, dim=1)

    def loss(self, x, layout, objects, *, generator=None):
        """Sum of the seven cross-entropies in nats; an object that is not there is left out."""
        x = self.scaled(x)
        strength = self.veil * uniform((len(x), 1, 1, 1), generator=generator, like=x)
        logits = self.read(x + strength * standard_normal(x.shape, generator=generator, like=x))
        answers = [layout, *objects.flatten(1).T]
        return sum(
            functional.cross_entropy(told, answer, ignore_index=-1)
            for told, answer in zip(logits, answers, strict=True)
        )

    @torch.no_grad()
    def look(self, x):
        """Return the layout (n,) and the objects (n, 2, 3) that are seen, as `meaning` does."""
        told = zip(*(self(some) for some in x.split(BLOCK)), strict=True)
        layout, *objects = (torch.cat(blocks).argmax(dim=1) for blocks in told)
        objects = torch.stack(objects, dim=1).view(-1, 2, 3)
        objects[layout == 0, 1] = -1
        return layout, objects

    def check(self, x, captions):
        """Compare images with captions: tensors of bools by name, one entry an object or an image.

        Which object seen is which object wanted is decided by the better fit, so that a picture
        with both objects in each other's place has all attributes right and the position wrong.
        "position" asks how many objects there are, in which direction, and in which order; "all"
        asks for everything.
        """
        (layout, seen), (told, wanted) = self.look(x), meaning(captions)
        told, wanted = told.to(layout.device), wanted.to(layout.device)
        straight, crossed = ((a == wanted) & (wanted >= 0) for a in (seen, seen.flip(1)))
        is_crossed = crossed.sum(dim=(1, 2)) > straight.sum(dim=(1, 2))
        right = torch.where(is_crossed[:, None, None], crossed, straight)
        there = wanted[..., 0] >= 0
        by_kind = {kind: right[..., i][there] for i, kind in enumerate(KINDS)}
        position = (layout == told) & ~is_crossed
        complete = position & (right | ~there[..., None]).all(dim=2).all(dim=1)
        return by_kind | {"position": position, "all": complete}

    def accuracy(self, x, captions):
        """Share of what is right, by name (see `check`), as floats."""
        return {k: right.double().mean().item() for k, right in self.check(x, captions).items()}

    @classmethod
    def load(cls):
        """Return the trained judge, in evaluation mode and with frozen weights."""
        with torch.random.fork_rng(devices=[]):
            return load_weights(cls(), "adversarial/scene_judge")
