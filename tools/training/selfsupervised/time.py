"""Contrasts in time: label curves of networks that read letters and digits from top to bottom.

Kept are accuracies, five seeds of each, not weights: (seed, number of labels), labels a class being
1, 4, 10 and all. Of time-contrastive learning: correlations with the sources, (seed, depth).
Settings were compared on training images held out; the test images are read once.
"""

from functools import partial

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional

from companion.components.ica import FastICA, negentropy
from companion.layers import initialize
from companion.selfsupervised.predictive_coding import (
    ContrastivePredictiveCoding,
    PredictiveRegression,
    strips,
)
from companion.selfsupervised.protocol import label_curve, label_draws
from companion.selfsupervised.time_contrastive import (
    RandomMixing,
    TimeContrastiveLearning,
    matched_correlation,
    nonstationary_sources,
    tell_segments,
)
from companion.train import fit_images
from tools.training.recipe import Recipe
from tools.training.selfsupervised.protocol import labelled

N_LABELS, N_SEEDS = (1, 4, 10, None), 5
CUTS = {"letters": (4, 2, 255), "digits": (2, 1, 16)}  # height and stride of a strip, white to ink
SETTINGS = {"learning_rate": 5e-3, "batch_size": 128}
DEPTHS = (1, 2, 3, 4)


def sequences(name, final):
    """Return (strips, labels) to learn from and to measure on, of letters or digits."""
    height, stride, ink = CUTS[name]
    return tuple((strips(x.float() / ink, height, stride), y) for x, y in labelled(name, final))


class Scrambled(ContrastivePredictiveCoding):
    """The control: each strip comes from another image, at its own height."""

    def loss(self, x, *, generator=None):
        """`info_nce` of contexts and futures that have nothing to do with each other."""
        orders = [torch.randperm(len(x), generator=generator) for _ in range(x.shape[1])]
        return super().loss(torch.stack([x[o, t] for t, o in enumerate(orders)], dim=1))


def networks(kind=ContrastivePredictiveCoding, name="letters", *, n_networks=N_SEEDS, **options):
    """Return one network a seed."""
    n_inputs = 64 if name == "letters" else 16
    return nn.ModuleList(kind(n_inputs, **options) for _ in range(n_networks))


def pretrain(models, learn, n_steps, seed, **settings):
    """Train each network from a seed of its own, without labels."""
    trained = []
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i)
        model = initialize(model, generator=generator)
        if n_steps > 1:
            model, _ = fit_images(model, learn[0], n_steps, generator=generator, **settings)
        trained.append(model)
    return nn.ModuleList(trained)


def curves(n_rows=N_SEEDS, n_columns=4):
    """Return room for figures, and for what to measure them on."""
    return nn.ParameterDict({"accuracy": torch.zeros(n_rows, n_columns)})


def read(features, y, held_out, y_held_out, seed, n_draws=4):
    """Mean accuracy over draws of labels, (number of labels,)."""
    told = {"n_draws": n_draws, "random_state": seed}
    found = label_curve(features, y, held_out, y_held_out, N_LABELS, **told)
    return torch.tensor([a.mean() for a in found.accuracies])


def keep(kept, models, name="letters", final=True):
    """Read accuracies off the contexts of each network."""
    (x, y), (x_test, y_test) = sequences(name, final)
    for i, model in enumerate(models):
        sets = model.encode(x).numpy(), y, model.encode(x_test).numpy(), y_test
        kept["accuracy"].data[i] = read(*sets, i)
    return kept


def keep_plain(kept, models, name="letters", n_axes=None):
    """The same of the pixels, or of their principal components."""
    (x, y), (x_test, y_test) = labelled(name, True)
    x, x_test = (part.flatten(1).numpy() / CUTS[name][2] for part in (x, x_test))
    if n_axes:
        axes = PCA(n_axes, random_state=0).fit(x)
        x, x_test = axes.transform(x), axes.transform(x_test)
    for i in range(N_SEEDS):
        kept["accuracy"].data[i] = read(x, y, x_test, y_test, i)
    return kept


def measure(kept, held_out):
    """Mean accuracy with ten labels a class, and with all."""
    mean = kept["accuracy"].mean(dim=0)
    return {"accuracy": mean[2], "with all labels": mean[3]}


class Guesser(nn.Module):
    """The same network with classes to guess, from all contexts."""

    def __init__(self, n_classes=26):
        super().__init__()
        self.body, self.classes = ContrastivePredictiveCoding(64), nn.Linear(7 * 128, n_classes)

    def loss(self, packed, *, generator=None):
        """Cross-entropy; the label stands in the last strip."""
        return functional.cross_entropy(self(packed[:, :-1]), packed[:, -1, 0].long())

    def forward(self, x):
        """Logits."""
        return self.classes(self.body(x)[1].flatten(1))


def supervise(kept, learn, n_steps, seed, *, n_before=0, **settings):
    """Train all weights with a few labels; return the accuracies on the test images.

    With `n_before` the network is trained so many steps without labels first.
    """
    (x, y), (x_test, y_test) = learn, sequences("letters", True)[1]
    for i in range(3):
        body = pretrain(networks(n_networks=1), learn, n_before, i, **SETTINGS)[0]
        for j, n in enumerate(N_LABELS):
            rows = label_draws(y.numpy(), n, 1, random_state=i)[0]
            generator = torch.Generator().manual_seed(i)
            model = initialize(Guesser(), generator=generator)
            if n_before:
                model.body.load_state_dict(body.state_dict())
            label = y[rows][:, None, None].float().expand(-1, 1, 64)
            packed = torch.cat([x[rows], label], dim=1)
            told = {"generator": generator, "batch_size": min(64, len(rows)), **settings}
            model, _ = fit_images(model, packed, n_steps if n else 3 * n_steps, **told)
            with torch.no_grad():
                right = (model(x_test).argmax(dim=1) == y_test).float().mean()
            kept["accuracy"].data[i, j] = right
    return kept


