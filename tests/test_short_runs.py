"""Every helper that trains works from one step on, and says how long it was."""

import pytest
import torch
from torch.utils._pytree import tree_leaves

from companion import data, train
from companion.autoencoders.autoencoder import NonlinearPCA, converge
from companion.autoencoders.latent import amortization_gap, fit_posteriors, warm_up
from companion.autoencoders.vae import VAE
from companion.autoregressive.conditional import fit_told
from companion.autoregressive.pixelcnn import GatedPixelCNN
from tests.contracts import seeded

DIGITS = torch.from_numpy(data.digits().x_train[:32])
LENGTHS = [1, 2, 3, 10, 11]
lengths = pytest.mark.parametrize("n_steps", LENGTHS)


@lengths
@pytest.mark.parametrize("settings", [{}, {"decay": 0.0}, {"max_norm": None}])
def test_images(n_steps, settings):
    model = VAE(2, n_hidden=8)
    kept, history = train.fit_images(
        model, DIGITS, n_steps, generator=seeded(), batch_size=16, **settings
    )
    assert len(history) == n_steps
    assert all(step["loss"] < 1e4 for step in history)
    assert all(torch.isfinite(weight).all() for weight in kept.parameters())


@lengths
def test_told_images(n_steps):
    context = torch.eye(2)[torch.arange(32) % 2]
    model = GatedPixelCNN(n_channels=4, n_layers=2, n_context=2)
    _, history = fit_told(model, DIGITS, context, n_steps, generator=seeded(), batch_size=16)
    assert len(history) == n_steps


@lengths
def test_posteriors(n_steps):
    model = VAE(2, n_hidden=8)
    fit_posteriors(model, DIGITS[:4], n_steps=n_steps, generator=seeded())
    gap = amortization_gap(model, DIGITS[:4], n_steps=n_steps, n_samples=2, generator=seeded())
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in tree_leaves(gap))


@lengths
def test_convergence(n_steps):
    x = torch.randn(20, 3, generator=seeded())
    losses = converge(NonlinearPCA(3), x, n_steps)
    assert losses[-1] <= losses[0]


@lengths
def test_a_warm_up_ends_at_one(n_steps):
    model = VAE(2, n_hidden=8)
    callback = warm_up(model, n_steps)
    seen = []
    for step in range(1, n_steps + 1):
        callback({"step": step, "loss": 0.0})
        seen.append(model.beta)
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
