"""Pretext tasks: what is read off their features, pictures restored and coloured, shapes tracked.

Tables keep figures in the place of weights: three networks each, 20 draws of labels. Settings are
compared on training digits, on the left of photographs or on other films.
"""

from functools import partial

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional

from companion import data
from companion.adversarial.gan import fit_gan
from companion.adversarial.networks import ConvDiscriminator
from companion.layers import initialize
from companion.selfsupervised.colors import grid_palette, nearest_color, split_colors
from companion.selfsupervised.encoder import ConvEncoder, Views
from companion.selfsupervised.moving import FILM_COLORS, moving_shapes
from companion.selfsupervised.pretext import RelativePatch, RotationPrediction, VideoColorization
from companion.selfsupervised.protocol import label_draws
from companion.selfsupervised.readings import Readings
from companion.selfsupervised.restoration import (
    Colorization,
    Inpainting,
    MaskedAutoencoder,
    SplitBrainAutoencoder,
)
from companion.train import fit_images
from tools.training.recipe import Recipe, digit_images, labelled_digits
from tools.training.selfsupervised.protocol import curve, pretrain

N_SEEDS, N_LABELS, N_STEPS = 3, (1, 4, 10, None), 300
SETTINGS = {"batch_size": 128, "learning_rate": 7e-3}
STEPS_WITH_LABELS = {1: 300, 4: 200, 10: 150, None: 250}
FINAL = 1437  # digits that are learned from where the test set is read


def held_out_of(learn):
    """Return the digits on which features are read that were learned from `learn`."""
    return labelled_digits(final=len(learn[0]) == FINAL)[1]


class Fixed(nn.Module):
    """Features that nothing was learned for, or by a method that is no network."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def encode(self, x):
        """Features of levels, (B, *event) to (B, d)."""
        return self.change(x)


def raw(learn, seed):
    """Pixels."""
    return Fixed(lambda x: x.flatten(1).double())


def principal(learn, seed, n_components=20):
    """Principal components of the pixels."""
    found = PCA(n_components).fit(learn[0].flatten(1).double())
    return Fixed(lambda x: found.transform(x.flatten(1).double()))


def random(learn, seed):
    """An encoder as it is drawn."""
    return initialize(ConvEncoder(), generator=torch.Generator().manual_seed(seed))


def network(learn, seed, make, n_steps=N_STEPS, **settings):
    """A method, trained without labels."""
    return pretrain(make(), learn[0], n_steps, seed, **(SETTINGS | settings))


def read_features(kept, learn, n_steps, seed, *, features, **settings):
    """Accuracies (seeds, readers, labels, draws) of a line and of neighbours."""
    found = []
    for i in range(len(kept.values)):
        model = features(learn, seed + i, **settings)
        model = model.eval()
        accuracies = [
            np.broadcast_to(a, 20)
            for reader in ("linear", "neighbors")
            for a in curve(model, learn, held_out_of(learn), reader=reader).accuracies
        ]
        found.append(np.reshape(accuracies, (2, 4, 20)))
    return kept.fill(np.stack(found))


def supervised(kept, learn, n_steps, seed):
    """Accuracies of the same encoder, trained from the labels alone, with views."""
    (x, y), (x_test, y_test), views = learn, held_out_of(learn), Views()
    found = []
    for n in N_LABELS:
        rows = label_draws(y.numpy(), n, 5)
        right = []
        for i, chosen in enumerate(rows):
            generator = torch.Generator().manual_seed(seed + i)
            model = Classified(views)
            model = initialize(model, generator=generator)
            told = {"learning_rate": 7e-3, "batch_size": min(len(chosen), 128)}
            chosen = torch.from_numpy(chosen)
            packed = torch.cat([x[chosen].flatten(1).float(), y[chosen, None].float()], dim=1)
            model, _ = fit_images(model, packed, STEPS_WITH_LABELS[n], generator=generator, **told)
            guess = model.head(functional.relu(model.encoder.encode(x_test))).argmax(dim=1)
            right.append((guess == y_test).double().mean().item())
        found.append(np.broadcast_to(right, 5))
    return kept.fill(np.reshape(found, (1, 1, 4, 5)))


class Classified(nn.Module):
    """The encoder with ten answers; rows hold the pixels and the label."""

    def __init__(self, views):
        super().__init__()
        self.encoder, self.head, self.views = ConvEncoder(), nn.Linear(64, 10), views

    def loss(self, x, *, generator=None):
        """Cross-entropy of views."""
        images = self.views(x[:, :-1].view(-1, 1, 8, 8) / 16, generator=generator)
        return functional.cross_entropy(
            self.head(functional.relu(self.encoder(images))), x[:, -1].long()
        )


def label_figures(kept, held_out):
    """Means over draws: of all networks, and the lowest and highest of them."""
    figures, values = {}, kept.values.double().mean(dim=3)  # (seeds, readers, labels)
    for j, n in enumerate(N_LABELS):
        for i, reader in enumerate(("linear", "neighbors")[: values.shape[1]]):
            said = values[:, i, j]
            name = f"{reader}_{n or 'all'}"
            figures |= {name: said.mean(), f"{name}_low": said.min(), f"{name}_high": said.max()}
    return figures


def row(title, features=None, n_seeds=N_SEEDS, fit=None, shape=None, tried=(), **settings):
    """Recipe of a row of the table."""
    return Recipe(
        data=labelled_digits,
        make=partial(Readings, *(shape or (n_seeds, 2, 4, 20))),
        fit=fit or partial(read_features, features=features),
        measure=label_figures,
        unit="accuracy",
        n_steps=N_STEPS,
        settings=settings,
        tried=tried,
        title=title,
        control=True,
    )


class PlainAutoencoder(Inpainting):
    """The control of in-painting: the same networks, no hole, every pixel drawn."""

    def generator_loss(self, x, *, generator=None):
        """Mean square over all pixels."""
        images = self.encoder.prepare(x)
        return functional.mse_loss(self.drawer(self.encoder(images)), images)


class WhollyScored(Inpainting):
    """Half way to the control: a hole is cut, and every pixel is drawn and scored."""

    def generator_loss(self, x, *, generator=None):
        """Mean square over all pixels, seen or not."""
        images, holes = self.start(x, generator)
        seen = images.masked_fill(holes, self.fill)
        return functional.mse_loss(self.drawer(self.encoder(seen)), images)


# -- Turned digits with a mark, and the same question asked of noise ------------------------------


def marked(x):
    """A scanner's line: the last row of pixels, paper there or not, gets two levels of ink."""
    x = x.clone()
    x[..., -1, :] = x[..., -1, :].clamp(min=2)
    return x


