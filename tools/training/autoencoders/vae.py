"""The chapter's variational autoencoders: settings chosen on images cut from the training set."""

from functools import partial

import torch

from companion import data
from companion.autoencoders.vae import VAE, PeekingVAE, iwae_bound, warm_up
from companion.metrics import bits_per_dim
from tools.training.recipe import Recipe, digit_images, draw, train

FaceVAE = partial(
    VAE, 12, event_shape=(3, 32, 32), n_levels=256, n_hidden=128, n_channels=24, log_scale=2.7
)


def train_warm(model, learn, n_steps, seed, *, warm=0.0, **settings):
    """Train; the price of the code rises over the first `warm`, a share of the steps."""
    callback = warm_up(model, warm * n_steps) if warm else None
    return train(model, learn, n_steps, seed, callback=callback, **settings)


def measure(model, held_out, *, n_samples=20, n_weights=100):
    """Both bounds in bits per dimension, and the KL in nats a data point."""
    generator = torch.Generator().manual_seed(0)
    fit, kl = model.terms(held_out, n_samples=n_samples, generator=generator)
    n_dims = held_out[0].numel()
    figures = {"elbo": bits_per_dim((fit - kl.sum(dim=1)).mean(), n_dims)}
    if n_weights:
        bound = iwae_bound(model, held_out, n_weights, generator=generator)
        figures["iwae"] = bits_per_dim(bound.mean(), n_dims)
    return figures | {"kl": kl.sum(dim=1).mean()}


def face_images(final):
    """Return drawn faces to learn from and to measure on, uint8."""
    learn = torch.from_numpy(data.faces(4000, random_state=0)[0])
    if not final:
        return learn[:3500], learn[3500:]
    return learn, torch.from_numpy(data.faces(500, random_state=1)[0])


digits = partial(
    Recipe, data=digit_images, fit=train_warm, measure=measure, unit="bits/dim (ELBO)", n_steps=2000
)
CHOSEN = {"warm": 0.5, "weight_decay": 0.1}


RECIPES = {
    "vae": digits(
        title="VAE",
        make=VAE,
        settings=CHOSEN,
        sample=draw,
        tried=[
            {"warm": 0.0},
            {"rate": 0.0},
            {"rate": 0.4, "n_hidden": 384},
            {"weight_decay": 0.5},
            {"n_latent": 12},
        ],
    ),
    "vae_map": digits(
        title="VAE with two codes",
        make=partial(VAE, 2, n_hidden=128),
        settings=CHOSEN,
        sample=draw,
    ),
    "vae_plain": digits(
        title="VAE without the KL",
        make=VAE,
        settings={"beta": 0.0, "weight_decay": 0.1},
        sample=draw,
    ),
    "vae_collapsed": digits(
        title="VAE that peeks, collapsed", make=partial(PeekingVAE, n_hidden=96), n_steps=600
    ),
    "vae_warmed": digits(
        title="VAE that peeks, warmed up",
        make=partial(PeekingVAE, n_hidden=96),
        n_steps=600,
        settings={"warm": 0.9},
    ),
    "vae_faces": Recipe(
        title="VAE of faces",
        on="faces",
        data=face_images,
        make=FaceVAE,
        fit=train_warm,
        measure=partial(measure, n_samples=2, n_weights=0),
        unit="bits/dim (ELBO)",
        n_steps=1000,
        settings={"rate": 0.0, "warm": 0.1, "learning_rate": 8e-3, "batch_size": 32},
    ),
}
