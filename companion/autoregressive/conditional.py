"""A density model that is told something about each image: its class, say. Chapter: `pixelcnn`."""

import math

import torch
from torch import nn

from companion.train import fit_images


class Told(nn.Module):
    """A model with its images and what it is told of each; a batch is their numbers.

    So `companion.train.fit_images` can draw batches in which the two stay together.

    Parameters
    ----------
    model : nn.Module
        With ``loss(x, context, generator=...)``.
    images : tensor (n, C, H, W)
    context : tensor (n, n_context)
    """

    def __init__(self, model, images, context):
        super().__init__()
        self.model = model
        self.register_buffer("images", images)
        self.register_buffer("context", context)

    def loss(self, rows, *, generator=None):
        """Mean of ``-log p(x | y)`` over the images of these numbers, int64 (B,)."""
        return self.model.loss(self.images[rows], self.context[rows], generator=generator)


def fit_told(model, images, context, n_steps, *, generator, **settings):
    """Train ``p(x | y)`` on images and what each is told: `companion.train.fit_images` with pairs.

    Parameters
    ----------
    model : nn.Module
    images : tensor (n, C, H, W)
    context : tensor (n, n_context)
        One row for each image: a one-hot label, for instance.
    n_steps, generator, **settings
        As for `companion.train.fit_images`, but no shifts: the context is in use.

    Returns
    -------
    model : nn.Module
        The moving average, in evaluation mode.
    history : list of dict
    """
    if len(images) != len(context):
        raise ValueError(
            f"context has {len(context)} rows but images has {len(images)}: give one for each."
        )
    device = next(model.parameters()).device
    pairs = Told(model, images.to(device), context.to(device))
    rows = torch.arange(len(images))
    pairs, history = fit_images(pairs, rows, n_steps, generator=generator, **settings)
    return pairs.model, history


@torch.no_grad()
def class_log_prob(model, x, n_classes):
    """``log p(x | y)`` in nats for every class y, told as a one-hot context: (B, n_classes)."""
    every = torch.eye(n_classes).to(next(model.parameters()))
    logs = [model.log_prob(x, hot.expand(len(x), n_classes)) for hot in every]
    return torch.stack(logs, dim=1)


def marginal_log_prob(class_logs):
    """``log p(x) = log mean_y p(x | y)`` if all classes are equally common, (B, n_classes) to (B,).

    What a class-conditional model gives for an image whose class it is not told, exactly.
    """
    return class_logs.logsumexp(dim=1) - math.log(class_logs.shape[1])
