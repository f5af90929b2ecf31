"""SegNet: an encoder and a decoder that say what each pixel belongs to.

Chapter: `denoising_autoencoders`.
"""

import torch
from torch import nn
from torch.nn import functional


class SegNet(nn.Module):
    """Segmentation whose decoder is told where the maxima were (Badrinarayanan et al., 2017).

    Max-pooling throws away where in its 2x2 square the maximum stood. SegNet keeps these indices,
    and the decoder puts each value back to its old place, zeros around it.

    Parameters
    ----------
    n_classes : int
        With the background; `data.scenes` has 5.
    n_channels : int
        Of the images.
    widths : sequence of int
        Features of each stage; every stage halves the image.
    use_indices : bool
        False is the baseline: each value is repeated in all four places. Same weights, same shapes.
    """

    def __init__(self, n_classes=5, *, n_channels=3, widths=(16, 32, 32), use_indices=True):
        super().__init__()
        self.n_channels, self.use_indices = n_channels, use_indices
        inputs = [n_channels, *widths]
        self.encoder = nn.ModuleList(map(_stage, inputs, widths))
        self.decoder = nn.ModuleList(map(_stage, widths[::-1], [*widths[-2::-1], widths[0]]))
        self.output = nn.Conv2d(widths[0], n_classes, 1)

    def encode(self, images):
        """Features (B, widths[-1], h, w), and the indices of the maxima of each stage."""
        factor = 2 ** len(self.encoder)
        fits = images.ndim == 4 and images.shape[1] == self.n_channels
        if not fits or images.shape[2] % factor or images.shape[3] % factor:
            raise ValueError(
                f"images has shape {tuple(images.shape)} but must be (B, {self.n_channels}, H, W) "
                f"with H and W multiples of {factor}: crop or pad them."
            )
        hidden, indices = images.to(self.output.weight.dtype) / 127.5 - 1, []
        for stage in self.encoder:
            hidden, places = functional.max_pool2d(stage(hidden), 2, return_indices=True)
            indices.append(places)
        return hidden, indices

    def decode(self, hidden, indices):
        """Logits (B, n_classes, H, W) from what `encode` returns."""
        for stage, places in zip(self.decoder, reversed(indices), strict=True):
            if self.use_indices:
                hidden = functional.max_unpool2d(hidden, places, 2)
            else:
                hidden = functional.interpolate(hidden, scale_factor=2)
            hidden = stage(hidden)
        return self.output(hidden)

    def forward(self, images):
        """Logits of the classes for every pixel: levels 0 ... 255 (B, C, H, W) to (B, K, H, W)."""
        return self.decode(*self.encode(images))

    def loss(self, images, masks, *, generator=None):
        """Mean cross-entropy in nats a pixel; `masks` (B, H, W) hold classes 0 ... K - 1."""
        logits, n_classes = self(images), self.output.out_channels
        if masks.shape != logits[:, 0].shape or masks.min() < 0 or masks.max() >= n_classes:
            raise ValueError(
                f"masks has shape {tuple(masks.shape)} and values up to {masks.max():g} but must "
                f"be (B, H, W) as the images, with n_classes={n_classes} classes from 0."
            )
        return functional.cross_entropy(logits, masks.long())


def _stage(n_inputs, n_outputs):
    """Convolution, batch normalisation, rectifier: the image keeps its size."""
    return nn.Sequential(
        nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_outputs),
        nn.ReLU(),
    )


def class_iou(masks, predicted, n_classes):
    """Intersection over union of each class over all pixels, int tensors to float64 (n_classes,).

    ``TP / (TP + FP + FN)``: a class that never occurs and is never predicted has NaN.
    """
    if masks.shape != predicted.shape:
        raise ValueError(
            f"predicted has shape {tuple(predicted.shape)} but masks has {tuple(masks.shape)}: "
            "one class for every pixel, logits.argmax(dim=1)."
        )
    pairs = masks.long().flatten() * n_classes + predicted.long().flatten()
    table = torch.bincount(pairs, minlength=n_classes**2).view(n_classes, n_classes).double()
    both = table.diagonal()
    return both / (table.sum(dim=0) + table.sum(dim=1) - both)
