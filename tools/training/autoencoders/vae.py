"""The chapter's variational autoencoders: settings chosen on images cut from the training set."""

import math
from functools import partial

import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from torch.nn import functional

from companion import data
from companion.autoencoders.vae import VAE, PeekingVAE, iwae_bound, warm_up
from companion.layers import initialize
from companion.metrics import bits_per_dim
from companion.train import MovingAverage, descend, fit, minibatches
from tools.training.recipe import Recipe, digit_images, draw, labelled_digits, train

FaceVAE = partial(
    VAE,
    n_latent=12,
    event_shape=(3, 32, 32),
    n_levels=256,
    n_hidden=128,
    n_channels=24,
    log_scale=2.7,
)

SmallPeekingVAE = partial(PeekingVAE, n_hidden=64, n_features=32)


def train_warm(model, learn, n_steps, seed, *, warm=0.0, **settings):
    """Train; the price of the code rises over the first `warm`, a share of the steps."""
    callback = warm_up(model, round(warm * n_steps)) if warm else None
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


def train_told(model, learn, n_steps, seed):
    """Train a conditional VAE on images and labels, as `companion.train.fit_images` does others."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=n_steps, pct_start=0.1
    )
    average = MovingAverage(model, 0.99)

    def step(batch):
        x, label = batch
        loss = model.loss(x, context=one_hot(label), generator=generator)
        loss = descend(loss, optimizer, max_norm=1.0)
        schedule.step()
        average.update(model)
        return loss

    batches = minibatches(*learn, batch_size=64, generator=generator)
    fit(step, batches, n_steps, warm_up(model, n_steps // 2))
    return average.model


def one_hot(labels):
    """Return the labels of digits as vectors, int (n,) to float (n, 10)."""
    return functional.one_hot(labels.long(), 10).float()


def measure_told(model, held_out, *, n_samples=20, n_weights=100):
    """Both bounds in bits per dimension, and the KL in nats a data point.

    The label is paid for, as one of ten, so that these are bounds on the image alone too:
    ``log p(x) >= log p(x | label) - log 10``.
    """
    x, label = held_out
    told = {"context": one_hot(label), "generator": torch.Generator().manual_seed(0)}
    fit_term, kl = model.terms(x, n_samples=n_samples, **told)
    bounds = {"elbo": fit_term - kl.sum(dim=1), "iwae": iwae_bound(model, x, n_weights, **told)}
    paid, n_dims = math.log(10), x[0].numel()
    figures = {name: bits_per_dim(bound.mean() - paid, n_dims) for name, bound in bounds.items()}
    return figures | {"kl": kl.sum(dim=1).mean()}


def draw_wanted(model, n, generator):
    """Draw each digit as often as any other."""
    return model.sample(n, context=one_hot(torch.arange(n) % 10), generator=generator)


def drawn_faces(final):
    """Return drawn faces and their factors to learn from and to measure on."""
    images, factors = data.faces(4000, random_state=0)
    learn = torch.from_numpy(images), factors
    if not final:
        return tuple(part[:3500] for part in learn), tuple(part[3500:] for part in learn)
    images, factors = data.faces(500, random_state=1)
    return learn, (torch.from_numpy(images), factors)


def train_faces(model, learn, n_steps, seed, **settings):
    """Train on the images alone."""
    return train_warm(model, learn[0], n_steps, seed, **settings)


SMALL = [
    list(data.FACE_FACTORS).index(n) for n in ("eye_distance", "eye_size", "brow", "mouth_curve")
]


def measure_faces(model, held_out):
    """Bound and KL, and the best R^2 of a linear map from the code to one of the small factors.

    The map is fitted to the first 300 of the faces and judged on the others.
    """
    images, factors = held_out
    z = torch.cat([model.encode(batch)[0] for batch in images.split(100)]).numpy()
    found = LinearRegression().fit(z[:300], factors[:300]).predict(z[300:])
    known = r2_score(factors[300:], found, multioutput="raw_values")
    return measure(model, images, n_samples=2, n_weights=0) | {"small": known[SMALL].max()}


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
    # These three have as many weights and steps, so that they can be compared.
    "vae_small": digits(title="VAE, small", make=partial(VAE, n_hidden=108), n_steps=600),
    "vae_collapsed": digits(title="VAE that peeks, collapsed", make=SmallPeekingVAE, n_steps=600),
    "vae_warmed": digits(
        title="VAE that peeks, warmed up",
        make=SmallPeekingVAE,
        n_steps=600,
        settings={"warm": 0.9},
    ),
    "vae_told": digits(
        title="VAE told the digit",
        data=labelled_digits,
        make=partial(VAE, 16, n_hidden=88, n_context=10),
        fit=train_told,
        measure=measure_told,
        n_steps=1000,
        sample=draw_wanted,
    ),
    "vae_faces": Recipe(
        title="VAE of faces",
        on="faces",
        data=drawn_faces,
        make=FaceVAE,
        fit=train_faces,
        measure=measure_faces,
        unit="bits/dim (ELBO)",
        n_steps=1000,
        settings={"rate": 0.0, "warm": 0.1, "learning_rate": 8e-3, "batch_size": 32},
        # Why are small factors not in the code? Not for want of these, but for want of steps.
        tried=[
            {"n_latent": 24},
            {"n_channels": 48, "n_hidden": 256},
            {"log_scale": 2.0},
            {"n_steps": 4000},
        ],
    ),
}
