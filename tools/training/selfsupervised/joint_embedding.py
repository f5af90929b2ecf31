"""Joint embeddings by the protocol, each without one of its parts; pictures and captions.

Batches of 128 and 300 steps, five seeds on digits: label curves are kept, and how far the features
are from collapse. Settings are compared on training images held out; test images are read once.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from companion import data
from companion.adversarial.captions import meaning, tokenize
from companion.adversarial.matching import fit_matcher
from companion.adversarial.scene_judge import SceneJudge
from companion.components.pca import PCA
from companion.layers import initialize
from companion.selfsupervised.clip import CLIP
from companion.selfsupervised.encoder import TwoViews, Views
from companion.selfsupervised.joint_embedding import BYOL, VICReg, WatchedCurves
from companion.train import descend, fit, fit_images, minibatches
from tools.training.recipe import Recipe
from tools.training.selfsupervised.protocol import curve, encoder, figures, labelled, pretrain

N_STEPS, BATCH_SIZE, SEEDS = 300, 128, 5


def measured_on(learn, name):
    """Return what to measure on: the test set, if all training images were learned from."""
    final = len(learn[0]) == len(labelled(name, final=True)[0][0])
    return labelled(name, final)[1]


def nothing():
    """Begin with an empty list of models."""
    return []


def train_views(
    models, learn, n_steps, seed, *, kind, name, n_models, batch_size=BATCH_SIZE, **told
):
    """Train one model a seed; return them, with what they learned from."""
    settings = {"batch_size": batch_size}
    settings |= {key: told.pop(key) for key in ("learning_rate",) if key in told}
    for i in range(n_models):
        # Channels last: the same convolutions, a quarter faster on a CPU.
        model = kind(encoder(name), **told).to(memory_format=torch.channels_last)
        models.append(pretrain(model, learn[0], n_steps, seed + i, **settings))
    return models, learn


def read_views(kept, trained, *, name):
    """Keep the label curves and the alarms of trained models."""
    models, learn = trained
    held_out = measured_on(learn, name)
    for row, model in enumerate(models):
        found = []
        for reader in ("linear", "neighbors")[: kept.right.shape[1] // 4]:
            found += curve(model, learn, held_out, reader=reader).accuracies
        kept.keep(row, found, len(held_out[0]))
        kept.watch(row, model.encode(held_out[0]))
    return kept


def measure(kept, held_out):
    """Means and spreads of the curves, and the mean alarms."""
    alarms = {"spread": kept.spreads.mean(), "dimensions": kept.dimensions.mean()}
    return figures(kept.accuracies()) | alarms


def views_recipe(title, kind, name="digits", n_models=SEEDS, n_numbers=8, **options):
    """Return a recipe of a method of two views."""
    return Recipe(
        data=partial(labelled, name),
        make=nothing,
        fit=partial(train_views, kind=kind, name=name, n_models=n_models),
        keep=partial(read_views, name=name),
        kept=partial(WatchedCurves, n_models, n_numbers=n_numbers),
        measure=measure,
        unit="accuracy",
        title=title,
        on=name,
        control=True,
        **({"n_steps": N_STEPS} | options),
    )


class Fixed(nn.Module):
    """Features that no network has learned: a function of the pixels."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def encode(self, x):
        """Features of levels."""
        flat = np.asarray(x, dtype=float).reshape(len(x), -1)
        return torch.from_numpy(np.asarray(self.function(flat)))


def read_fixed(kept, learn, n_steps, seed, *, name):
    """Read pixels, leading directions, and networks with random weights (all other rows)."""
    held_out = measured_on(learn, name)
    flat = np.asarray(learn[0], dtype=float).reshape(len(learn[0]), -1)
    models = [Fixed(lambda x: x), Fixed(PCA(40).fit(flat).transform)]
    for i in range(len(kept.right) - len(models)):
        generator = torch.Generator().manual_seed(seed + i)
        models.append(initialize(encoder(name), generator=generator))
    for row, model in enumerate(models):
        readers = ("linear", "neighbors")
        found = [curve(model, learn, held_out, reader=reader).accuracies for reader in readers]
        kept.keep(row, found[0] + found[1], len(held_out[0]))
        kept.watch(row, model.encode(held_out[0]))
    return kept


