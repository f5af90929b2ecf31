"""Flow matching: learn the velocity by regression, without solving an equation.

Chapter: `continuous`.
"""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from companion.distributions import standard_normal, sum_event, uniform
from companion.flows.continuous import ContinuousFlow
from companion.validation import check_integer


def straight_path(x0, x1, t):
    """Where a point is on the way from x0 to x1 at time t, and its velocity (Liu et al., 2023).

    ``x_t = (1 - t) x0 + t x1`` and ``u = x1 - x0``.

    Parameters
    ----------
    x0, x1 : tensor (B, *event)
    t : tensor (B,)
        From 0 to 1, one for each pair.
    """
    t = t.view(-1, *[1] * (x0.dim() - 1))
    return (1 - t) * x0 + t * x1, x1 - x0


def pair_by_distance(x0, x1):
    """Order of the rows of x0 with the least squared distances to x1: int64 (B,).

    Optimal transport between two batches (Tong et al., 2024). What belongs to x1,
    as its labels, stays where it is, since only noise is moved.
    """
    a, b = (np.asarray(x.detach().cpu().double().flatten(1)) for x in (x1, x0))
    _, columns = linear_sum_assignment(cdist(a, b, "sqeuclidean"))
    return torch.from_numpy(columns).to(x0.device)


class FlowMatching(ContinuousFlow):
    """Continuous flow whose velocity is learned by regression (Lipman et al., 2023).

    Draw noise x0, a data point x1 and a time, and ask the network at the point between them for
    ``x1 - x0``. Least squares learn the mean of what they see: ``v(x, t) = E[x1 - x0 | x_t = x]``,
    and that mean velocity carries N(0, I) to the data.

    Parameters
    ----------
    As for `ContinuousFlow`.
    """

    def regression(self, x0, x1, context=None, *, generator=None):
        """Mean squared error of the velocity between given pairs, a number of an event."""
        t = uniform((len(x1),), generator=generator, like=x1)
        x_t, u = straight_path(x0, x1, t)
        return ((self.velocity(x_t, t, context) - u) ** 2).mean()

    def loss(self, x, context=None, *, generator=None):
        """The regression with noise that is drawn for each data point."""
        x1 = x if x.is_floating_point() else x.to(next(self.parameters()).dtype)
        x0 = standard_normal(x1.shape, generator=generator, like=x1)
        return self.regression(x0, x1, context, generator=generator)


@torch.no_grad()
def euler(flow, z, n_steps, context=None):
    """Carry noise to data in so many equal steps: ``x <- x + v(x, t) / n_steps``.

    Parameters
    ----------
    flow : ContinuousFlow
    z : tensor (B, *event)
    n_steps : int
    """
    n_steps, x = check_integer("n_steps", n_steps), z
    for i in range(n_steps):
        t = torch.full((len(x),), i / n_steps, dtype=x.dtype, device=x.device)
        x = x + flow.velocity(x, t, context) / n_steps
    return x


@torch.no_grad()
def reflow(flow, n, context=None, *, generator=None):
    """n pairs for a second round: noise, and where the flow carries it.

    Trained by ``flow.regression`` on them, a flow takes straighter ways.
    From Liu et al. (2023).
    """
    x0 = flow.noise(n, generator)
    return x0, flow.solve(x0, (0.0, 1.0), context)[-1]


@torch.no_grad()
def straightness(flow, z, n_steps=50, context=None):
    """How far velocities along the paths are from the straight way: 0 where all paths are straight.

    Mean over times and points of ``|x(1) - x(0) - v(x(t), t)|^2``, divided by that of
    ``|x(1) - x(0)|^2``.
    """
    times = torch.linspace(0, 1, check_integer("n_steps", n_steps) + 1)
    path = flow.solve(z, times, context)
    way = path[-1] - path[0]
    off = [
        sum_event((way - flow.velocity(x, t.to(x).expand(len(x)), context)) ** 2).mean()
        for t, x in zip(times[:-1], path[:-1], strict=True)
    ]
    return torch.stack(off).mean() / sum_event(way**2).mean()
