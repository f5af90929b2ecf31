"""Which of these comes next? Contrastive predictive coding of sequences, and of images as such.

Chapter: `time`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from companion.selfsupervised.contrastive import info_nce
from companion.validation import check_integer, check_real


def strips(images, height, stride):
    """Cut images (B, C, H, W) into strips from top to bottom: (B, T, C * height * W)."""
    height = check_integer("height", height, 1, images.shape[2], "a strip lies in the image.")
    cut = images.unfold(2, height, check_integer("stride", stride))  # (B, C, T, W, height)
    return cut.permute(0, 2, 1, 4, 3).flatten(2)


def gaussian_walk(n, length, rho, *, generator=None):
    """Draw n sequences ``x_t = rho x_(t-1) + sqrt(1 - rho^2) noise`` of variance 1, (n, length)."""
    rho = check_real("rho", rho, -1, 1)
    noise = torch.randn(check_integer("n", n), check_integer("length", length), generator=generator)
    x = [noise[:, 0]]
    for t in range(1, length):
        x.append(rho * x[-1] + (1 - rho**2) ** 0.5 * noise[:, t])
    return torch.stack(x, dim=1)


def gaussian_score(x, y, r):
    """Best scores ``log p(y_j | x_i) / p(y_j)`` of standard normals with correlation r, (N, N)."""
    rest = 1 - check_real("r", r, -1, 1, inclusive=False) ** 2
    x, y = x[:, None], y[None]
    return (y**2 - (y - r * x) ** 2 / rest - math.log(rest)) / 2


def read_on(cell, z):
    """States (B, T, m) of a gated recurrent network that reads codes z (B, T, d).

    ``r`` opens the way to the old state, ``u`` says how much of it stays (Cho et
    al., 2014). As `nn.GRU`, from operations that every device has.
    """
    c, states = z.new_zeros(len(z), cell.hidden_size), []
    for now in functional.linear(z, cell.weight_ih, cell.bias_ih).unbind(dim=1):
        old = functional.linear(c, cell.weight_hh, cell.bias_hh)
        r, u, new = now.chunk(3, dim=1)
        r_old, u_old, new_old = old.chunk(3, dim=1)
        u = torch.sigmoid(u + u_old)
        new = torch.tanh(new + torch.sigmoid(r + r_old) * new_old)
        c = new + u * (c - new)
        states.append(c)
    return torch.stack(states, dim=1)


class ContrastivePredictiveCoding(nn.Module):
    """Codes of the parts of a sequence, and contexts that tell its true future from strangers'.

    A part x_t gets a code ``z_t`` (two linear layers), the codes up to t a context ``c_t`` (a gated
    recurrent network), and for each horizon k a matrix W_k scores a possible future,
    ``s = z . W_k c_t``. The loss is the mean of `info_nce` over all t and k; strangers are the
    parts that the other sequences of the batch have at the same place t + k.

    Parameters
    ----------
    n_inputs : int
        Numbers in a part.
    n_features, n_context, n_hidden : int
        Of a code, of a context, of the layer between part and code.
    n_horizons : int
        How many parts ahead is predicted, from 1.

    Notes
    -----
    Source: van den Oord, Li and Vinyals (2018), arXiv:1807.03748.
    """

    def __init__(self, n_inputs=64, n_features=32, n_context=128, n_horizons=3, n_hidden=128):
        super().__init__()
        self.n_inputs = check_integer("n_inputs", n_inputs)
        self.n_features = check_integer("n_features", n_features)
        n_hidden = check_integer("n_hidden", n_hidden)
        self.encoder = nn.Sequential(
            nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_features)
        )
        self.context = nn.GRUCell(n_features, check_integer("n_context", n_context))
        n = check_integer("n_horizons", n_horizons)
        self.heads = nn.ModuleList(self._head(n_context) for _ in range(n))

    def _head(self, n_context):
        return nn.Linear(n_context, self.n_features, bias=False)

    def _check(self, x):
        if x.ndim != 3 or x.shape[2] != self.n_inputs or x.shape[1] <= len(self.heads):
            raise ValueError(
                f"x has shape {tuple(x.shape)} but must be (B, T, {self.n_inputs}) with T above "
                f"n_horizons={len(self.heads)}: pass sequences of parts, as from `strips`."
            )
        return x

    def forward(self, x):
        """Codes (B, T, d) and contexts (B, T, m) of sequences x (B, T, n_inputs)."""
        z = self.encoder(self._check(x))
        return z, read_on(self.context, z)

    def scores(self, x):
        """Yield k, t, and the scores (B, B) of contexts t against parts t + k.

        Row i is sequence i's context, column j sequence j's part; t counts from 0.
        """
        z, c = self(x)
        for k, head in enumerate(self.heads, 1):
            for t in range(z.shape[1] - k):
                yield k, t, head(c[:, t]) @ z[:, t + k].T

    def loss(self, x, *, generator=None):
        """Mean of `info_nce` over times and horizons, in nats: log B by guessing."""
        losses = [info_nce(scores) for _, _, scores in self.scores(x)]
        return torch.stack(losses).mean()

    @torch.no_grad()
    def encode(self, x):
        """Contexts of all times side by side, (B, T * n_context)."""
        return self(x)[1].flatten(1)

    @torch.no_grad()
    def by_horizon(self, x):
        """Return the share of right futures and ``log B - loss`` in nats, (n_horizons,) each.

        Means over all times. Both depend on the number of sequences B: chance is 1 / B, and no
        score brings the second above log B.
        """
        right, nats = ([[] for _ in self.heads] for _ in range(2))
        for k, _, scores in self.scores(x):
            here = torch.arange(len(scores), device=scores.device)
            right[k - 1].append((scores.argmax(dim=1) == here).double().mean())
            nats[k - 1].append(math.log(len(scores)) - info_nce(scores))
        return tuple(torch.stack([torch.stack(v).mean() for v in some]) for some in (right, nats))


class PredictiveRegression(ContrastivePredictiveCoding):
    """The same network, which draws the parts to come instead of recognising them.

    Its heads return parts, and its loss is their mean squared error: the control for the contrast.
    """

    def _head(self, n_context):
        return nn.Linear(n_context, self.n_inputs)

    def loss(self, x, *, generator=None):
        """Mean squared error over times and horizons: a scalar."""
        _, c = self(x)
        pairs = [(head(c[:, :-k]), x[:, k:]) for k, head in enumerate(self.heads, 1)]
        return torch.stack([functional.mse_loss(a, b) for a, b in pairs]).mean()
