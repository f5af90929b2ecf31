"""Images that a model has drawn, kept in place of its weights. Chapter: `evaluation`."""

import torch
from torch import nn
from torch.nn import functional


class Drawn(nn.Module):
    """Images that a network has drawn, as a checkpoint: three grey levels in one number.

    Parameters
    ----------
    n_sets, n_images : int
    """

    n_levels = 17  # 17 * 17 * 17 is less than 2 ** 15

    def __init__(self, n_sets=3, n_images=1437):
        super().__init__()
        triples = torch.zeros(n_sets, n_images, 22, dtype=torch.int16)  # of 66 levels, two blank
        self.register_buffer("triples", triples)

    def pack(self, images):
        """Keep images, int64 (n_sets, n_images, 1, 8, 8)."""
        first, second, third = functional.pad(images.flatten(2), (0, 2)).chunk(3, dim=2)
        self.triples.copy_((self.n_levels * first + second) * self.n_levels + third)
        return self

    @property
    def images(self):
        """What was kept, int64 (n_sets, n_images, 1, 8, 8)."""
        rest, third = self.triples.long() // self.n_levels, self.triples.long() % self.n_levels
        pixels = torch.cat([rest // self.n_levels, rest % self.n_levels, third], dim=2)
        return pixels[..., :64].view(*pixels.shape[:2], 1, 8, 8)


class DrawnWithBits(Drawn):
    """Sets of images, each with what test images cost under the model that drew it.

    Parameters
    ----------
    n_sets, n_images : int

    Attributes
    ----------
    bits : float tensor (n_sets,)
        Bits per dimension.
    """

    def __init__(self, n_sets=3, n_images=1437):
        super().__init__(n_sets, n_images)
        self.register_buffer("bits", torch.zeros(n_sets))

    def pack(self, images, bits):
        """Keep images, int64 (n_sets, n_images, 1, 8, 8), and bits (n_sets,)."""
        self.bits.copy_(torch.as_tensor(bits))
        return super().pack(images)
