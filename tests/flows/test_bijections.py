"""Bijections alone and in chains, at random parameters."""

import pytest
import torch

from companion.flows.bijections import (
    Chain,
    FactorOut,
    Flatten,
    Inverse,
    Logit,
    Permute,
    Squeeze,
)
from companion.flows.coupling import RealNVP
from tests.contracts import seeded
from tests.flows.contract import check_bijection, log_determinants, randomized

BIJECTIONS = {
    "logit": (lambda: Logit(17.0), (3, 5), "share"),
    "logit of a unit": (lambda: Logit(1e-6, 0.2), (2,), "tiny"),
    "permutation": (lambda: Permute(torch.tensor([2, 0, 1])), (3,), ""),
    "squeeze": (lambda: Squeeze(), (3, 4, 6), ""),
    "flatten": (lambda: Flatten((2, 3)), (2, 3), ""),
    "factor out": (lambda: FactorOut((3, 2, 1), Flatten((2, 2, 1))), (3, 2, 1), ""),
    "a chain": (lambda: Chain(Logit(17.0), Inverse(Logit(3.0)), Logit(5.0)), (4,), "share"),
}


@pytest.mark.parametrize("name", BIJECTIONS)
def test_it_can_be_undone_and_knows_its_determinant(name):
    make, event_shape, where = BIJECTIONS[name]
    x = torch.rand((4, *event_shape), generator=seeded(), dtype=torch.float64)
    scale = {"share": 17.0, "tiny": 1e-6, "": 100.0}[where]
    check_bijection(make().double(), scale * x)


def test_a_logit_ends_where_the_interval_does():
    logit = Logit(17.0, 0.01)
    ends = torch.tensor([[0.0], [17.0]])
    z, _ = logit(ends)
    assert torch.isfinite(z).all()
    torch.testing.assert_close(z[0], -z[1])
    torch.testing.assert_close(logit.inverse(z)[0], ends)


def test_three_layers_add_their_determinants():
    flow = randomized(RealNVP((5,), None, n_couplings=3, n_hidden=7))
    x = torch.randn(3, 5, generator=seeded(), dtype=torch.float64)
    right = log_determinants(lambda v: flow(v)[0], x)
    torch.testing.assert_close(flow(x)[1], right)
    each = [0.0]
    y = x
    for layer in flow.bijection.layers[-1].layers:
        y, ladj = layer(y)
        each.append(each[-1] + ladj)
    assert not torch.allclose(each[1], each[3])
    torch.testing.assert_close(each[3], right)
