"""The digit classifier: its settings were chosen on images cut from the training set."""

import torch

from companion.augment import random_affine, random_shift
from companion.classifier import DigitClassifier
from companion.layers import initialize
from companion.train import descend, fit, minibatches
from tools.training.recipe import Recipe, labelled_digits

SETTINGS = {"dropout": 0.3, "max_shift": 0, "max_angle": 0.2, "max_zoom": 0.1}


def train(model, learn, n_steps, seed, *, dropout, max_shift, max_angle, max_zoom):
    """Train on images (n, 1, 8, 8) and labels (n,), turned and zoomed a little."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=n_steps)

    def step(batch):
        images, labels = batch
        images = random_shift(images, max_shift, generator=generator)
        images = random_affine(images, max_angle=max_angle, max_zoom=max_zoom, generator=generator)
        loss = descend(model.loss(images, labels, rate=dropout, generator=generator), optimizer)
        schedule.step()
        return loss

    images, labels = learn
    batches = minibatches(images.float(), labels, batch_size=64, generator=generator)
    fit(step, batches, n_steps)
    return model.eval()


def accuracy(model, held_out):
    """Share of images whose largest logit is their label's."""
    images, labels = held_out
    return {"test accuracy": (model(images).argmax(dim=1) == labels).double().mean()}


RECIPES = {
    "digits": Recipe(
        title="Classifier (learned with labels)",
        data=labelled_digits,
        make=DigitClassifier,
        fit=train,
        measure=accuracy,
        unit="test accuracy",
        n_steps=1500,
        settings=SETTINGS,
        tried=[
            {"dropout": 0.0, "max_angle": 0.0, "max_zoom": 0.0},
            {"max_angle": 0.1},
            {"max_shift": 1},
        ],
    )
}