def mixtures(seed, depth):
    """Return sources, segments and standardised mixtures of a seed."""
    sources, segments = nonstationary_sources(64, 256, random_state=seed)
    x = RandomMixing(2, depth, random_state=100 + seed)(sources)
    return sources, segments, (x - x.mean(axis=0)) / x.std(axis=0)


def independent(h, n_starts=4):
    """Linear independent components (n, d), the least Gaussian of several starts."""
    starts = [FastICA(random_state=i, max_iter=1000).fit_transform(h) for i in range(n_starts)]
    return max(starts, key=lambda out: negentropy(out).sum())


def unmix(kept, learn, n_steps, seed, *, way="segments"):
    """Mean correlations with the absolute sources after linear ICA, by seed and depth."""
    for i in range(N_SEEDS):
        for j, depth in enumerate(DEPTHS):
            sources, segments, x = mixtures(i, depth)
            generator = torch.Generator().manual_seed(i)
            t, mixed = torch.from_numpy(segments), torch.from_numpy(x).float()
            model = initialize(TimeContrastiveLearning(), generator=generator)
            if way == "shuffled":
                t = t[torch.randperm(len(t), generator=generator)]
            if way in ("segments", "shuffled"):
                tell_segments(model, mixed, t, n_steps, generator=generator)
            h = x if way == "linear" else model.encode(mixed).double().numpy()
            found = independent(h)
            found = np.abs(found) if way == "linear" else found
            kept["accuracy"].data[i, j] = matched_correlation(found, np.abs(sources))
    return kept


def measure_unmixed(kept, held_out):
    """Mean correlation at all depths, and at the deepest."""
    return {"correlation": kept["accuracy"].mean(), "deepest": kept["accuracy"][:, -1].mean()}


read_off = partial(
    Recipe,
    data=partial(sequences, "letters"),
    make=networks,
    fit=pretrain,
    measure=measure,
    unit="accuracy",
    n_steps=400,
    settings=SETTINGS,
    keep=keep,
    kept=curves,
    on="letters",
    control=True,
)
unmixed = partial(
    Recipe,
    data=lambda final: (torch.from_numpy(mixtures(0, 3)[2]), torch.empty(0, 2)),  # none held out
    make=curves,
    fit=unmix,
    measure=measure_unmixed,
    unit="correlation",
    n_steps=800,
    on="two sources",
    control=True,
)
from_labels = partial(
    read_off,
    make=partial(curves, 3),
    fit=supervise,
    keep=None,
    kept=None,
    n_steps=200,
    settings={"learning_rate": 5e-3},
)
digits = {"data": partial(sequences, "digits"), "make": partial(networks, name="digits")}
digits |= {"keep": partial(keep, name="digits"), "on": "strips of digits"}
plain = {"fit": lambda models, *_, **__: models, "n_steps": 1}

RECIPES = {
    "time_cpc": read_off(
        title="Predictive coding, letters",
        tried=[{"learning_rate": 1e-2}, {"n_horizons": 1}, {"n_context": 64, "n_hidden": 64}],
    ),
    "time_regression": read_off(
        title="Predictive regression, letters",
        make=partial(networks, PredictiveRegression),
        settings=SETTINGS | {"learning_rate": 2e-2},
        tried=[{"learning_rate": 1e-3}, {"learning_rate": 5e-3}, {"learning_rate": 4e-2}],
    ),
    "time_scrambled": read_off(
        title="Predictive coding of scrambled strips", make=partial(networks, Scrambled)
    ),
    "time_random": read_off(title="Random recurrent network, letters", n_steps=1),
    "time_pixels": read_off(title="Pixels, letters", keep=keep_plain, **plain),
    "time_axes": read_off(
        title="Principal components, letters", keep=partial(keep_plain, n_axes=64), **plain
    ),
    "time_supervised": from_labels(title="Recurrent network from labels alone"),
    "time_tuned": from_labels(
        title="Predictive coding, tuned by labels",
        settings={"learning_rate": 5e-3, "n_before": 250},
        tried=[{"learning_rate": 2e-3}],
    ),
    "time_digits": read_off(title="Predictive coding, digits", **digits),
    "time_digits_random": read_off(
        title="Random recurrent network, digits", **digits | {"n_steps": 1}
    ),
    "time_digits_pixels": read_off(
        title="Pixels, digits", **digits | {"keep": partial(keep_plain, name="digits")} | plain
    ),
    "time_tcl": unmixed(title="Time-contrastive learning, then ICA"),
    "time_tcl_shuffled": unmixed(
        title="Time-contrastive learning, shuffled segments", settings={"way": "shuffled"}
    ),
    "time_tcl_random": unmixed(
        title="Random network, then ICA", settings={"way": "random"}, n_steps=1
    ),
    "time_tcl_linear": unmixed(title="ICA of the mixture", settings={"way": "linear"}, n_steps=1),
}
