"""PixelCNNs against naive loops, enumeration, and receptive fields that can be counted."""

import torch

from companion import data
from companion.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from tests.contracts import AutoregressiveContract


class TestGatedPixelCNN(AutoregressiveContract):
    def make(self):
        return GatedPixelCNN(n_channels=8, n_layers=4, n_context=0, dropout=0.1)

    def tiny(self):
        return GatedPixelCNN((3, 4), 2, n_channels=4, n_layers=2, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])


class TestPixelCNN(AutoregressiveContract):
    def make(self):
        return PixelCNN(n_channels=8, n_layers=2, n_context=0, dropout=0.1)

    def tiny(self):
        return PixelCNN((3, 4), 2, n_channels=4, n_layers=2, n_context=0)

    def batch(self):
        return torch.from_numpy(data.digits().x_train[:8])

    def sees_enough(self, noticed, rank):
        """It sees its left neighbour; the last pixel of the row above is in the blind spot."""
        left = [noticed[i - 1, i] for i in range(64) if i % 8]
        wrapped = [noticed[i - 1, i] for i in range(8, 64, 8)]
        return all(left) and not any(wrapped)
