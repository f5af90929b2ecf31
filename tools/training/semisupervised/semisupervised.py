"""Digits with few labels: an encoder that saw none, and what each method answers.

Kept are answers about all digits, not weights: each method is trained on several draws of the
labels. Settings are compared on training images held out (``final=False``).
"""

from functools import partial

import numpy as np
import torch

from companion import data
from companion.layers import initialize
from companion.selfsupervised.encoder import ConvEncoder
from companion.selfsupervised.joint_embedding import VICReg
from companion.selfsupervised.protocol import label_draws
from companion.semisupervised.consistency import (
    MeanTeacher,
    PiModel,
    TemporalEnsembling,
    UnsupervisedDataAugmentation,
)
from companion.semisupervised.learner import Answers, Classifier, FewLabels, fit_few_labels
from companion.semisupervised.self_training import EntropyMinimization, FixMatch, PseudoLabel
from companion.semisupervised.spreading import SpreadLabels
from companion.train import load_weights
from tools.training.recipe import Recipe, labelled_digits
from tools.training.selfsupervised.protocol import pretrain

DRAWS = {1: 20, 2: 5, 4: 5, 10: 5, None: 1}  # of the labels, by labels a class
SEED = 7  # of the draws


def all_images():
    """Return the images of training and test set together; no labels."""
    x, _, x_test, _ = data.digits()
    return torch.from_numpy(np.concatenate([x, x_test]))


def sizes(numbers, first=None):
    """How many draws of each number of labels; `first`: at most so many."""
    return [min(DRAWS[n], first or DRAWS[n]) for n in numbers]


def draws(y, numbers, first=None):
    """Yield the indices of the labelled images, for each number of labels a class and each draw."""
    for n, size in zip(numbers, sizes(numbers, first), strict=True):
        yield from label_draws(y.numpy(), n, size, random_state=SEED)


class EveryDraw(torch.nn.Module):
    """Place of a method whose classifiers are trained one for each draw of the labels."""

    def __init__(self):
        super().__init__()
        self.answers = []


def vicreg(learn):
    """Encoder trained without labels on these images; on all of them it is the checkpoint."""
    model = VICReg(ConvEncoder())
    if len(learn) == len(data.digits().x_train):
        return load_weights(model, "semisupervised/vicreg").requires_grad_(True).encoder
    return pretrain(model, learn, 600).encoder


def fit(place, learn, n_steps, seed, *, method, numbers, first=None, start=False, **settings):
    """Train a classifier for each draw, and keep what each says of all digits."""
    (x, y), images = learn, all_images()
    encoder = vicreg(x).state_dict() if start else None
    told = {key: settings.pop(key) for key in tuple(settings) if key in OF_TRAINING}
    for i, chosen in enumerate(draws(y, numbers, first)):
        generator = torch.Generator().manual_seed(seed + i)
        network = Classifier(initialize(ConvEncoder(), generator=generator))
        network = initialize(network, generator=generator)
        if start:
            network.encoder.load_state_dict(encoder)
        model = learner(method, network, x, chosen, y[chosen], settings)
        model, _ = fit_few_labels(
            model, x, (x[chosen], y[chosen]), n_steps, generator=generator, **told
        )
        place.answers.append(model.predict_proba(images).argmax(dim=1))
    return place


OF_TRAINING = ("learning_rate", "batch_size", "n_labelled", "weight_decay")


def learner(method, network, x, chosen, y, settings):
    """Make the model of a method."""
    if method is SpreadLabels:
        return method(network, x, chosen, y, **settings)
    if method is TemporalEnsembling:
        return method(network, len(x), **settings)
    return method(network, **settings)


def keep(kept, place):
    """Put the answers where they are kept."""
    kept.classes.copy_(torch.stack(place.answers))
    return kept


def measure(kept, held_out, *, numbers, first=None):
    """Accuracies by labels a class, means over the draws, and the lowest."""
    parts = kept.correct(*held_out).split(sizes(numbers, first))
    return {
        f"{kind} {'all' if n is None else n}": value
        for n, part in zip(numbers, parts, strict=True)
        for kind, value in {"accuracy": part.mean(), "lowest": part.min()}.items()
    }


