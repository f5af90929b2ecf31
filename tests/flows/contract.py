"""What every bijection is held to, at random parameters: it is undone, and knows its Jacobian."""

import torch

from companion.layers import initialize
from tests.contracts import seeded


def randomized(module, size=0.3, seed=3):
    """Return a module in float64 and evaluation mode, its weights far from where they begin.

    A flow that is the identity hides a wrong determinant.
    """
    generator = seeded(seed)
    module = initialize(module, generator=generator).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.add_(size * noise)
    for part in module.modules():  # ActNorm has its weights already
        if hasattr(part, "seen"):
            part.seen.fill_(True)
    return module


def log_determinants(function, x):
    """``log |det|`` of the Jacobian of a function of one event, by autograd, for each row."""
    found = []
    for row in x:
        size = row.numel()

        def flat(v, shape=row.shape):
            return function(v.view(1, *shape)).flatten()

        jacobian = torch.autograd.functional.jacobian(flat, row.flatten()).view(size, size)
        found.append(torch.linalg.slogdet(jacobian).logabsdet)
    return torch.stack(found)


def check_bijection(bijection, x, tolerance=1e-10, context=None):
    """Inverse, determinant by autograd, determinant of the inverse, rows that do not mix."""
    told = () if context is None else (context,)
    one = () if context is None else (context[:1],)
    with torch.no_grad():
        z, ladj = bijection(x, *told)
        back, ladj_back = bijection.inverse(z, *told)
        assert ladj.shape == ladj_back.shape == (len(x),)
        scale = x.abs().max().clamp_min(1)
        assert (back - x).abs().max() < tolerance * scale
        assert (ladj + ladj_back).abs().max() < tolerance * ladj.abs().max().clamp_min(1)
        alone = bijection(x[:1], *one)[1]
        torch.testing.assert_close(alone, ladj[:1])
    if context is None:
        right = log_determinants(lambda v: bijection(v)[0], x[:2])
        torch.testing.assert_close(ladj[:2], right, atol=1e-8, rtol=1e-8)


def check_density(flow, low, high, n=400, tolerance=1e-3):
    """The density of a flow of the plane, or of the line, sums to 1 on a grid."""
    n_dims = flow.event_shape[0]
    side = torch.linspace(low, high, n, dtype=torch.float64)
    grid = torch.cartesian_prod(*[side] * n_dims).view(-1, n_dims)
    with torch.no_grad():
        total = flow.log_prob(grid).exp().sum() * (side[1] - side[0]) ** n_dims
    assert abs(total - 1) < tolerance, float(total)
