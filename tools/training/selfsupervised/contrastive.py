"""Contrastive methods by one protocol: label curves are kept, not weights.

Batches of 128 and 250 steps, five seeds on digits. Settings are compared on training images held
out; the test images are read once.
"""

from functools import partial

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from companion.clustering.kmeans import KMeans
from companion.components.pca import PCA
from companion.layers import initialize
from companion.selfsupervised.contrastive import (
    SimCLR,
    supervised_contrastive,
    view_mutual_information,
)
from companion.selfsupervised.encoder import TwoViews, Views, unit
from companion.selfsupervised.momentum import MemoryBank, MoCo
from companion.selfsupervised.protocol import KeptCurves, label_draws
from companion.selfsupervised.ranking import RankingStatistics, matched_accuracy
from tools.training.recipe import Recipe
from tools.training.selfsupervised.protocol import curve, encoder, figures, labelled, pretrain

N_STEPS, BATCH_SIZE, SEEDS = 250, 128, 5


class ByIndex(nn.Module):
    """A model whose loss needs to know which images it sees: trained on their numbers."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.ask = model, loss

    def begin(self, *, generator):
        """Pass it on."""
        if hasattr(self.model, "begin"):
            self.model.begin(generator=generator)

    def update(self):
        """Pass it on."""
        if hasattr(self.model, "update"):
            self.model.update()

    @property
    def encoder(self):
        """That of the model."""
        return self.model.encoder

    def encode(self, x):
        """Features."""
        return self.model.encode(x)

    def loss(self, index, *, generator=None):
        """Loss of the images of these numbers."""
        return self.ask(self.model, index, generator)


class Layer(nn.Module):
    """Features of a model after so many layers of its projector."""

    def __init__(self, model, n_layers):
        super().__init__()
        self.model, self.n_layers = model, n_layers

    @torch.no_grad()
    def encode(self, x):
        """Outputs of that layer."""
        return self.model.projector[: self.n_layers](self.model.encode(x))


class Fixed(nn.Module):
    """Features that are not learned by a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def encode(self, x):
        """Features of levels."""
        return self.function(np.asarray(x, dtype=float).reshape(len(x), -1))


def by_index(model, loss, n_images, **options):
    """Train on the numbers of the images."""
    options = {"batch_size": BATCH_SIZE} | options
    return pretrain(ByIndex(model, loss), torch.arange(n_images), **options)


def simclr(learn, n_steps, seed, *, name="digits", layers=(), views=None, temperature=0.5, **told):
    """SimCLR; with `layers` the outputs of its projector too."""
    model = SimCLR(encoder(name), views, temperature=temperature)
    model = pretrain(model, learn[0], n_steps, seed, **{"batch_size": BATCH_SIZE} | told)
    return [model, *(Layer(model, n) for n in layers)]


def moco(
    learn,
    n_steps,
    seed,
    *,
    name="digits",
    n_queue=512,
    momentum=0.99,
    temperature=0.5,
    **told,
):
    """MoCo."""
    model = MoCo(encoder(name), n_queue=n_queue, decay=momentum, temperature=temperature)
    return [pretrain(model, learn[0], n_steps, seed, **{"batch_size": BATCH_SIZE} | told)]


def bank(learn, n_steps, seed, *, n_negatives=256, temperature=0.2, memory=0.9, **told):
    """Memory bank."""
    options = {"n_negatives": n_negatives, "temperature": temperature, "memory": memory}
    model = MemoryBank(len(learn[0]), encoder(), **options)

    def loss(model, index, generator):
        return model.loss(learn[0][index], index, generator=generator)

    return [by_index(model, loss, len(learn[0]), n_steps=n_steps, seed=seed, **told)]


def supcon(learn, n_steps, seed, *, temperature=0.2, **told):
    """Supervised contrastive learning, told all labels."""
    x, y = learn

    def loss(model, index, generator):
        views = model.two_views(x[index], generator=generator)
        z = torch.cat([model.projector(model.encoder(view)) for view in views])
        return supervised_contrastive(z, y[index].repeat(2), temperature)

    return [by_index(TwoViews(encoder()), loss, len(x), n_steps=n_steps, seed=seed, **told)]


