"""Figures that networks gave, kept in the place of their weights.

Chapter: `pretext`.
"""

import torch
from torch import nn


class Readings(nn.Module):
    """Numbers in [0, 1] or near it, as a checkpoint: float (*shape).

    Examples
    --------
    >>> Readings(2, 3).values.shape
    torch.Size([2, 3])
    """

    def __init__(self, *shape):
        super().__init__()
        self.register_buffer("values", torch.zeros(shape))

    def fill(self, numbers):
        """Take numbers of the same shape; return the module."""
        numbers = torch.as_tensor(numbers, dtype=self.values.dtype)
        if numbers.shape != self.values.shape:
            raise ValueError(
                f"numbers has shape {tuple(numbers.shape)} but must be "
                f"{tuple(self.values.shape)}: make Readings of the shape that you keep."
            )
        self.values = numbers.clone()
        return self
