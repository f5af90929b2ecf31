"""PixelCNN++: grey levels as points on a line, not as names. Chapter: `pixelcnn`."""

import torch

from companion.autoregressive.pixelcnn import GatedPixelCNN
from companion.distributions import logistic_mixture_log_prob, sum_event


def mixture_parameters(outputs, n_levels):
    """Weights (as logits), means and log-scales of K bumps, float (..., 3 K) to three (..., K).

    An output of zeros spreads the means evenly over the grey levels.
    """
    logits, means, log_scales = outputs.chunk(3, dim=-1)
    spread = torch.linspace(0, n_levels - 1, means.shape[-1]).to(means)
    return logits, spread + n_levels / 2 * means, log_scales.clamp(min=-3.0)


class PixelCNNPlusPlus(GatedPixelCNN):
    """A PixelCNN whose conditionals are mixtures of discretised logistics (Salimans et al., 2017).

    A softmax has one free number for each level and does not know that 7 lies beside 8. Here each
    pixel has K bumps on the line of grey levels, by weight, place and width, and a level gets the
    mass between its edges: nearby levels are likely together. `conditionals` gives the
    log-probabilities of all levels, so that everything else is as before.

    Parameters
    ----------
    shape, n_levels, n_context, dropout, **kwargs
        As for `GatedPixelCNN`.
    n_components : int
    """

    def __init__(
        self, shape=(8, 8), n_levels=17, *, n_components=8, n_context=0, dropout=0.25, **kwargs
    ):
        super().__init__(
            shape,
            n_levels,
            n_features=2,
            n_outputs=3 * n_components,
            n_context=n_context,
            dropout=dropout,
            **kwargs,
        )
        self.register_buffer("levels", torch.arange(n_levels), persistent=False)

    def embed(self, x):
        """Grey levels from -1 to 1, and a channel of ones that shows where the image ends."""
        grey = 2 * x.to(self.position.dtype) / (self.n_levels - 1) - 1
        return torch.stack([grey, torch.ones_like(grey)], dim=-1)

    def mixture(self, hidden):
        """Weights (as logits), means and log-scales in grey levels, (B, 1, H, W, K) each."""
        return mixture_parameters(super().readout(hidden), self.n_levels)

    def log_prob(self, x, context=None, *, generator=None):
        """The mass of the levels that are there; the others need not be computed for it."""
        x = self.check(x)
        hidden = self.hidden(self.embed(x), context, generator=generator)
        return sum_event(
            logistic_mixture_log_prob(x, *self.mixture(hidden), n_levels=self.n_levels)
        )

    def readout(self, hidden):
        parts = (part[..., None, :] for part in self.mixture(hidden))  # (B, 1, H, W, 1, K)
        return logistic_mixture_log_prob(self.levels, *parts, n_levels=self.n_levels)


class SoftmaxPixelCNN(GatedPixelCNN):
    """A PixelCNN++ in which every grey level has a free number again: what the mixture changes.

    Input and network are those of `PixelCNNPlusPlus`; only the last layer differs.

    Parameters
    ----------
    shape, n_levels, n_context, **kwargs
        As for `GatedPixelCNN`.
    """

    def __init__(self, shape=(8, 8), n_levels=17, *, n_context=0, **kwargs):
        super().__init__(shape, n_levels, n_features=2, n_context=n_context, **kwargs)

    embed = PixelCNNPlusPlus.embed
