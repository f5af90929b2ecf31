"""Photographs without noise, and three segmentations of scenes."""

from functools import partial

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from companion import data
from companion.autoencoders.autoencoder import DenoisingAutoencoder, NonlinearPCA
from companion.autoencoders.segnet import SegNet, SkipNet, class_iou
from companion.data.shapes import LUMA
from companion.layers import initialize
from companion.train import descend, fit, minibatches
from tools.training.recipe import Recipe, train


def photo_patches(final):
    """Grey patches of 8x8 pixels as rows (n, 64) in [-1, 1], of both photographs.

    The left 440 columns are to learn from, the right 200 to measure. Settings are chosen inside the
    left part.
    """
    patches = torch.from_numpy(np.stack([cut(photo) for photo in data.photos().values()]))
    first, last = (109, 159) if final else (74, 109)  # a corner at every fourth pixel
    learn, test = patches[:, :, :first], patches[:, ::2, first + 1 : last : 2]
    return learn.flatten(0, 2), test.flatten(0, 2)


def cut(photo):
    """Patches (rows, columns, 64) of a photo (H, W, 3), a corner at every fourth pixel."""
    patches = sliding_window_view(photo @ LUMA / 127.5 - 1, (8, 8))[::4, ::4]
    return np.array(patches, dtype=np.float32).reshape(*patches.shape[:2], 64)


def peak_ratio(model, held_out):
    """Peak signal-to-noise ratio in decibels of clean patches made of noisy ones."""
    noisy = model.corrupt(held_out, generator=torch.Generator().manual_seed(0))
    error = ((model(noisy).clamp(-1, 1) - held_out) ** 2).mean()
    return {"PSNR": 10 * (4 / error).log10()}


def scenes(final):
    """Images and masks of 2,000 scenes and of 500 others; or of parts of the 2,000."""
    learn, test = (
        (torch.from_numpy(drawn.images), torch.from_numpy(drawn.masks))
        for drawn in (data.scenes(2000, random_state=0), data.scenes(500, random_state=1))
    )
    return (
        (learn, test) if final else (tuple(x[:1600] for x in learn), tuple(x[1600:] for x in learn))
    )


def train_segmentation(model, learn, n_steps, seed, *, learning_rate):
    """Train on images and masks, with one rise and fall of the learning rate."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps)

    def step(batch):
        loss = descend(model.loss(*batch), optimizer)
        schedule.step()
        return loss

    fit(step, minibatches(*learn, batch_size=32, generator=generator), n_steps)
    return model.eval()


def mean_iou(model, held_out):
    """Intersection over union, mean over the background and the four shapes."""
    images, masks = held_out
    return {"mean IoU": class_iou(masks, model(images).argmax(dim=1), 5).mean()}


def segmentation(title, make):
    """The recipe of SegNet, of the same network without the indices, or with whole maps."""
    return Recipe(
        title=title,
        on="scenes",
        data=scenes,
        make=make,
        fit=train_segmentation,
        measure=mean_iou,
        unit="mean IoU",
        n_steps=600,
        settings={"learning_rate": 1.5e-2},
        tried=[{"learning_rate": 5e-3}, {"n_steps": 300}],
    )


RECIPES = {
    "denoising_patches": Recipe(
        title="Denoising autoencoder",
        on="photographs",
        data=photo_patches,
        make=lambda: DenoisingAutoencoder(NonlinearPCA(64, 128, 256), 0.2),
        fit=train,
        measure=peak_ratio,
        unit="dB",
        n_steps=4000,
        settings={"learning_rate": 3e-3, "batch_size": 128, "weight_decay": 1e-3},
        tried=[{"n_steps": 2000}],
    ),
    "segnet": segmentation("SegNet", SegNet),
    "segnet_maps": segmentation("SegNet with whole maps", SkipNet),
    "segnet_plain": segmentation("SegNet without indices", partial(SegNet, use_indices=False)),
}
