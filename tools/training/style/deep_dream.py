"""The small feature network, and the dreams that the chapter shows besides its live one."""

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from companion import data, train
from companion.layers import initialize
from companion.style.features import FeatureNetwork
from tools.training.recipe import Recipe

SIZE = 48  # of a piece, in pixels


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def regions(final):
    """Two regions of every picture, apart: left to learn from, right to be tested on.

    With ``final=False`` both come from the left one.
    """
    for name in data.PICTURES:
        picture = data.picture(name)
        if picture.shape[0] > 700:  # at their full size they would show next to nothing in a piece
            picture = data.picture(name, size=600)
        cut = int(0.7 * picture.shape[1])
        if final:
            yield picture[:, :cut], picture[:, cut:]
        else:
            cut = int(0.5 * picture.shape[1])
            yield picture[:, : int(0.7 * cut)], picture[:, int(0.7 * cut) : cut]


def pieces(regions, n_each, seed):
    """Squares of 40 to 96 pixels from random places of each region, scaled to one size."""
    rng, images = np.random.RandomState(seed), []
    for region in regions:
        image = Image.fromarray(region)
        largest = min(*image.size, 96)
        for _ in range(n_each):
            side = rng.uniform(40, largest)
            left, top = (rng.uniform(0, length - side) for length in image.size)
            box = (left, top, left + side, top + side)
            piece = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box)
            images.append(
                np.array(piece.transpose(Image.Transpose(0)) if rng.rand() < 0.5 else piece)
            )
    labels = torch.arange(len(data.PICTURES)).repeat_interleave(n_each)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), labels


def labelled_pieces(final):
    """Pieces and the number of their picture: to learn from, and to be measured with.

    The latter are test pieces, and some of the left regions for a linear classifier to learn from.
    """
    learn, test = zip(*regions(final), strict=True)
    return pieces(learn, 300, 0), (*pieces(test, 40, 1), *pieces(learn, 60, 2))


class Guesser(nn.Module):
    """The feature network with a layer on top that names the picture, for training alone."""

    def __init__(self):
        super().__init__()
        self.features = FeatureNetwork(pooling="max")
        self.output = nn.Linear(FeatureNetwork.WIDTHS[-1][-1], len(data.PICTURES))

    def forward(self, x):
        """Logits of the pictures."""
        last = FeatureNetwork.LAYERS[-1]
        return self.output(self.features(x, [last])[last].mean(dim=(2, 3)))


def recoloured(x, generator):
    """Change brightness, contrast and the mixture of colours of images; a third is grey."""
    n = len(x)
    mix = torch.eye(3) + 0.25 * torch.randn(n, 3, 3, generator=generator)
    mix[torch.rand(n, generator=generator) < 1 / 3] = torch.full((3, 3), 1 / 3)
    x = torch.einsum("nij,njhw->nihw", mix / mix.sum(dim=2, keepdim=True), x - 0.5)
    gain = torch.exp(0.3 * torch.randn(n, 1, 1, 1, generator=generator))
    return (gain * x + 0.5 + 0.1 * torch.randn(n, 1, 1, 1, generator=generator)).clamp(0, 1)


def train_features(model, learn, n_steps, seed, *, learning_rate=3e-3, recolour=True):
    """Name the picture of a piece: cross-entropy, AdamW, one cycle of the learning rate."""
    generator = seeded(seed)
    model = initialize(model, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps)

    def step(batch):
        images, labels = batch
        images = images.float() / 255
        if recolour:
            images = recoloured(images, generator)
        loss = functional.cross_entropy(model(images), labels)
        loss = train.descend(loss, optimizer, max_norm=1.0)
        schedule.step()
        return loss

    train.fit(step, train.minibatches(*learn, batch_size=32, generator=generator), n_steps)
    return model


def described(network, images):
    """Mean of every channel of the last layer."""
    last = network.LAYERS[-1]
    with torch.no_grad():
        some = [network(part.float() / 255, [last])[last].mean((2, 3)) for part in images.split(80)]
    return torch.cat(some).numpy()


def read_off(network, held_out, recolour):
    """Accuracy of a linear classifier of the features: learned left, tested right."""
    sets = []
    for i, images in enumerate(held_out[::2]):
        images = images.float() / 255
        sets.append(described(network, recoloured(images, seeded(i)) if recolour else images))
    mean, std = sets[1].mean(axis=0), sets[1].std(axis=0) + 1e-6
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit((sets[1] - mean) / std, held_out[3].numpy())
    return classifier.score((sets[0] - mean) / std, held_out[1].numpy())


def measure_features(network, held_out):
    """How many of 16 pictures the last layer tells apart, in other colours and in their own.

    A network with random weights is asked the same.
    """
    rival = initialize(FeatureNetwork(), generator=seeded(1)).requires_grad_(False)
    return {
        f"{kind} accuracy{other}": read_off(model, held_out, recolour)
        for kind, model in (("trained", network), ("random", rival))
        for other, recolour in ((" recoloured", True), ("", False))
    }


def keep_features(kept, guesser):
    """Leave out the layer that names pictures."""
    kept.load_state_dict(guesser.features.state_dict())
    return kept


RECIPES = {
    "features": Recipe(
        title="Small feature network",
        on="pieces of 16 pictures",
        data=labelled_pieces,
        make=Guesser,
        fit=train_features,
        measure=measure_features,
        unit="accuracy",
        n_steps=400,
        settings={"learning_rate": 3e-3},
        tried=[{"learning_rate": 6e-3}, {"learning_rate": 1e-3}, {"recolour": False}],
        keep=keep_features,
        kept=FeatureNetwork,
        control=True,
    )
}
