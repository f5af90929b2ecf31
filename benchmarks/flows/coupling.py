"""RealNVP against zuko's: as many couplings, networks of the same width, the same optimiser."""

import torch
import zuko
from torch import nn

from benchmarks.harness import case  # first: it asks for one thread
from companion import data
from companion.flows.bijections import Logit
from companion.flows.coupling import RealNVP
from companion.flows.transforms import dequantize
from companion.layers import initialize

N_COUPLINGS, N_HIDDEN, N_STEPS = 6, 128, 400


def digits():
    """Training and test digits with uniform noise, as 64 numbers on the whole line."""
    x_train, _, x_test, _ = data.digits()
    generator = torch.Generator().manual_seed(0)
    noisy = (dequantize(torch.from_numpy(x), generator=generator) for x in (x_train, x_test))
    return [Logit(17.0)(x.flatten(1))[0] for x in noisy]


def our_flow():
    """Our flow as a function that gives log-densities, and its weights."""
    flow = RealNVP((64,), None, n_couplings=N_COUPLINGS, n_hidden=N_HIDDEN, n_layers=2)
    flow = initialize(flow, generator=torch.Generator().manual_seed(0))
    return flow.log_prob, list(flow.parameters())


def their_flow():
    """Zuko's, likewise."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        sizes = {"hidden_features": (N_HIDDEN, N_HIDDEN), "activation": nn.SiLU}
        flow = zuko.flows.RealNVP(64, transforms=N_COUPLINGS, **sizes)
    return lambda x: flow().log_prob(x), list(flow.parameters())


def trainer(flow, x):
    """Return a function that takes one step of Adam, and the flow's log-density."""
    log_prob, weights = flow()
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    batches = iter(range(10**9))

    def step():
        start = 64 * (next(batches) % (len(x) // 64))
        optimizer.zero_grad()
        loss = -log_prob(x[start : start + 64]).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, log_prob


@case("RealNVP, a step of training", "zuko", bar=1.0)
def training():
    x_train, x_test = digits()

    def no_worse(ours, theirs):
        costs = []
        for flow in (our_flow, their_flow):
            step, log_prob = trainer(flow, x_train)
            for _ in range(N_STEPS):
                step()
            with torch.no_grad():
                costs.append(-log_prob(x_test).mean().item() / 64)
        assert costs[0] <= costs[1] + 0.01, f"{costs} nats a number"

    return trainer(our_flow, x_train)[0], trainer(their_flow, x_train)[0], no_worse
