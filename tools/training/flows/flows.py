"""The flows of the digits: settings compared on images cut from the training set."""

from functools import partial

import torch

from companion.autoregressive.repeats import Repeats
from companion.flows.coupling import Glow, RealNVP
from companion.flows.flowpp import FlowPlusPlus, VariationalDequantizer
from companion.flows.masked import MAF
from companion.flows.transforms import noise_bound
from companion.metrics import bits_per_dim
from tools.training.recipe import Recipe, digit_images, draw, train


def told(rate):
    """Arguments of a network that is told of moves by one pixel."""
    return {"n_context": 8, "rate": rate}


def noise(rate):
    """Noise that is learned with the flow."""
    return VariationalDequantizer(n_hidden=48, **told(rate))


def maf(n_flows=4, n_hidden=112, rate=0.2):
    """MAF of the digits."""
    return MAF(n_flows=n_flows, n_hidden=n_hidden, dequantizer=noise(rate), **told(rate))


def real_nvp(n_couplings=3, n_scales=2, n_hidden=96, rate=0.1):
    """RealNVP of the digits."""
    sizes = {"n_couplings": n_couplings, "n_scales": n_scales, "n_hidden": n_hidden}
    return RealNVP(dequantizer=noise(rate), **sizes, **told(rate))


def glow(n_steps=4, n_hidden=64, rate=0.1):
    """Glow of the digits."""
    return Glow(n_steps=n_steps, n_hidden=n_hidden, dequantizer=noise(rate), **told(rate))


def flow_plus_plus(n_couplings=4, n_components=4, n_hidden=96, rate=0.1):
    """Flow++ of the digits."""
    sizes = {"n_couplings": n_couplings, "n_components": n_components, "n_hidden": n_hidden}
    return FlowPlusPlus(n_scales=1, **sizes, **told(rate))


def affine_twin(n_couplings=4, n_hidden=96, rate=0.1):
    """What Flow++ is without its bends: the same couplings, networks and noise, but affine."""
    sizes = {"n_couplings": n_couplings, "n_scales": 1, "n_hidden": n_hidden}
    learned = VariationalDequantizer(n_hidden=n_hidden, **told(rate))
    return RealNVP(dequantizer=learned, **sizes, **told(rate))


def small_flow(noise):
    """A small flow with uniform or with learned noise, and with nearly as many weights."""
    n_hidden, learned = 40, None
    if noise == "learned":
        n_hidden, learned = 32, VariationalDequantizer(n_hidden=32)
    return RealNVP(n_couplings=4, n_scales=1, n_hidden=n_hidden, dequantizer=learned)


def bounds(model, held_out):
    """Bits per dimension of the bound with one noise, and with 32."""
    generator = torch.Generator().manual_seed(0)
    n_dims = held_out[0].numel()
    one = model.elbo(held_out, n_samples=8, generator=generator)
    many = noise_bound(model, held_out, 32, generator=generator)
    return {
        "bits/dim": bits_per_dim(one.mean(), n_dims),
        "32 noises": bits_per_dim(many.mean(), n_dims),
    }


def train_seeds(models, learn, n_steps, seed, **settings):
    """Train each with another seed."""
    for i, model in enumerate(models):
        models[i] = train(model, learn, n_steps, seed + i, **settings)
    return models


def bounds_of_seeds(models, held_out):
    """Means over the seeds, and the bound of every seed."""
    each = [bounds(model, held_out) for model in models]
    means = {key: sum(found[key] for found in each) / len(each) for key in each[0]}
    return means | {f"seed {i}": found["bits/dim"] for i, found in enumerate(each)}


digits = partial(
    Recipe,
    data=digit_images,
    fit=train,
    measure=bounds,
    unit="bits/dim (bound)",
    sample=draw,
    settings={"max_shift": 1},
)
seeds = partial(
    Recipe,
    data=digit_images,
    fit=train_seeds,
    measure=bounds_of_seeds,
    unit="bits/dim (bound), small networks",
    n_steps=2400,
    control=True,
)

RECIPES = {
    "maf": digits(make=maf, title="MAF", n_steps=2500),
    "realnvp": digits(
        make=real_nvp,
        title="RealNVP",
        n_steps=3500,
        tried=[{"n_hidden": 160, "rate": 0.2}, {"n_couplings": 6, "n_scales": 1}],
    ),
    "glow": digits(make=glow, title="Glow", n_steps=1500),
    "flowpp": digits(
        make=flow_plus_plus,
        title="Flow++",
        n_steps=4000,
        settings={"max_shift": 1, "learning_rate": 4e-3},
        tried=[
            {"n_steps": 2200},
            {"rate": 0.3, "weight_decay": 0.1},
            {"rate": 0.2, "n_hidden": 256},
            {"n_couplings": 6, "n_hidden": 128, "n_components": 6, "n_steps": 1000},
        ],
    ),
    "affine": digits(
        make=affine_twin,
        title="Flow++ without its bends",
        n_steps=4000,
        settings={"max_shift": 1, "learning_rate": 4e-3},
        control=True,
    ),
    "noise_uniform": seeds(make=lambda: Repeats(partial(small_flow, "uniform"), 3)),
    "noise_learned": seeds(make=lambda: Repeats(partial(small_flow, "learned"), 3)),
}