def classifier(learn, n_steps, seed, *, views=None, **told):
    """Return a network trained by cross-entropy on changed images: encoder, views and a layer."""
    x, y = learn
    model = TwoViews(encoder(), views, n_outputs=int(y.max()) + 1)
    model.projector = nn.Linear(64, int(y.max()) + 1)

    def loss(model, index, generator):
        view = model.views(model.encoder.prepare(x[index]), generator=generator)
        return functional.cross_entropy(model.projector(model.encoder(view)), y[index])

    size = min(BATCH_SIZE, len(x))
    return by_index(model, loss, len(x), n_steps=n_steps, seed=seed, batch_size=size, **told).model


def measured_on(learn, name):
    """Return what to measure on: the test set, if all training images were learned from."""
    final = len(learn[0]) == len(labelled(name, final=True)[0][0])
    return labelled(name, final)[1]


@torch.no_grad()
def views_share(model, x, n=256):
    """Nats that the views of images share, at least: the best scale of the cosines is taken."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(4):
        some = x[torch.randperm(len(x), generator=generator)[:n]]
        cosines = [
            unit(model.projector(model.encoder(v)))
            for v in model.two_views(some, generator=generator)
        ]
        found.append(cosines[0] @ cosines[1].T)
    scales = [2.0**i for i in range(-2, 9)]
    return max(np.mean([view_mutual_information(s * scores) for scores in found]) for s in scales)


def fit(kept, learn, n_steps, seed, *, ways, name="digits", n_seeds=SEEDS, share=False, **told):
    """Train by each way from each seed; keep the curves, way after way."""
    held_out, row = measured_on(learn, name), 0
    for way in ways:
        for i in range(n_seeds):
            for model in way(learn, n_steps, seed + i, **told):
                nats = views_share(model.eval(), held_out[0]) if share else 0.0
                readers = ("linear", "neighbors")[: kept.right.shape[1] // 4]
                found = [curve(model, learn, held_out, reader=r).accuracies for r in readers]
                found = [accuracies for table in found for accuracies in table]
                kept.keep(row, found, len(held_out[0]), nats)
                row += 1
    return kept


def fit_supervised(kept, learn, n_steps, seed, *, plan, **told):
    """Train a classifier for each draw of labels; `plan` has pairs of number and draws."""
    (x, y), (x_held_out, y_held_out) = learn, measured_on(learn, "digits")
    found = [[] for _ in kept.right[0]]
    for number, n_per_class, n_draws in plan:
        draws = label_draws(y, n_per_class, n_draws, random_state=0)
        for i in range(n_draws):
            chosen = torch.from_numpy(draws[i % len(draws)])
            model = classifier((x[chosen], y[chosen]), n_steps, seed + i, **told).eval()
            named = model.projector(model.encode(x_held_out)).argmax(dim=1)
            found[number].append((named == y_held_out).double().mean().item())
    kept.keep(0, found, len(x_held_out))
    return kept


def fixed(learn, n_steps, seed, *, kind, name="letters"):
    """Pixels, leading directions, or a network with random weights."""
    flat = np.asarray(learn[0], dtype=float).reshape(len(learn[0]), -1)
    if kind == "random":
        return [initialize(encoder(name), generator=torch.Generator().manual_seed(seed))]
    return [Fixed(PCA(40).fit(flat).transform if kind == "pca" else lambda flat: flat)]


class CosinePairs(RankingStatistics):
    """A control: the share of pairs that ranks would give, but the nearest by cosine."""

    def partners(self, z):
        """Return pairs of the largest cosines, as many as agree in their ranks."""
        cosines, n = unit(z) @ unit(z).T, int(super().partners(z).sum())
        return cosines >= cosines.flatten().topk(n).values[-1]


class KnownOnly(RankingStatistics):
    """A control: known classes by their labels, and nothing about new ones."""

    def loss(self, x, labels, *, generator=None):
        """Cross-entropy of the labelled images."""
        z = self.encoder(self.views(self.encoder.prepare(x), generator=generator))
        some = labels >= 0
        return functional.cross_entropy(self.known(z)[some], labels[some])


class FrozenRanks(RankingStatistics):
    """A control: the pretrained encoder stays as it is, as most of it does in the paper."""

    def loss(self, x, labels, *, generator=None):
        """Ranking statistics of features that do not move: only the two heads learn."""
        self.encoder.requires_grad_(False).layers.eval()
        return super().loss(x, labels, generator=generator)


def grouped(model, learn, held_out):
    """Accuracy of five groups of the features of new classes, found by k-means."""
    features = [np.asarray(model.encode(x)) for x in (learn, held_out[0])]
    scale = StandardScaler().fit(features[0])
    kmeans = KMeans(5, n_init=10, random_state=0).fit(scale.transform(features[0]))
    return matched_accuracy(held_out[1], kmeans.predict(scale.transform(features[1])))


def fit_ranking(
    kept,
    learn,
    n_steps,
    seed,
    *,
    ways,
    n_seeds=SEEDS,
    n_top=5,
    consistency=1.0,
    n_first=150,
    **told,
):
    """Learn five digits with labels and find the five others; `ways` are what is kept, in order."""
    (x, y), (x_held_out, y_held_out) = learn, measured_on(learn, "digits")
    hidden, asked = torch.where(y < 5, y, -1), y_held_out >= 5
    held_out = x_held_out[asked], y_held_out[asked]
    for i in range(n_seeds):
        (first,), found = simclr(learn, n_first, seed + i), []
        for way in ways:
            if way in ("pixels", "simclr"):
                model = first if way == "simclr" else Fixed(lambda flat: flat)
                found.append([grouped(model, x[y >= 5], held_out)])
                continue
            kind = {
                "ranks": RankingStatistics,
                "frozen": FrozenRanks,
                "cosine": CosinePairs,
                "known": KnownOnly,
            }[way]

            def loss(model, index, generator):
                return model.loss(x[index], hidden[index], generator=generator)

            model = ByIndex(kind(n_top=n_top, consistency=consistency), loss)
            options = {"batch_size": BATCH_SIZE, "start": first.encoder} | told
            model = pretrain(model, torch.arange(len(x)), n_steps, seed + i, **options).model
            if way == "known":
                found.append([grouped(model, x[y >= 5], held_out)])
            else:
                found.append([matched_accuracy(held_out[1], model.predict(held_out[0]))])
        kept.keep(i, found, len(held_out[0]))
    return kept


def measure_ranking(kept, held_out, names):
    """Mean accuracy of each way."""
    return {n: float(a.mean()) for n, a in zip(names, kept.accuracies(), strict=True)}


def ranking(title, ways, n_seeds=3, **options):
    """Return a recipe of ways to find new digits and their names, the main one first."""
    how = partial(fit_ranking, ways=tuple(ways), n_seeds=n_seeds)
    recipe = digits(title, how, n_seeds, n_steps=120, **options)
    make = partial(KeptCurves, n_seeds, n_draws=1, n_numbers=len(ways))
    return recipe._replace(make=make, measure=partial(measure_ranking, names=tuple(ways.values())))


def measure(kept, held_out, step=1):
    """Mean and spread over seeds and draws, by number of labels; of each `step`-th model."""
    return figures(kept.accuracies(*range(0, len(kept.right), step)))


def digits(title, fit, n_models, *, step=1, n_numbers=8, **options):
    """Return a recipe on digits."""
    options = {"n_steps": N_STEPS, "control": True} | options
    return Recipe(
        data=partial(labelled, "digits"),
        make=partial(KeptCurves, n_models, n_numbers=n_numbers),
        fit=fit,
        measure=partial(measure, step=step),
        unit="accuracy",
        title=title,
        **options,
    )


def letters(title, fit, n_models, **options):
    """Return a recipe on letters."""
    recipe = digits(title, fit, n_models, **{"on": "letters"} | options)
    return recipe._replace(data=partial(labelled, "letters"))


def sweep(title, views, **told):
    """Return a recipe of SimCLR with several kinds of views, three seeds each, half the steps."""
    ways = [partial(simclr, views=v, temperature=0.2) for v in views]
    how = partial(fit, ways=ways, n_seeds=3, share=True)
    return digits(title, how, 3 * len(ways), n_numbers=4, n_steps=150, **told)


STRENGTHS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
NOISES = (0.1, 0.2, 0.4)
GRAINS = (0.2, 0.4, 0.6)
TEMPERATURES = (0.05, 0.5, 1.0)  # 0.2 is among the views


def views_of(strength):
    """Return the usual views, all four strengths scaled."""
    return Views(*(strength * value for value in Views()[:4]))


RECIPES = {
    "simclr_digits": digits(
        "SimCLR",
        partial(fit, ways=[simclr]),
        SEEDS,
        tried=[{"temperature": 0.2}, {"temperature": 0.2}, {"learning_rate": 3e-3}],
    ),
    "simclr_layers": digits(
        "SimCLR, and layers of its projector",
        partial(fit, ways=[partial(simclr, layers=(2, 3))], n_seeds=3),
        9,
        step=3,
        n_numbers=4,
    ),
    "moco_digits": digits(
        "MoCo",
        partial(fit, ways=[moco]),
        SEEDS,
        tried=[
            {"n_queue": 256},
            {"n_queue": 1024},
            {"momentum": 0.95},
            {"momentum": 0.0},
            {"temperature": 0.2},
        ],
    ),
    "bank_digits": digits(
        "Memory bank",
        partial(fit, ways=[bank]),
        SEEDS,
        settings={"learning_rate": 3e-3},
        tried=[
            {"learning_rate": 7e-3},
            {"learning_rate": 1.5e-3},
            {"memory": 0.5},
            {"temperature": 0.07},
            {"n_negatives": 1024},
        ],
    ),
    "moco_hasty": digits(
        "MoCo without a slow copy",
        partial(fit, ways=[partial(moco, momentum=0.0)], n_seeds=3),
        3,
        n_numbers=4,
    ),
    "supcon_digits": digits("Supervised contrastive", partial(fit, ways=[supcon]), SEEDS),
    "supervised_few": digits(
        "Supervised, 1 and 4 labels a class",
        partial(fit_supervised, plan=[(0, 1, 20), (1, 4, 20)]),
        1,
        n_numbers=4,
        n_steps=100,
        tried=[{"n_steps": 200}, {"learning_rate": 3e-3}],
    ),
    "supervised_many": digits(
        "Supervised, 10 and all labels",
        partial(fit_supervised, plan=[(2, 10, 6), (3, None, 4)]),
        1,
        n_numbers=4,
        n_steps=250,
    ),
    "views_weak": sweep("SimCLR, weak views", [views_of(s) for s in STRENGTHS[:3]]),
    "views_strong": sweep("SimCLR, strong views", [views_of(s) for s in STRENGTHS[3:5]]),
    "views_wild": sweep("SimCLR, wild views", [views_of(s) for s in STRENGTHS[5:]]),
    "views_noisy": sweep("SimCLR, noisy views", [Views(noise=s) for s in NOISES]),
    "views_grainy": sweep(
        "SimCLR, noise alone", [Views(0.0, 0.0, 0.0, 0.0, noise=s) for s in GRAINS]
    ),
    "temperatures": digits(
        "SimCLR, other temperatures",
        partial(fit, ways=[partial(simclr, temperature=t) for t in TEMPERATURES], n_seeds=3),
        3 * len(TEMPERATURES),
        n_numbers=4,
        n_steps=150,
    ),
    "ranking": ranking(
        "Ranking statistics",
        {
            "ranks": "new_classes",
            "simclr": "kmeans",
            "known": "kmeans_known",
            "cosine": "cosine",
            "pixels": "kmeans_pixels",
        },
        settings={"learning_rate": 2e-3},
        tried=[
            {"learning_rate": 7e-3},
            {"learning_rate": 7e-4},
            {"n_top": 3},
            {"n_top": 8},
            {"n_top": 3, "consistency": 10.0},
        ],
    ),
    "ranking_frozen": ranking(
        "Ranking statistics, encoder frozen",
        {"frozen": "new_classes"},
        settings={"learning_rate": 7e-3},
        tried=[{"learning_rate": 2e-3}, {"n_top": 3}],
    ),
    "simclr_letters": letters(
        "SimCLR",
        partial(fit, ways=[partial(simclr, name="letters")], name="letters", n_seeds=1),
        1,
        n_steps=250,
    ),
    "fixed_letters": letters(
        "Pixels, leading directions, random network",
        partial(
            fit,
            ways=[partial(fixed, kind=k) for k in ("pixels", "pca", "random")],
            name="letters",
            n_seeds=1,
        ),
        3,
        step=3,
        n_steps=1,
    ),
}
