"""What all methods of this part share: a classifier, the form of their loss, their training.

Chapter: `semisupervised`.
"""

import torch
from torch import nn
from torch.nn import functional

from companion.selfsupervised.encoder import Views
from companion.train import fit_images
from companion.validation import check_integer, check_real


class Classifier(nn.Module):
    """An encoder and a linear layer: images in [0, 1] to logits (B, n_classes).

    Parameters
    ----------
    encoder : nn.Module
        With ``prepare`` and ``n_features``, as `companion.selfsupervised.encoder.ConvEncoder`.
    n_classes : int
    """

    def __init__(self, encoder, n_classes=10):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.n_features, check_integer("n_classes", n_classes, 2))

    def prepare(self, x):
        """Check levels and scale them, as the encoder does."""
        return self.encoder.prepare(x)

    def forward(self, images):
        """Logits of images that are prepared, (B, *event) to (B, n_classes)."""
        return self.head(self.encoder(images))

    @torch.no_grad()
    def predict_proba(self, x):
        """Probabilities of the classes of levels (B, *event), in evaluation mode: (B, n_classes).

        The mode is restored afterwards, and running statistics stay as they are.
        """
        training = self.training
        probabilities = self.eval()(self.prepare(x)).softmax(dim=1)
        self.train(training)
        return probabilities


class FewLabels(nn.Module):
    """Cross-entropy of the labelled images plus a term of those without: this one has no such term.

    ``loss = mean over labelled of -log p(y | view) + weight ramp unlabelled``. All views go through
    the network in one batch, so that batch normalisation sees the same images for each of them; the
    two means are taken apart.

    Parameters
    ----------
    network : Classifier
    views : callable, optional
        ``views(images, generator=...)``: the random changes; default `Views`.
    weight : float
        Of the unlabelled term.
    n_ramp : int
        Calls of `update` in which the weight rises, as ``exp(-5 (1 - t)^2)``; 0: at once.
    """

    n_views = 0  # that the unlabelled term wants of each image

    def __init__(self, network, views=None, *, weight=1.0, n_ramp=0):
        super().__init__()
        self.network = network
        self.views = Views() if views is None else views
        self.weight = check_real("weight", weight, 0)
        self.n_ramp = check_integer("n_ramp", n_ramp, 0)
        self.register_buffer("n_updates", torch.tensor(0))

    def ramp(self):
        """Share of the weight at this step, from exp(-5) to 1 (Laine and Aila, 2017)."""
        if not self.n_ramp:
            return 1.0
        t = (self.n_updates / self.n_ramp).clamp(max=1)
        return torch.exp(-5 * (1 - t) ** 2)

    def unlabelled(self, logits, index):
        """Term of the images without labels, from a list of logits (B, n_classes): a scalar."""
        return logits[0].new_zeros(())

    def look(self, images, *, generator=None):
        """Views of the images without labels that the network is to see: `n_views` tensors."""
        return [self.views(images, generator=generator) for _ in range(self.n_views)]

    def loss(self, x, index, x_labelled, y_labelled, *, generator=None):
        """Loss of a batch without labels and a batch with; all methods have this signature.

        Parameters
        ----------
        x : levels (B, *event)
        index : int tensor (B,)
            Their numbers in the training set; only `TemporalEnsembling` reads them.
        x_labelled : levels (L, *event)
        y_labelled : int64 tensor (L,)
        """
        told = self.views(self.network.prepare(x_labelled), generator=generator)
        seen = self.look(self.network.prepare(x), generator=generator) if self.n_views else []
        batch = [told, *seen]
        logits = self.network(torch.cat(batch)).split([len(part) for part in batch])
        supervised = functional.cross_entropy(logits[0], y_labelled)
        if not self.weight or not seen:
            return supervised
        return supervised + self.weight * self.ramp() * self.unlabelled(logits[1:], index)

    def begin(self):
        """Prepare for training, once the weights are drawn; call it before the first step."""
        return self

    @torch.no_grad()
    def update(self):
        """What is to be done after each step: here, count it."""
        self.n_updates += 1

    def predict_proba(self, x):
        """Probabilities of the classes, (B, *event) to (B, n_classes): what is used in the end."""
        return self.network.predict_proba(x)


class WithLabels(nn.Module):
    """A learner and its training set, in the form that `fit_images` wants: a batch is an index.

    Labelled images are drawn with replacement, so that one label a class makes a batch, too.
    """

    def __init__(self, learner, x, x_labelled, y_labelled, n_labelled):
        super().__init__()
        self.learner, self.n_labelled = learner, check_integer("n_labelled", n_labelled)
        for name, part in {"x": x, "x_labelled": x_labelled, "y_labelled": y_labelled}.items():
            self.register_buffer(name, part, persistent=False)

    def loss(self, index, *, generator=None):
        """Loss of the images with these numbers, and of as many labelled ones as told."""
        n, place = len(self.y_labelled), None if generator is None else generator.device
        pick = torch.randint(n, (self.n_labelled,), generator=generator, device=place)
        pick = pick.to(index.device)
        labelled = self.x_labelled[pick], self.y_labelled[pick]
        return self.learner.loss(self.x[index], index, *labelled, generator=generator)


def fit_few_labels(learner, x, labelled, n_steps, *, generator, n_labelled=64, **settings):
    """Train a learner by `companion.train.fit_images`; return the average of its weights.

    Parameters
    ----------
    learner : FewLabels
        On the device of `x`; its weights are drawn.
    x : levels (n, *event)
        All training images; labels play no part.
    labelled : pair of tensors
        Images (L, *event) and their labels (L,).
    n_steps : int
    n_labelled : int
        Labelled images in each batch, drawn with replacement.
    **settings
        Of `fit_images`.

    Returns
    -------
    learner : FewLabels
        The average, in evaluation mode.
    history : list of dict
    """
    x_labelled, y_labelled = labelled
    if len(x_labelled) != len(y_labelled) or not len(y_labelled):
        raise ValueError(
            f"labelled has {len(x_labelled)} images and {len(y_labelled)} labels: give one label "
            "for each, and at least one."
        )
    learner.begin()
    model = WithLabels(learner, x, x_labelled, y_labelled, n_labelled)

    def follow(record):
        learner.update()

    index = torch.arange(len(x))
    model, history = fit_images(
        model, index, n_steps, generator=generator, callback=follow, **settings
    )
    return model.learner, history


class Answers(nn.Module):
    """What classifiers said of all digits, kept in place of their weights: uint8 (n_runs, 1797).

    Parameters
    ----------
    n_runs : int
    images : tensor (n, *event), uint8
        Those that were answered; not kept.
    """

    def __init__(self, n_runs, images):
        super().__init__()
        self.place = {row.numpy().tobytes(): i for i, row in enumerate(images)}
        self.register_buffer("classes", torch.zeros(n_runs, len(images), dtype=torch.uint8))

    def correct(self, x, y):
        """Share of right answers about images x (B, *event) with classes y (B,), (n_runs,)."""
        at = [self.place[row.numpy().tobytes()] for row in x.cpu()]
        return (self.classes[:, at] == y).double().mean(dim=1)
