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

MOVED = {"n_context": 8, "rate": 0.2}  # told of moves by one pixel
MaskedFlow = partial(MAF, n_flows=4, n_hidden=256, **MOVED)
RealFlow = partial(RealNVP, n_couplings=6, n_scales=1, n_hidden=256, **MOVED)
TwoScales = partial(RealNVP, n_couplings=3, n_scales=2, n_hidden=160, **MOVED)
GlowFlow = partial(Glow, n_steps=4, n_hidden=128, **MOVED)
BendingFlow = partial(
    FlowPlusPlus, n_couplings=4, n_scales=1, n_components=4, n_hidden=256, **MOVED
)


def small_flow(noise):
    """A small flow of the digits with uniform or with learned noise."""
    sizes = {"n_hidden": 64, "rate": 0.1}
    learned = VariationalDequantizer(**sizes) if noise == "learned" else None
    return RealNVP(n_couplings=4, n_scales=1, dequantizer=learned, **sizes)


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
    n_steps=600,
    control=True,
)

RECIPES = {
    "maf": digits(make=MaskedFlow, title="MAF", n_steps=2000),
    "realnvp": digits(make=RealFlow, title="RealNVP", n_steps=4500),
    "realnvp_scales": digits(make=TwoScales, title="RealNVP, two scales", n_steps=3000),
    "glow": digits(make=GlowFlow, title="Glow", n_steps=1500),
    "flowpp": digits(make=BendingFlow, title="Flow++", n_steps=1200),
    "noise_uniform": seeds(make=lambda: Repeats(partial(small_flow, "uniform"), 3)),
    "noise_learned": seeds(make=lambda: Repeats(partial(small_flow, "learned"), 3)),
}