def evened(x):
    """The cure: all four edges get what the mark gives to one."""
    edge = torch.ones(x.shape[-2:], dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    return torch.where(edge, x.clamp(min=2), x)


CHANGES = {"clean": lambda x: x, "marked": marked, "cured": lambda x: evened(marked(x))}


def noise_like(x, seed):
    """Images of which each pixel is drawn from all pixels of x."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(x.numel(), x.shape, generator=generator)
    return x.flatten()[places]


def shortcuts(kept, learn, n_steps, seed, views=None, **settings):
    """Accuracies (changes, seeds, 3): of turns of digits, of turns of noise, of the probe."""
    (x, y), (x_test, y_test) = learn, held_out_of(learn)
    found = []
    for change in CHANGES.values():
        for i in range(kept.values.shape[1]):
            make = partial(RotationPrediction, views=views)
            model = network((change(x), y), seed + i, make, n_steps, **settings)
            turns = model.right(change(x_test)).double().mean().item()
            read = curve(model, (change(x), y), (change(x_test), y_test), n_labels=(4,))
            noisy, fresh = (change(noise_like(x, s)) for s in (100 + i, 200 + i))
            noisy = network((noisy, y), seed + i, make, n_steps, **settings)
            of_noise = noisy.right(fresh).double().mean().item()
            found.append([turns, of_noise, read.accuracies[0].mean()])
    return kept.fill(np.reshape(found, kept.values.shape))


def shortcut_figures(kept, held_out):
    """Means over seeds."""
    names = "turns", "noise", "probe"
    return {
        f"{change}_{name}": kept.values[i, :, j].double().mean()
        for i, change in enumerate(CHANGES)
        for j, name in enumerate(names)
    }


# -- Holes ---------------------------------------------------------------------------------------


def holes(n_networks=3, adversarial=False, weight=0.02):
    """Return three networks that fill holes."""

    def make():
        judge = ConvDiscriminator(norm=False) if adversarial else None
        return Inpainting(discriminator=judge, weight=weight)

    return nn.ModuleList(make() for _ in range(n_networks))


def fit_holes(models, learn, n_steps, seed, **settings):
    """Train each as a game from a seed of its own."""
    told, found = {"learning_rate": 2e-3, "betas": (0.5, 0.9), "batch_size": 128} | settings, []
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i)
        model = initialize(model, generator=generator)
        found.append(fit_gan(model, learn, n_steps, generator=generator, **told)[0])
    return nn.ModuleList(found)


def without_judges(kept, models):
    """The networks that fill, without those that judge."""
    for empty, model in zip(kept, models, strict=True):
        empty.generator.load_state_dict(model.generator.state_dict())
    return kept


def fills(images, model, seed=0):
    """Images with holes in their middle and the same ones filled."""
    hole = torch.zeros(len(images), 1, 8, 8, dtype=torch.bool)
    hole[:, :, 2:6, 2:6] = True
    return hole, model.restore(images, hole)


def fill_figures(models, held_out):
    """Mean square error in the hole and variance there, in levels squared."""
    errors, spreads = [], []
    for model in models:
        hole, filled = fills(held_out, model)
        errors.append((filled - held_out)[hole].square().mean())
        spreads.append(filled[hole].view(len(filled), -1).var(dim=0).mean())
    return {"squared error": sum(errors) / len(errors), "variance": sum(spreads) / len(spreads)}


# -- Colours --------------------------------------------------------------------------------------

COLORED = ("astronaut", "cat", "coffee", "rocket", "retina", "tissue", "china", "flower")


def photographs(names=COLORED, size=128):
    """Square photographs, uint8 (n, 3, size, size)."""
    return torch.stack([torch.from_numpy(data.picture(n, size=size)) for n in names]).movedim(-1, 1)


def crops(pictures, columns, size, n, seed):
    """Squares from random places between two columns."""
    generator = torch.Generator().manual_seed(seed)
    low, high = columns
    draw = torch.rand(3, n, generator=generator)
    which = (len(pictures) * draw[0]).long()
    top = ((pictures.shape[2] - size + 1) * draw[1]).long()
    left = low + ((high - low - size + 1) * draw[2]).long()
    return torch.stack(
        [
            pictures[i, :, r : r + size, c : c + size]
            for i, r, c in zip(which.tolist(), top.tolist(), left.tolist(), strict=True)
        ]
    )


def colored(final):
    """Crops of the left of photographs, and strips of what is right of it."""
    pictures = photographs()
    edges = (0, 80, 128) if final else (0, 48, 80)
    return crops(pictures, edges[:2], 32, 4000, 0), pictures[..., edges[1] : edges[2]]


def palette():
    """Colours that occur on the left of the photographs."""
    return grid_palette(split_colors(photographs()[..., :80])[1], 0.08, 2e-3)


def color_figures(model, held_out):
    """Root of the mean square of chroma, and share of pixels with the right colour."""
    chroma = split_colors(held_out)[1]
    wanted = nearest_color(chroma, model.palette)
    return {
        "chroma error": (model.colors(held_out) - chroma).square().mean().sqrt(),
        "likeliest error": (model.colors(held_out, 0.05) - chroma).square().mean().sqrt(),
        "accuracy": (model(split_colors(held_out)[0]).argmax(1) == wanted).double().mean(),
    }


def fit_plain(model, learn, n_steps, seed, **settings):
    """As `pretrain`."""
    return pretrain(model, learn, n_steps, seed, **settings)


# -- Split brains ---------------------------------------------------------------------------------


def scenes(final):
    """Pictures with one object, and its shape and colour."""
    some = data.scenes(4000, size=16, random_state=0)
    alone = some.objects[:, 1, 0] < 0
    images, answers = torch.from_numpy(some.images[alone]), torch.from_numpy(some.objects[alone, 0])
    n, m = (1400, 600) if final else (1000, 400)
    return (images[:n], answers[:n, :2]), (images[n : n + m], answers[n : n + m, :2])


def split_rows(kept, learn, n_steps, seed, **settings):
    """Accuracies (kinds, seeds, 2): of shape and of colour, by a line, with ten labels a class."""
    (x, y), (x_test, y_test) = learn, scenes(final=len(learn[0]) == 1400)[1]

    def drawn(crossed, seed):
        model = SplitBrainAutoencoder(crossed=crossed)
        return initialize(model, generator=torch.Generator().manual_seed(seed))

    def taught(crossed, seed):
        told = {"batch_size": 128, "learning_rate": 5e-3} | settings
        return pretrain(SplitBrainAutoencoder(crossed=crossed), x, n_steps, seed, **told)

    kinds = (
        lambda s: taught(True, s),
        lambda s: taught(False, s),
        lambda s: drawn(True, s),
        lambda s: Fixed(lambda x: x.flatten(1).double()),
    )
    found = []
    for make in kinds:
        for i in range(kept.values.shape[1]):
            model = make(seed + i).eval()
            for j in range(2):
                told = {"n_labels": (10,), "n_draws": 10}
                read = curve(model, (x, y[:, j]), (x_test, y_test[:, j]), **told)
                found.append(read.accuracies[0].mean())
    return kept.fill(np.reshape(found, kept.values.shape))


def split_figures(kept, held_out):
    """Means over seeds."""
    names = "crossed", "straight", "random", "raw"
    return {
        f"{name}_{what}": kept.values[i, :, j].double().mean()
        for i, name in enumerate(names)
        for j, what in enumerate(("shape", "colour"))
    }


# -- Patches side by side -------------------------------------------------------------------------

TEXTURED = tuple(
    name for name in data.PICTURES if name not in ("moon", "galaxies", "clock", "coins")
)
KINDS = ("plain", "lens")


def grey_photographs(final):
    """Left and right of photographs, grey, as windows of 48 pixels."""
    pictures = photographs(TEXTURED, size=256)
    grey = (255 * split_colors(pictures)[0]).round().to(torch.uint8)
    edges = (0, 152, 256) if final else (0, 92, 152)
    return crops(grey, edges[:2], 48, 4000, 0), crops(grey, edges[1:], 48, 1000, 1)


def smooth_noise(n, seed, side=48):
    """Noise in which neighbouring pixels are alike, as levels."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, side + 4, side + 4, generator=generator)
    x = functional.avg_pool2d(functional.avg_pool2d(x, 3, 1), 3, 1)
    return (128 + 128 * x).clamp(0, 255).to(torch.uint8)


def lens(x, strength=0.5):
    """A cheap lens: windows get darker towards their corners."""
    place = torch.linspace(-1, 1, x.shape[-1]) ** 2 / 2
    return (x * (1 - strength * (place + place[:, None]))).round().to(torch.uint8)


def relative_rows(kept, learn, n_steps, seed, **settings):
    """Accuracies (kinds, seeds, 2): of the place in photographs, and in smooth noise."""
    final = torch.equal(learn, grey_photographs(final=True)[0])
    found, told = [], {"batch_size": 64, "learning_rate": 5e-3} | settings
    photos = learn, grey_photographs(final)[1]
    for change in (lambda x: x, lens):
        for i in range(kept.values.shape[1]):
            noise = smooth_noise(2000, i), smooth_noise(2000, 99)
            for shown, asked in (photos, noise):
                model = pretrain(RelativePatch(), change(shown), n_steps, seed + i, **told)
                draw = torch.Generator().manual_seed(7)
                right = model.right(change(asked), generator=draw)
                found.append(right.double().mean().item())
    return kept.fill(np.reshape(found, kept.values.shape))


def relative_figures(kept, held_out):
    """Means over seeds."""
    return {
        f"{name}_{what}": kept.values[i, :, j].double().mean()
        for i, name in enumerate(KINDS)
        for j, what in enumerate(("photos", "noise"))
    }


# -- Films ----------------------------------------------------------------------------------------


def films(final):
    """Pairs of frames, and films to be tracked in."""
    learn = moving_shapes(500 if final else 400, random_state=0).clips
    pairs = torch.stack([learn[:, :-1], learn[:, 1:]], dim=2).flatten(0, 1)
    return pairs, moving_shapes(100, random_state=1 if final else 2).clips


def trackers(n_networks=3, **settings):
    """Return three networks that point."""
    told = {"reach": 5} | settings
    make = partial(VideoColorization, torch.from_numpy(FILM_COLORS), **told)
    return nn.ModuleList(make() for _ in range(n_networks))


def fit_trackers(models, learn, n_steps, seed, **settings):
    """Train each from a seed of its own."""
    return nn.ModuleList(
        pretrain(model, learn, n_steps, seed + i, **settings) for i, model in enumerate(models)
    )


def track_figures(models, held_out):
    """Share of the objects' pixels in the last frame that are given the right label."""
    film = moving_shapes(100, random_state=1)
    if not torch.equal(film.clips, held_out):
        film = moving_shapes(100, random_state=2)
    first = functional.one_hot(film.labels[:, 0], 3).movedim(-1, 1).float()
    on = film.labels[:, -1] > 0
    right = [
        (m.carry(film.clips, first)[:, -1].argmax(1) == film.labels[:, -1])[on].double().mean()
        for m in models
    ]
    return {"tracked": sum(right) / len(right), "lowest": min(right), "highest": max(right)}


other = partial(Recipe, control=True, on="photographs")

filling = partial(
    other,
    data=digit_images,
    fit=fit_holes,
    measure=fill_figures,
    unit="levels squared",
    n_steps=250,
    keep=without_judges,
    kept=holes,
    on="digits",
)

RECIPES = {
    "pretext_raw": row("Pixels", raw, 1),
    "pretext_principal": row("Principal components", principal, 1),
    "pretext_random": row("Encoder as drawn", random),
    "pretext_inpainting": row("In-painting", partial(network, make=Inpainting)),
    "pretext_plain": row("Autoencoder", partial(network, make=PlainAutoencoder)),
    "pretext_wholly": row("In-painting, all scored", partial(network, make=WhollyScored)),
    "pretext_rotation": row(
        "Rotation prediction", partial(network, make=partial(RotationPrediction, views=Views()))
    ),
    "pretext_masked": row(
        "Masked autoencoder",
        partial(network, make=MaskedAutoencoder, n_steps=300),
        learning_rate=5e-3,
    ),
    "pretext_supervised": row("Labels alone", fit=supervised, shape=(1, 1, 4, 5)),
    "pretext_shortcuts": Recipe(
        data=labelled_digits,
        make=partial(Readings, 3, 3, 3),
        fit=shortcuts,
        measure=shortcut_figures,
        unit="accuracy",
        n_steps=120,
        title="Rotation prediction with a mark",
        control=True,
    ),
    "pretext_holes": filling(
        make=partial(holes, adversarial=True, weight=0.0),  # all but the judge's say is the same
        title="In-painting, three networks",
    ),
    "pretext_holes_judged": filling(
        make=partial(holes, adversarial=True),
        title="In-painting with a discriminator, three networks",
    ),
    "pretext_drawn": other(
        data=digit_images,
        make=MaskedAutoencoder,
        fit=fit_plain,
        measure=lambda model, x: {
            "squared error": model.loss(x, generator=torch.Generator().manual_seed(0))
        },
        unit="squared error",
        n_steps=500,
        settings={"batch_size": 128, "learning_rate": 5e-3},
        title="Masked autoencoder, its drawings",
        on="digits",
    ),
    "pretext_colors": other(
        data=colored,
        make=lambda: Colorization(palette()),
        fit=fit_plain,
        measure=color_figures,
        unit="chroma error",
        n_steps=600,
        settings={"batch_size": 12, "learning_rate": 5e-3},
        title="Colourisation",
    ),
    "pretext_split": other(
        data=scenes,
        make=partial(Readings, 4, 2, 2),
        fit=split_rows,
        measure=split_figures,
        unit="accuracy",
        n_steps=150,
        title="Split-brain autoencoder",
        on="scenes",
    ),
    "pretext_relative": other(
        data=grey_photographs,
        make=partial(Readings, 2, 2, 2),
        fit=relative_rows,
        measure=relative_figures,
        unit="accuracy",
        n_steps=150,
        title="Relative patches",
    ),
    "pretext_tracks": other(
        data=films,
        make=trackers,
        fit=fit_trackers,
        measure=track_figures,
        unit="accuracy",
        n_steps=200,
        settings={"batch_size": 8, "learning_rate": 5e-3},
        tried=[{"temperature": 0.1}, {"temperature": 0.02}, {"reach": None}],
        title="Video colourisation, three networks",
        on="films",
    ),
}
