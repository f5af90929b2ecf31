"""Views together, without negatives: what keeps all images from the same answer?

Chapter: `joint_embedding`.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

from companion.selfsupervised.encoder import TwoViews, projector, unit
from companion.validation import check_real


def variance_term(z, goal=1.0, eps=1e-4):
    """Mean over columns of ``relu(goal - std)``, from (N, d): 0 where each varies enough."""
    return functional.relu(goal - (z.var(dim=0) + eps).sqrt()).mean()


def covariance_term(z):
    """Sum of squared covariances of different columns, divided by d, from (N, d)."""
    centered = z - z.mean(dim=0)
    covariance = centered.T @ centered / (len(z) - 1)
    off = covariance - torch.diag(covariance.diagonal())
    return (off**2).sum() / z.shape[1]


class VICReg(TwoViews):
    """Views alike, every output alive, no two outputs alike (Bardes et al., 2022).

    ``invariance |z_a - z_b|^2 / d + variance (v(z_a) + v(z_b)) + covariance (c(z_a) + c(z_b))``.

    Parameters
    ----------
    invariance, variance, covariance : float
        Weights of the terms.
    **options
        See `TwoViews`.
    """

    def __init__(
        self,
        encoder=None,
        views=None,
        *,
        invariance=25.0,
        variance=25.0,
        covariance=1.0,
        n_outputs=128,
        **options,
    ):
        super().__init__(encoder, views, n_outputs=n_outputs, **options)
        weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
        self.weights = {name: check_real(name, value, 0) for name, value in weights.items()}

    def terms(self, z_a, z_b):
        """The three terms without their weights, a dict of scalars."""
        return {
            "invariance": functional.mse_loss(z_a, z_b),
            "variance": variance_term(z_a) + variance_term(z_b),
            "covariance": covariance_term(z_a) + covariance_term(z_b),
        }

    def compare(self, z_a, z_b):
        """Their weighted sum."""
        return sum(self.weights[name] * term for name, term in self.terms(z_a, z_b).items())


class BYOL(TwoViews):
    """One network guesses what a slow copy of itself says about another view (Grill et al., 2020).

    ``2 - 2 cos(predictor(z_a), target z_b)``, both ways; no gradient reaches the target, whose
    weights are a moving average of the online ones: call `update` after each step.

    Parameters
    ----------
    decay : float
        Of the moving average; with 0 the target is the online network of the step before.
    **options
        See `TwoViews`.
    """

    def __init__(self, encoder=None, views=None, *, decay=0.99, n_outputs=64, **options):
        super().__init__(encoder, views, n_outputs=n_outputs, **options)
        self.decay = check_real("decay", decay, 0, 1)
        self.predictor = projector(n_outputs, n_outputs=n_outputs)
        self.target = nn.Sequential(
            copy.deepcopy(self.encoder), copy.deepcopy(self.projector)
        ).requires_grad_(False)

    @torch.no_grad()
    def begin(self, *, generator=None):
        """Let the target begin as a copy of the online networks; call it once they are drawn."""
        self.target.load_state_dict(self.online().state_dict())
        return self

    def online(self):
        """Return the networks that the target follows."""
        return nn.Sequential(self.encoder, self.projector)

    @torch.no_grad()
    def update(self):
        """Let the target follow: ``target = decay target + (1 - decay) online``."""
        pairs = zip(self.target.parameters(), self.online().parameters(), strict=True)
        for slow, new in pairs:
            slow.lerp_(new, 1 - self.decay)

    def loss(self, x, *, generator=None):
        """Both ways round, a mean over images of levels x, (B, *event): a scalar from 0 to 8."""
        views = self.two_views(x, generator=generator)
        guesses = [self.predictor(self.projector(self.encoder(view))) for view in views]
        with torch.no_grad():
            said = [self.target(view) for view in views]
        return sum(
            (unit(guess) - unit(goal)).square().sum(dim=1).mean()
            for guess, goal in zip(guesses, said[::-1], strict=True)
        )
