"""When was it? Telling segments of time apart undoes a nonlinear mixture.

Chapter: `time`.
"""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.utils import check_random_state
from torch import nn
from torch.nn import functional

from companion.train import descend, fit, minibatches
from companion.validation import check_integer, check_real


def nonstationary_sources(n_segments, n_points, n_sources=2, *, spread=1.5, random_state=None):
    """Draw independent Laplace sources whose scales change from segment to segment of time.

    ``s_i(t) = scale_i(segment of t) * Laplace(0, 1)``; the logarithm of each scale is uniform from
    ``-spread`` to ``spread``. With ``spread=0`` nothing changes.

    Returns
    -------
    sources : array (n_segments * n_points, n_sources)
    segments : int array (n_segments * n_points,)
    """
    n_segments = check_integer("n_segments", n_segments)
    n_points = check_integer("n_points", n_points)
    n_sources = check_integer("n_sources", n_sources)
    spread, rng = check_real("spread", spread, 0), check_random_state(random_state)
    scales = np.exp(rng.uniform(-spread, spread, size=(n_segments, 1, n_sources)))
    sources = scales * rng.laplace(size=(n_segments, n_points, n_sources))
    return sources.reshape(-1, n_sources), np.repeat(np.arange(n_segments), n_points)


def bend(u, slope=0.2):
    """Rise smoothly, with slope `slope` far to the left and 1 far to the right."""
    return slope * u + (1 - slope) * np.logaddexp(0, u)


class RandomMixing:
    """An invertible random network: matrices, and `bend` between them.

    Parameters
    ----------
    n_dims : int
    depth : int
        Number of matrices; 1 is a linear mixture. Their singular values are from 0.6 to 1.4.
    slope : float in (0, 1]
        Of `bend`; 1 makes every depth linear.
    random_state : int, RandomState or None
    """

    def __init__(self, n_dims=2, depth=3, *, slope=0.2, random_state=None):
        check_integer("n_dims", n_dims)
        self.slope = check_real("slope", slope, 0, 1)
        if self.slope == 0:
            raise ValueError(f"slope={slope} cannot be undone: pass one above 0.")
        rng, self.matrices = check_random_state(random_state), []
        for _ in range(check_integer("depth", depth)):
            u, _, v = np.linalg.svd(rng.normal(size=(n_dims, n_dims)))
            self.matrices.append(u * np.linspace(1.4, 0.6, n_dims) @ v)

    def __call__(self, sources):
        """Mixtures of sources, (n, d) to (n, d)."""
        x = np.asarray(sources) @ self.matrices[0].T
        for matrix in self.matrices[1:]:
            x = bend(x, self.slope) @ matrix.T
        return x


class TimeContrastiveLearning(nn.Module):
    """Features from which softmax regression tells in which segment of time a point was seen.

    ``p(segment | x) = softmax(W h(x) + b)``, where h is a network with as many outputs as there
    are sources. If the sources' log densities differ between segments by multiples of functions
    q_i, the best h is ``A q(s) + d``, and linear independent components of it are q_i(s_i); for
    Laplace sources of changing scale q is the absolute value.

    Parameters
    ----------
    n_dims, n_segments : int
    n_features : int, optional
        By default n_dims.
    n_hidden : int
        Of both hidden layers.

    Notes
    -----
    Source: Hyvärinen and Morioka (2016), arXiv:1605.06336.
    """

    def __init__(self, n_dims=2, n_segments=64, n_features=None, n_hidden=64):
        super().__init__()
        self.n_dims = check_integer("n_dims", n_dims)
        self.n_segments = check_integer("n_segments", n_segments, low=2)
        n_features = self.n_dims if n_features is None else check_integer("n_features", n_features)
        n = check_integer("n_hidden", n_hidden)
        self.network = nn.Sequential(
            *(nn.Linear(n_dims, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU()),
            nn.Linear(n, n_features),
        )
        self.classify = nn.Linear(n_features, n_segments)

    def forward(self, x):
        """Features h of mixtures, (B, n_dims) to (B, n_features)."""
        if x.ndim != 2 or x.shape[1] != self.n_dims:
            raise ValueError(
                f"x has shape {tuple(x.shape)} but must be (B, {self.n_dims}): pass as many "
                "mixtures as n_dims says."
            )
        return self.network(x)

    def loss(self, x, segments, *, generator=None):
        """Cross-entropy of the segments (B,), in nats: log n_segments by guessing."""
        self._check(x, segments)
        return functional.cross_entropy(self.classify(self(x)), segments)

    def _check(self, x, segments):
        low, high = segments.min(), segments.max()
        if segments.shape != x.shape[:1] or low < 0 or high >= self.n_segments:
            raise ValueError(
                f"segments has shape {tuple(segments.shape)} and values from {low} to {high}: give "
                f"one of 0 to {self.n_segments - 1} for each row of x."
            )

    @torch.no_grad()
    def encode(self, x):
        """Features of mixtures, without gradients."""
        return self(x)


def tell_segments(
    model, x, segments, n_steps=800, *, generator, learning_rate=1e-2, batch_size=512
):
    """Train a `TimeContrastiveLearning` in place by Adam, the rate falling to 0; return history."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)

    def step(batch):
        loss = descend(model.loss(*batch), optimizer)
        schedule.step()
        return loss

    batches = minibatches(x, segments, batch_size=batch_size, generator=generator)
    return fit(step, batches, n_steps)


def matched_correlation(found, sources):
    """Mean absolute correlation of sources (n, d) with their partners among columns found (n, m).

    Each source gets another column, so that the mean is as large as it can be; m is at least d.
    Order, sign and scale do not count.
    """
    found, sources = np.asarray(found, dtype=float), np.asarray(sources, dtype=float)
    d = sources.shape[1]
    if len(found) != len(sources) or found.shape[1] < d:
        raise ValueError(
            f"found has shape {found.shape} and sources {sources.shape}: give as many rows, and at "
            "least as many columns as there are sources."
        )
    table = np.abs(np.corrcoef(sources, found, rowvar=False)[:d, d:])
    return table[linear_sum_assignment(-table)].mean()
