"""PixelRNN: LSTMs that read an image row by row, or diagonal by diagonal. Chapter: `pixelrnn`."""

import torch
from torch import nn
from torch.nn import functional

from companion.autoregressive.ancestral import embed_grey
from companion.autoregressive.pixelcnn import PixelModel, readout_layers
from companion.layers import CausalConv1d, MaskedConv2d, causal_mask


def skew(x):
    """Move row i of images (..., H, W) right by i pixels: (..., H, H + W - 1), zeros around.

    Column t of the result is the diagonal of the pixels (i, t - i).
    """
    height, width = x.shape[-2:]
    flat = functional.pad(x, (0, height)).flatten(-2)  # rows of W + H, read as rows one shorter
    return flat[..., :-height].unflatten(-1, (height, height + width - 1))


def unskew(x):
    """Undo `skew`, (..., H, H + W - 1) to (..., H, W)."""
    height, width = x.shape[-2:]
    rows = functional.pad(x.flatten(-2), (0, height)).unflatten(-1, (height, width + 1))
    return rows[..., : width - height + 1]


def shift_down(x):
    """Move images (..., H, W) down by one row; a row of zeros comes in."""
    return functional.pad(x[..., :-1, :], (0, 0, 1, 0))


def scan(inputs, state_to_state):
    """Run an LSTM over lines of pixels, all pixels of a line at once, from zeros.

    `inputs` (n_lines, B, 4 C, n_pixels) is what the image adds to the gates i, f,
    g, o; `state_to_state` takes states (B, C, n_pixels) to gates. Returns all states
    (n_lines, B, C, n_pixels).
    """
    hidden = cell = torch.zeros_like(inputs[0].chunk(4, dim=1)[0])
    states = []
    for line in inputs:
        i, f, g, o = (line + state_to_state(hidden)).chunk(4, dim=1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        states.append(hidden)
    return torch.stack(states)


class RowLayer(nn.Module):
    """Row LSTM: the state of a pixel grows from those of the three pixels above it."""

    def __init__(self, n_channels, n_hidden):
        super().__init__()
        to_the_left = causal_mask(3, "B")[1:2]  # 1 x 3
        self.input_to_state = MaskedConv2d(n_channels, 4 * n_hidden, to_the_left)
        self.state_to_state = nn.Conv1d(n_hidden, 4 * n_hidden, 3, padding=1, bias=False)

    def forward(self, x):
        rows = self.input_to_state(x).movedim(2, 0)  # (H, B, 4 n_hidden, W)
        return scan(rows, self.state_to_state).movedim(0, 2)


class DiagonalLayer(nn.Module):
    """Diagonal LSTM: the state of a pixel grows from those on its left and above it."""

    def __init__(self, n_channels, n_hidden):
        super().__init__()
        self.input_to_state = nn.Conv2d(n_channels, 4 * n_hidden, 1)
        self.state_to_state = CausalConv1d(n_hidden, 4 * n_hidden, 2, bias=False)

    def forward(self, x):
        diagonals = skew(self.input_to_state(x)).movedim(3, 0)  # (H + W - 1, B, 4 n_hidden, H)
        return unskew(scan(diagonals, self.state_to_state).movedim(0, 3))


class BothDiagonals(nn.Module):
    """Two diagonal LSTMs, one from each upper corner."""

    def __init__(self, n_channels, n_hidden):
        super().__init__()
        self.from_left = DiagonalLayer(n_channels, n_hidden)
        self.from_right = DiagonalLayer(n_channels, n_hidden)

    def combine(self, left, right):
        """What comes from the right has seen its right: one row lower that is past."""
        return left + shift_down(right)

    def forward(self, x):
        return self.combine(self.from_left(x), self.from_right(x.flip(-1)).flip(-1))


class PixelRNN(PixelModel):
    """What both models share: mask A once, LSTM layers beside identities, a readout.

    Parameters
    ----------
    shape : (height, width)
    n_levels : int
    n_hidden : int
        Size of an LSTM's state; between layers a pixel has ``2 n_hidden`` features.
    n_layers : int
        LSTM layers.
    n_context : int
        Size of a vector that all pixels are told, 0 for none.
    dropout : float
        Of channels of the LSTMs' states, on their way to the next layer.
    """

    layer = None  # class of a layer: (n_channels, n_hidden)

    def __init__(
        self, shape=(8, 8), n_levels=17, *, n_hidden=20, n_layers=2, n_context=8, dropout=0.2
    ):
        super().__init__(shape, n_levels)
        self.dropout, n_channels = dropout, 2 * n_hidden
        self.first = MaskedConv2d(3, n_channels, causal_mask(3, "A"))
        self.context = nn.Conv2d(n_context, n_channels, 1, bias=False) if n_context else None
        self.layers = nn.ModuleList(self.layer(n_channels, n_hidden) for _ in range(n_layers))
        self.widen = nn.ModuleList(nn.Conv2d(n_hidden, n_channels, 1) for _ in range(n_layers))
        self.head = readout_layers(n_channels, n_levels)

    def embed(self, x):
        """Three numbers for a grey level."""
        return embed_grey(x, self.n_levels).to(self.first.weight)

    def features(self, x, context, drop):
        hidden = self.first(x)
        if context is not None:
            hidden = hidden + self.context(context)
        for layer, widen in zip(self.layers, self.widen, strict=True):
            hidden = hidden + widen(drop(layer(hidden)))
        return hidden


class RowLSTM(PixelRNN):
    """PixelRNN that reads row by row (van den Oord, Kalchbrenner and Kavukcuoglu, 2016).

    A pixel sees a triangle above it: one more pixel on either side for each row up.
    """

    layer = RowLayer


class DiagonalBiLSTM(PixelRNN):
    """PixelRNN that reads along diagonals, from both sides (the same paper).

    A pixel sees every pixel before it, also the last one of the row above: the image gets an empty
    column on its right, where that pixel has been seen. Without it the paper's model misses it.
    """

    layer = BothDiagonals

    def features(self, x, context, drop):
        return super().features(functional.pad(x, (0, 1)), context, drop)[..., :-1]
