"""Views together, without negatives: what keeps all images from the same answer?

Chapter: `joint_embedding`.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

from companion.selfsupervised.encoder import TwoViews, projector, unit
from companion.selfsupervised.protocol import KeptCurves
from companion.validation import check_real


def variance_term(z, goal=1.0, eps=1e-4):
    """Mean of ``relu(goal - std)`` over columns of (N, d): 0 if all vary enough."""
    return functional.relu(goal - (z.var(dim=0) + eps).sqrt()).mean()


def covariance_term(z):
    """Squared covariances of different columns of (N, d), their sum over d."""
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


def normalized_projector(n_features, n_hidden=128, n_outputs=64):
    """Return a `projector` with batch normalisation of the hidden units."""
    return nn.Sequential(
        nn.Linear(n_features, n_hidden),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(),
        nn.Linear(n_hidden, n_outputs),
    )


class BYOL(TwoViews):
    """One network guesses what a slow copy of itself says about another view (Grill et al., 2020).

    ``2 - 2 cos(predictor(z_a), target z_b)``, both ways; no gradient reaches the target, whose
    weights are a moving average of the online ones: call `update` after each step.

    Parameters
    ----------
    decay : float
        Of the moving average; with 0 the target is the online network of the step before, with 1
        it stays as it began.
    normalize : bool
        Whether projector and predictor have batch normalisation.
    predict, stop_gradient : bool
        Switches to see what happens without: no predictor; the goal is the online network's own
        answer, through which the gradient flows too.
    **options
        See `TwoViews`.
    """

    def __init__(
        self,
        encoder=None,
        views=None,
        *,
        decay=0.95,
        normalize=True,
        predict=True,
        stop_gradient=True,
        n_hidden=128,
        n_outputs=64,
    ):
        super().__init__(encoder, views, n_hidden=n_hidden, n_outputs=n_outputs)
        self.decay, self.stop_gradient = check_real("decay", decay, 0, 1), bool(stop_gradient)
        head = normalized_projector if normalize else projector
        self.projector = head(self.encoder.n_features, n_hidden, n_outputs)
        self.predictor = head(n_outputs, n_hidden, n_outputs) if predict else nn.Identity()
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

    def goals(self, views, own):
        """What each view's partner is to be guessed as: the target's answers, or `own` ones."""
        if not self.stop_gradient:
            return own
        with torch.no_grad():
            return [self.target(view) for view in views]

    def loss(self, x, *, generator=None):
        """Both ways, a mean over images of levels x, (B, *event): from 0 to 8."""
        views = self.two_views(x, generator=generator)
        own = [self.projector(self.encoder(view)) for view in views]
        goals = self.goals(views, own)
        guesses = [self.predictor(z) for z in own]
        return sum(
            (unit(guess) - unit(goal)).square().sum(dim=1).mean()
            for guess, goal in zip(guesses, goals[::-1], strict=True)
        )


def spread(z):
    """Alarm of collapse: mean deviation of unit rows (N, d), times ``sqrt(d)``.

    0 if all rows point the same way, at most 1: all directions alike.

    >>> [round(spread(z).item(), 3) for z in (torch.eye(4), torch.ones(9, 4))]
    [0.866, 0.0]
    """
    return unit(_rows(z)).std(dim=0, correction=0).mean() * z.shape[1] ** 0.5


def effective_dimensions(z):
    """How many directions do rows (N, d) use? ``(sum lambda)^2 / sum lambda^2``.

    The lambdas are eigenvalues of the covariance; d equal ones give d, a single
    one gives 1, and rows that are all equal give 0.
    """
    z = _rows(z).double()
    z = z - z.mean(dim=0)
    covariance = z.T @ z
    total = covariance.square().sum()
    return covariance.trace() ** 2 / total.clamp_min(torch.finfo(total.dtype).tiny)


def _rows(z):
    """Refuse what is not (N, d) with N at least 2."""
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(
            f"z has shape {tuple(z.shape)} but must be (N, d) with N at least 2: one row says "
            "nothing of how rows differ."
        )
    return z


class WatchedCurves(KeptCurves):
    """Label curves of several models, and how far their features are from collapse.

    Attributes
    ----------
    spreads, dimensions : float tensor (n_models,)
        `spread` and `effective_dimensions` of the features of the test images.
    """

    def __init__(self, n_models, n_draws=20, n_numbers=4):
        super().__init__(n_models, n_draws, n_numbers)
        self.register_buffer("spreads", torch.zeros(n_models))
        self.register_buffer("dimensions", torch.zeros(n_models))

    def watch(self, row, features):
        """Keep both alarms of one model's features (N, d)."""
        self.spreads[row] = spread(features)
        self.dimensions[row] = effective_dimensions(features)