def baselines(name):
    """Return the recipe of what is not learned by a network; its figures are those of pixels."""
    return Recipe(
        data=partial(labelled, name),
        make=partial(WatchedCurves, 2 + SEEDS, n_numbers=8),
        fit=partial(read_fixed, name=name),
        measure=lambda kept, held_out: figures(kept.accuracies(0)),
        unit="accuracy",
        title="Pixels, leading directions, random networks",
        on=name,
        control=True,
        n_steps=1,
    )


def ablated(title, kind, **told):
    """Return a recipe of a method without one of its parts."""
    return views_recipe(title, partial(kind, **told), n_models=3, n_numbers=4)


class Classifier(TwoViews):
    """The encoder with a linear layer for the classes, trained on changed images."""

    def __init__(self, encoder, n_classes):
        super().__init__(encoder)
        self.projector = nn.Linear(encoder.n_features, n_classes)

    def loss(self, index, x, y, *, generator=None):
        """Cross-entropy of the images of these numbers."""
        view = self.views(self.encoder.prepare(x[index]), generator=generator)
        return functional.cross_entropy(self.projector(self.encoder(view)), y[index])


def tune(kept, learn, n_steps, seed, *, n_first=500, slow=1e-3):
    """Train VICReg, then all of it with all labels; and the same network from random weights."""
    (x, y), held_out = learn, measured_on(learn, "digits")
    found = []
    for first in (n_first, 0):
        generator = torch.Generator().manual_seed(seed)
        if first:
            network = pretrain(VICReg(encoder()), x, first, seed, batch_size=BATCH_SIZE).encoder
        else:
            network = initialize(encoder(), generator=generator)
        model = Classifier(network.requires_grad_(True), 10)
        initialize(model.projector, generator=generator)
        model.loss = partial(Classifier.loss, model, x=x, y=y)
        rate = {"learning_rate": slow if first else 7e-3, "batch_size": BATCH_SIZE}
        model, _ = fit_images(model, torch.arange(len(x)), n_steps, generator=generator, **rate)
        named = model.projector(model.encode(held_out[0])).argmax(dim=1)
        found.append((named == held_out[1]).double().mean().item())
    for row, accuracy in enumerate(found):
        kept.keep(row, [np.array([])] * 3 + [np.array([accuracy])], len(held_out[0]))
    return kept


def scenes(final):
    """Return scenes to learn from, and others of both splits to measure on."""
    learn = data.scenes(6000, size=16, random_state=0)
    seed = 9 if final else 7
    splits = {"train": "train", "new": "held_out"}
    held_out = {
        name: data.scenes(1500, size=16, split=split, random_state=seed)
        for name, split in splits.items()
    }
    return as_tensors(learn), {name: as_tensors(some) for name, some in held_out.items()}


def as_tensors(some):
    """Return images, and captions as a list."""
    return torch.from_numpy(some.images), some.captions


def several(make, n=3):
    """Return networks that differ in their seeds."""
    return nn.ModuleList(make() for _ in range(n))


def fit_pairs(networks, learn, n_steps, seed, *, learning_rate=6e-3):
    """Train each from images and captions."""
    images, tokens = learn[0], tokenize(learn[1])
    for i in range(len(networks)):
        generator = torch.Generator().manual_seed(seed + i)
        network = initialize(networks[i], generator=generator)
        told = {"generator": generator, "learning_rate": learning_rate}
        networks[i], _ = fit_matcher(network, images, tokens, n_steps, **told)
    return networks.requires_grad_(False)


def fit_judges(networks, learn, n_steps, seed, *, learning_rate=6e-3):
    """Train each from images and labels: how many things, and shape, colour and size of each."""
    (images, captions), batch = learn, 64
    layout, objects = meaning(captions)
    for i in range(len(networks)):
        generator = torch.Generator().manual_seed(seed + i)
        network = initialize(networks[i], generator=generator).train()
        optimizer = torch.optim.Adam(network.parameters(), learning_rate, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=n_steps
        )

        def step(rows, network=network, optimizer=optimizer, schedule=schedule, draw=generator):
            loss = network.loss(images[rows], layout[rows], objects[rows], generator=draw)
            loss = descend(loss, optimizer)
            schedule.step()
            return loss

        rows = minibatches(torch.arange(len(images)), batch_size=batch, generator=generator)
        fit(step, rows, n_steps)
    return networks.eval().requires_grad_(False)


