"""PixelSNAIL: convolutions for what is near, attention for what is far. Chapter: `pixelcnn`."""

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.pixelcnn import KEEP
from companion.autoregressive.pixelcnnpp import PixelCNNPlusPlus
from companion.autoregressive.transformer import attention
from companion.layers import gate


def sequence(x):
    """Pixels one after the other, as we read: (B, C, H, W) to (B, H W, C)."""
    return x.flatten(2).transpose(1, 2)


class CausalAttention(nn.Module):
    """Every pixel asks all pixels before it, whatever their distance.

    It asks by what is known before it is seen, its features; they answer with their features and
    their levels. One place is added where there is nothing, for the first pixel.

    Parameters
    ----------
    n_channels, n_features : int
        Of the features, and of an embedded pixel.
    n_keys : int
        Size of queries and keys.
    """

    def __init__(self, n_channels, n_features, n_keys):
        super().__init__()
        self.query = nn.Linear(n_channels, n_keys)
        self.key = nn.Linear(n_channels + n_features, n_keys)
        self.value = nn.Linear(n_channels + n_features, n_channels)
        self.mix = nn.Linear(n_channels, 2 * n_channels)

    def forward(self, h, x, drop=KEEP):
        """Features (B, n_channels, H, W) and levels (B, n_features, H, W) to what was found."""
        past = sequence(torch.cat([h, x], dim=1))
        past = functional.pad(past[:, :-1], (0, 0, 1, 0))  # place i holds pixel i - 1
        causal = torch.ones(past.shape[1], past.shape[1], dtype=torch.bool, device=h.device).tril()
        seen = attention(self.query(sequence(h)), self.key(past), self.value(past), causal)
        return drop(gate(self.mix(seen).transpose(1, 2)).view_as(h))


class PixelSNAIL(PixelCNNPlusPlus):
    """A PixelCNN++ with attention after every second layer (after Chen et al., 2018).

    A convolution needs many layers to see a pixel that is far away; attention needs one, and
    chooses by content where to look.

    Parameters
    ----------
    shape, n_levels, n_channels, n_layers, dropout, **kwargs
        As for `PixelCNNPlusPlus`; `n_layers` is even.
    n_keys : int
        Size of queries and keys.
    """

    def __init__(
        self,
        shape=(8, 8),
        n_levels=17,
        *,
        n_channels=32,
        n_layers=4,
        n_keys=16,
        dropout=0.3,
        **kwargs,
    ):
        super().__init__(
            shape, n_levels, n_channels=n_channels, n_layers=n_layers, dropout=dropout, **kwargs
        )
        n_features = self.left.in_channels  # of an embedded pixel
        self.attentions = nn.ModuleList(
            CausalAttention(n_channels, n_features, n_keys) for _ in range(n_layers // 2)
        )

    def features(self, x, context, drop):
        v, h = self.enter(x)
        for i, block in enumerate(self.blocks):
            v, h = block(v, h, context, drop)
            if i % 2:
                h = h + self.attentions[i // 2](h, x, drop)
        return h
