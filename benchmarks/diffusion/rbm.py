"""Boltzmann machines against scikit-learn's: kept chains, as many rounds, equal batches and steps.

Only the first 1,400 of the digits are used, so that no batch is short: scikit-learn's `fit`
subtracts a sum over 100 chains from a sum over the batch.
"""

import torch
from sklearn.neural_network import BernoulliRBM

from benchmarks.harness import case  # first: it asks for one thread
from companion import data
from companion.diffusion.rbm import RestrictedBoltzmannMachine
from companion.layers import initialize

BATCH, RATE = 100, 0.05


def digits():
    """Training and test digits as zeros and ones, flat."""
    x_train, _, x_test, _ = data.digits()
    return [torch.from_numpy(x > 7).float().flatten(1) for x in (x_train[:1400], x_test)]


def our_machine(x, n_hidden, n_rounds):
    """Train ours by the slopes that are written out."""
    generator = torch.Generator().manual_seed(0)
    model = RestrictedBoltzmannMachine((64,), n_hidden, persistent=BATCH)
    model = initialize(model, generator=generator).requires_grad_(False)
    for _ in range(n_rounds):
        for batch in x.split(BATCH):
            slopes = model.slopes(batch, generator=generator)
            for weights, slope in zip((model.weight, model.b, model.c), slopes, strict=True):
                weights -= RATE * slope
    return model


def their_machine(x, n_hidden, n_rounds):
    """Train scikit-learn's, with the same rate."""
    settings = {"learning_rate": RATE, "batch_size": BATCH, "n_iter": n_rounds, "random_state": 0}
    return BernoulliRBM(n_hidden, **settings).fit(x.numpy())


def nats(model, x):
    """Exact log-likelihood of digits, a number a digit; of theirs by its weights in ours."""
    if isinstance(model, BernoulliRBM):
        theirs = model.components_.T, model.intercept_visible_, model.intercept_hidden_
        model = RestrictedBoltzmannMachine((64,), len(theirs[2])).requires_grad_(False)
        for weights, value in zip((model.weight, model.b, model.c), theirs, strict=True):
            weights.copy_(torch.from_numpy(value))
    return model.log_prob(x).mean().item()


def wrong_pixels(model, x):
    """Share of pixels that a turn, without dice, does not bring back."""
    if isinstance(model, BernoulliRBM):
        hidden = torch.from_numpy(model.transform(x.numpy()))
        logits = hidden @ torch.from_numpy(model.components_)
        logits = logits + torch.from_numpy(model.intercept_visible_)
    else:
        logits = model.visible_logits(torch.sigmoid(model.hidden_logits(x)))
    return ((logits > 0) != (x > 0.5)).float().mean().item()


@case("Boltzmann machine, 64 x 256, 10 rounds", "scikit-learn", bar=1.0)
def training():
    x_train, x_test = digits()

    def no_worse(*_):
        """Those of 16 units, trained as long as in the chapter: the sum over all h is exact."""
        ours, theirs = (machine(x_train, 16, 350) for machine in (our_machine, their_machine))
        told = nats(ours, x_test), nats(theirs, x_test)
        assert told[0] >= told[1] - 0.3, f"{told} nats a digit"
        wrong = wrong_pixels(ours, x_test), wrong_pixels(theirs, x_test)
        assert wrong[0] <= wrong[1] + 0.01, f"{wrong} of the pixels are not brought back"

    return (
        lambda: our_machine(x_train, 256, 10),
        lambda: their_machine(x_train, 256, 10),
        no_worse,
    )