def measure_pairs(networks, held_out):
    """Share of single things named rightly, of known and of new combinations: one name of 48."""
    names = [
        f"a {'small ' * (size == 'small')}{color} {shape}"
        for shape in data.SHAPES
        for color in data.COLORS
        for size in data.SIZES
    ]
    told = {}
    for name, (images, captions) in held_out.items():
        alone = torch.tensor([len(caption.split()) <= 4 for caption in captions])
        single = [caption for caption in captions if len(caption.split()) <= 4]
        right = [
            names[i] == caption
            for network in networks
            for i, caption in zip(
                network.name(images[alone], tokenize(names)).tolist(), single, strict=True
            )
        ]
        told[name] = sum(right) / len(right)
    return told


def measure_judges(networks, held_out):
    """Share of single things with shape, colour and size told rightly."""
    told = {}
    for name, (images, captions) in held_out.items():
        alone = torch.tensor([len(caption.split()) <= 4 for caption in captions])
        single = [caption for caption in captions if len(caption.split()) <= 4]
        right = [network.check(images[alone], single)["all"] for network in networks]
        told[name] = torch.cat(right).double().mean()
    return told


pairs = partial(Recipe, data=scenes, unit="accuracy", on="scenes", n_steps=900, control=True)

RECIPES = {
    "vicreg_digits": views_recipe(
        "VICReg",
        VICReg,
        tried=[{"learning_rate": 1e-2}, {"invariance": 10.0}, {"covariance": 4.0}],
    ),
    "byol_digits": views_recipe(
        "BYOL",
        BYOL,
        tried=[{"decay": 0.9}, {"decay": 0.99}, {"learning_rate": 1e-2}, {"normalize": False}],
    ),
    "baselines_digits": baselines("digits"),
    "baselines_letters": baselines("letters"),
    "vicreg_letters": views_recipe("VICReg", VICReg, "letters", 1, n_steps=250),
    "byol_letters": views_recipe("BYOL", BYOL, "letters", 1, n_steps=250),
    "vicreg_long": views_recipe(
        "VICReg, twice the steps, bolder views",
        partial(VICReg, views=Views(bend=0.2, ripple=0.5)),
        n_models=2,
        n_steps=600,
    ),
    "vicreg_alone": ablated("Invariance alone", VICReg, variance=0.0, covariance=0.0),
    "vicreg_no_invariance": ablated("VICReg without invariance", VICReg, invariance=0.0),
    "vicreg_no_variance": ablated("VICReg without variance", VICReg, variance=0.0),
    "vicreg_no_covariance": ablated("VICReg without covariance", VICReg, covariance=0.0),
    "byol_no_predictor": ablated("BYOL without a predictor", BYOL, predict=False),
    "byol_no_stop": ablated("BYOL without the stop", BYOL, stop_gradient=False),
    "byol_hasty": ablated("BYOL, target one step old", BYOL, decay=0.0),
    "byol_frozen": ablated("BYOL, target never moves", BYOL, decay=1.0),
    "byol_plain": ablated("BYOL, heads without normalisation", BYOL, normalize=False),
    "byol_plain_slow": ablated(
        "BYOL, heads without normalisation, slower target", BYOL, normalize=False, decay=0.99
    ),
    "vicreg_tuned": Recipe(
        data=partial(labelled, "digits"),
        make=partial(WatchedCurves, 2, n_numbers=4),
        fit=tune,
        measure=lambda kept, held_out: {
            "linear_all": kept.accuracies(0)[3].mean(),
            "from_random": kept.accuracies(1)[3].mean(),
        },
        unit="accuracy",
        title="VICReg, then all of it trained with all labels",
        n_steps=500,
        control=True,
    ),
    "clip": pairs(make=partial(several, CLIP), fit=fit_pairs, measure=measure_pairs, title="CLIP"),
    "scene_labels": pairs(
        make=partial(several, SceneJudge),
        fit=fit_judges,
        measure=measure_judges,
        title="Classifier of attributes, trained with labels",
    ),
}