def method(title, kind, numbers, n_steps, settings=None, tried=(), first=None, **told):
    """Return the recipe of a method on all draws of these numbers of labels."""
    return Recipe(
        data=labelled_digits,
        make=EveryDraw,
        fit=partial(fit, method=kind, numbers=numbers, first=first, **told),
        measure=partial(measure, numbers=numbers, first=first),
        unit="accuracy",
        n_steps=n_steps,
        settings={"learning_rate": 1e-2} | (settings or {}),
        tried=tried,
        kept=lambda: Answers(sum(sizes(numbers, first)), all_images()),
        keep=keep,
        title=title,
        control=True,
        n_trainings=sum(sizes(numbers, first)),
    )


def pretrained(model, learn, n_steps, seed):
    """Train VICReg without labels."""
    return pretrain(model, learn[0], n_steps, seed)


def nearest_agree(model, held_out):
    """Share of held-out images whose nearest other one, by cosine, is of the same class."""
    x, y = held_out
    z = torch.nn.functional.normalize(model.encode(x), dim=1)
    nearest = (z @ z.T).fill_diagonal_(-1).argmax(dim=1)
    return {"accuracy": (y[nearest] == y).double().mean()}


def encoder_of(seed):
    """Return the recipe of an encoder; that of seed 0 is used, others say how much it matters."""
    return Recipe(
        data=labelled_digits,
        make=lambda: VICReg(ConvEncoder()),
        fit=pretrained,
        measure=nearest_agree,
        unit="accuracy",
        n_steps=600,
        seed=seed,
        title="VICReg, nearest other image" + (f", seed {seed}" if seed else ""),
        control=True,
    )


SMALL, EACH = (2,), tuple(DRAWS)
BATCH = {"batch_size": 96, "n_labelled": 32}
MATCH = BATCH | {"aligned": True, "threshold": 0.8}
LABELS = {"batch_size": 8, "n_labelled": 64}  # of 8 images without labels nothing is asked
SPREAD = {"learning_rate": 3e-3, "batch_size": 192, "n_labelled": 16}

RECIPES = {
    "vicreg": encoder_of(0),
    "vicreg_1": encoder_of(1),
    "vicreg_2": encoder_of(2),
    "spread": method("Labels spread, VICReg", SpreadLabels, EACH, 150, SPREAD, start=True),
    "fixmatch": method(
        "FixMatch, aligned",
        FixMatch,
        EACH,
        150,
        MATCH,
        [{"threshold": 0.95}, {"threshold": 0.95, "aligned": False}],
    ),
    "supervised": method(
        "Labels only, the same views",
        FewLabels,
        EACH,
        150,
        LABELS,
        [{"learning_rate": 3e-3}, {"n_steps": 60}, {"n_steps": 400}],
    ),
    "fixmatch_plain": method(
        "FixMatch, as published", FixMatch, SMALL, 150, BATCH | {"threshold": 0.95}
    ),
    "fixmatch_high": method(
        "FixMatch, aligned, high threshold", FixMatch, SMALL, 150, MATCH | {"threshold": 0.95}
    ),
    "fixmatch_uneven": method(
        "FixMatch, low threshold", FixMatch, SMALL, 150, MATCH | {"aligned": False}
    ),
    "fixmatch_long": method(
        "FixMatch, aligned, four times the steps", FixMatch, (1,), 600, MATCH, first=3
    ),
    "seen": method(
        "Labels only, free images in the normalisation",
        PiModel,
        SMALL,
        150,
        BATCH | {"weight": 0.0},
    ),
    "entropy": method("Entropy minimisation", EntropyMinimization, SMALL, 150, BATCH),
    "pseudo": method("Pseudo labels", PseudoLabel, SMALL, 150, BATCH | {"n_ramp": 75}),
    "pi": method("Pi-model", PiModel, SMALL, 150, BATCH | {"weight": 30.0, "n_ramp": 75}),
    "temporal": method(
        "Temporal ensembling",
        TemporalEnsembling,
        SMALL,
        150,
        BATCH | {"weight": 30.0, "n_ramp": 75},
    ),
    "teacher": method(
        "Mean teacher", MeanTeacher, SMALL, 150, BATCH | {"weight": 30.0, "n_ramp": 75}
    ),
    "uda": method("UDA", UnsupervisedDataAugmentation, SMALL, 150, BATCH),
}
