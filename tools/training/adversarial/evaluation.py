"""What the models of earlier parts draw, for the judges; and noise that is made for one of them."""

from functools import partial

import torch
from torch import nn

from companion.adversarial.drawn import Drawn, DrawnWithBits
from companion.classifier import DigitClassifier, relative_frechet_distance
from companion.metrics import bits_per_dim, two_sample_accuracy
from companion.train import load_weights
from tools.training.autoencoders import vae
from tools.training.autoregressive import causal_networks, pixelcnn, pixelrnn, transformers
from tools.training.flows import continuous, flows
from tools.training.recipe import Recipe, digit_images

# Name on the page: recipes of a chapter, part and name of the checkpoint.
MODELS = {
    "VAE": (vae, "autoencoders/vae"),
    "MADE": (causal_networks, "autoregressive/made"),
    "transformer": (transformers, "autoregressive/transformer"),
    "Row LSTM": (pixelrnn, "autoregressive/row_lstm"),
    "gated PixelCNN": (pixelcnn, "autoregressive/gated_pixelcnn"),
    "PixelCNN++": (pixelcnn, "autoregressive/pixelcnnpp"),
    "MAF": (flows, "flows/maf"),
    "RealNVP": (flows, "flows/realnvp"),
    "Glow": (flows, "flows/glow"),
    "Flow++": (flows, "flows/flowpp"),
    "flow matching": (continuous, "flows/digits"),
}


def sample_flow(model, n, generator):
    """Draw digits by the flow of the chapter on continuous flows, in 50 steps."""
    return continuous.grey_levels(continuous.euler(model, model.noise(n, generator), 50)).long()


def bits_of_flow(model, images, n_noises=4):
    """Bits per dimension of grey levels: a bound, the mean over some draws of noise."""
    generator = torch.Generator().manual_seed(0)
    nats = [
        model.log_prob(continuous.real_numbers(images, generator)).mean() for _ in range(n_noises)
    ]
    scale = torch.tensor(8.5).log()  # of each of the 64 numbers
    return bits_per_dim(torch.stack(nats).mean() / 64 - scale, 1)


def told_by(recipe, model, held_out):
    """The tightest of a model's bounds in bits per dimension, or the number itself."""
    if recipe.sample is None:
        return float(bits_of_flow(model, held_out))
    found = recipe.measure(model, held_out)
    names = ("iwae", "32 noises", "bits/dim")
    return float(next(found[name] for name in names if name in found))


@torch.no_grad()
def draw_all(kept, model):
    """Keep what each model draws with its recipe's seed, and its bits on the test digits."""
    _, x_test = digit_images(final=True)
    images, bits = [], []
    for chapter, path in MODELS.values():
        recipe = chapter.RECIPES[path.split("/")[1]]
        model = load_weights(recipe.make(), path)
        seed = 1 if recipe.sample is None else recipe.seed
        draw = recipe.sample or sample_flow
        images.append(draw(model, 1437, torch.Generator().manual_seed(seed)).long())
        bits.append(told_by(recipe, model, x_test))
    return kept.pack(torch.stack(images), bits)


def judge(kept, held_out):
    """Fréchet distance of each set, and what test images cost under its model."""
    figures = {
        f"frechet, {name}": relative_frechet_distance(images)
        for name, images in zip(MODELS, kept.images, strict=True)
    }
    return figures | dict(zip((f"bits/dim, {name}" for name in MODELS), kept.bits, strict=True))


def nothing(model, learn, n_steps, seed):
    """Train nothing: the models are trained already."""
    return model


class Canvas(nn.Module):
    """Pixels that are learned."""

    def __init__(self, n_images=1437):
        super().__init__()
        self.pixels = nn.Parameter(torch.zeros(n_images, 1, 8, 8))


def match_moments(canvas, learn, n_steps, seed, *, rate):
    """Move noise until its features have the mean and the covariance of the training images'."""
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        levels = torch.randint(17, canvas.pixels.shape, generator=generator)
        canvas.pixels.copy_(levels)
        classifier = DigitClassifier.load()
        features = classifier.features(learn)
        deviation, mean = torch.std_mean(features, dim=0)
        deviation[deviation == 0] = 1  # units that are silent on digits
        wanted = ((features - mean) / deviation).T.cov()
    optimizer = torch.optim.Adam(canvas.parameters(), lr=rate)
    for _ in range(n_steps):
        features = (classifier.features(canvas.pixels) - mean) / deviation
        loss = features.mean(dim=0).square().sum() + (features.T.cov() - wanted).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            canvas.pixels.clamp_(0, 16)
    return canvas


def keep_canvas(kept, canvas):
    """Keep the pixels as grey levels."""
    return kept.pack(canvas.pixels.detach().round().long()[None])


def judge_noise(kept, held_out):
    """Fréchet distance, and the accuracy at which noise is told from test digits."""
    images = kept.images[0]
    told = two_sample_accuracy(images[: len(held_out)], held_out)
    return {"frechet": relative_frechet_distance(images), "told": told}


RECIPES = {
    "evaluation_draws": Recipe(
        title="Draws of eleven models",
        data=digit_images,
        make=nn.Identity,
        fit=nothing,
        measure=judge,
        unit="Fréchet distance",
        n_steps=0,
        kept=partial(DrawnWithBits, len(MODELS)),
        keep=draw_all,
        control=True,
    ),
    "evaluation_noise": Recipe(
        title="Noise with the moments of digits",
        data=digit_images,
        make=Canvas,
        fit=match_moments,
        measure=judge_noise,
        unit="Fréchet distance",
        n_steps=200,
        settings={"rate": 0.3},
        kept=partial(Drawn, 1),
        keep=keep_canvas,
        control=True,
    ),
}
