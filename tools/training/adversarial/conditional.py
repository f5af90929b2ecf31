"""The chapter's games: told a class, with a code of their own, and between two fonts."""

from functools import partial

import torch
from torch import nn

from companion import data
from companion.adversarial.conditional import ConditionalGAN, InfoGAN, wobble
from companion.adversarial.cyclegan import CycleGAN, LocalTranslator, Translations
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.autoregressive.repeats import Repeats
from companion.classifier import DigitClassifier
from companion.layers import initialize
from companion.metrics import purity_score
from tools.training.recipe import Recipe, labelled_digits

DIGIT, GLYPH = (1, 8, 8), (1, 16, 16)


def train_seeds(models, learn, n_steps, seed, **settings):
    """Draw each game's weights with a seed of its own, then let the players take turns."""
    for i, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed + i)
        model = initialize(model, generator=generator)
        models[i] = fit_gan(model, learn, n_steps, generator=generator, **settings)[0]
    return models


def keep(kept, models, parts):
    """Put some of the games' networks into their places in a list of networks."""
    for place, part in zip(kept, parts(models), strict=True):
        place.load_state_dict(part.state_dict())
    return kept


# Told a class.


def drawer():
    """Return the generator of digits that is told a class."""
    return DenseGenerator(32, DIGIT, 96, n_context=10)


def told(n, tells_discriminator=True):
    """Return a function that makes n games in which one or both players are told the class."""

    def make():
        judge = DenseDiscriminator(DIGIT, 256, n_context=10 if tells_discriminator else 0)
        return ConditionalGAN(drawer(), judge, 32, tells_discriminator=tells_discriminator)

    return lambda: Repeats(make, n)


def generators(models):
    """Return the generators of some games."""
    return [model.generator for model in models]


def class_accuracy(networks, held_out):
    """How many digits of each generator are of the class that was asked for."""
    labels, shares = torch.arange(1000) % 10, {}
    for i, network in enumerate(networks):
        model = ConditionalGAN(network, nn.Identity(), 32)
        images = model.sample(1000, context=labels, generator=torch.Generator().manual_seed(i))
        right = DigitClassifier.load()(images).argmax(dim=1) == labels
        shares[f"class accuracy, seed {i}"] = right.double().mean()
    return {"class accuracy": sum(shares.values()) / len(shares)} | shares


conditional = partial(
    Recipe,
    data=labelled_digits,
    fit=train_seeds,
    measure=class_accuracy,
    unit="class accuracy of samples",
    n_steps=1200,
    settings={"learning_rate": 2e-3},
    control=True,
)


# With a code of their own.


def reader():
    """Return the network that reads the code from a digit."""
    return nn.Sequential(nn.Flatten(), dense(64, 96, 10))


def coder():
    """Return the generator of digits with a code."""
    return DenseGenerator(8, DIGIT, 256, n_context=10)


def coded(n, *, distorted=True):
    """Return a function that makes n games with a code of ten letters."""

    def make(*, weight=0.1, noise_std=0.2):
        distort = wobble if distorted else None
        game = partial(InfoGAN, weight=weight, noise_std=noise_std, distort=distort)
        return Repeats(lambda: game(coder(), DenseDiscriminator(DIGIT, 256), reader(), 8), n)

    return make


def readers(models):
    """Return the readers of some games."""
    return [model.generator.reader for model in models]


def first_and_readers(models):
    """Return the first game's generator, and all readers."""
    return [models[0].generator.generator, *readers(models)]


def digits_without_labels(final):
    """Return images to learn from, and labelled ones to measure on."""
    (learn, _), held_out = labelled_digits(final)
    return learn, held_out


def read_digits(networks, held_out):
    """Purity of what is read; and without labels, how often it stays when the digit is distorted.

    Settings were chosen by the second.
    """
    images, labels = held_out
    x, purity, stays = images / 8 - 1, {}, []
    for i, network in enumerate(n for n in networks if not isinstance(n, DenseGenerator)):
        network = network.generator.reader if isinstance(network, InfoGAN) else network
        generator = torch.Generator().manual_seed(i)
        said, again = (network(some).argmax(1) for some in (x, wobble(x, generator=generator)))
        purity[f"purity, seed {i}"] = purity_score(labels, said)
        stays.append((said == again).double().mean())
    median = sorted(purity.values())[len(purity) // 2]
    return {"purity, median": median, "stays": sum(stays) / len(stays)} | purity


coding = partial(
    Recipe,
    data=digits_without_labels,
    fit=train_seeds,
    measure=read_digits,
    unit="purity",
    n_steps=2000,
    settings={"learning_rate": 2e-3},
)

# Between two fonts.


def letters(fonts, n, seed):
    """Draw ten letters in each of two fonts, with the same state: images of both, and labels."""
    options = {"size": 16, "characters": "ABEGHKMRSX", "jitter": 0.5, "random_state": seed}
    drawn = [data.glyphs(n, fonts=[font], **options) for font in fonts]
    images = [torch.from_numpy(images) for images, _ in drawn]
    return *images, torch.from_numpy(drawn[0][1])


def two_fonts(final):
    """Return letters of two fonts, no two of them a pair; and pairs to measure on."""
    fonts = "DejaVuSans-Bold", "STIXGeneralItalic"
    a, b, labels = letters(fonts, 2600, 0)
    learn = a[:1300], b[1300:]
    a_held, b_held, held = letters(fonts, 260, 2 if final else 3)
    return learn, (a_held, b_held, held, b[1300:], labels[1300:])


def free_translator():
    """Return a dense translator: any pixel may go anywhere, and nothing is near at the start."""
    return nn.Sequential(nn.Flatten(), DenseGenerator(256, GLYPH, 128))


def fonts(translator, cycle):
    """Return a function that makes three games between fonts."""

    def make():
        networks = [translator() for _ in range(2)] + [DenseDiscriminator(GLYPH, 128) for _ in "ab"]
        return CycleGAN(*networks, cycle=cycle, event_shape=GLYPH, n_levels=256)

    return lambda: Repeats(make, 3)


def there(models):
    """Return the translators to the second font."""
    return [model.generator["b"] for model in models]


N_KEPT = 100


def keep_translations(kept, models):
    """Keep what they make of the first test letters of the first font."""
    a = two_fonts(True)[1][0][:N_KEPT]
    kept.images.copy_(torch.stack([model.translate(a, "b") for model in models]))
    return kept


def translation_error(kept, held_out):
    """Mean error of a pixel against the true partner, in shares of black."""
    a, b = (part[:N_KEPT] for part in held_out[:2])
    if isinstance(kept, Translations):
        made = kept.images
    else:
        networks = (n.generator["b"] if isinstance(n, CycleGAN) else n for n in kept)
        made = torch.stack([(network(a / 127.5 - 1) + 1) * 127.5 for network in networks])
    errors = (made - b.float()).abs().mean(dim=(1, 2, 3, 4)) / 255
    named = {f"error, seed {i}": error for i, error in enumerate(errors)}
    return {"error": errors.mean()} | named


fonts_of_letters = partial(
    Recipe,
    on="glyphs",
    data=two_fonts,
    fit=train_seeds,
    measure=translation_error,
    unit="error against the true partner",
    settings={"learning_rate": 2e-3, "batch_size": 32},
    control=True,
)
local = partial(
    fonts_of_letters,
    n_steps=250,
    keep=partial(keep, parts=there),
    kept=lambda: Repeats(LocalTranslator, 3),
)
free = partial(
    fonts_of_letters, n_steps=500, keep=keep_translations, kept=lambda: Translations(3, N_KEPT)
)

RECIPES = {
    "conditional": conditional(
        title="Conditional GANs",
        make=told(5),
        keep=partial(keep, parts=generators),
        kept=lambda: Repeats(drawer),
    ),
    "conditional_deaf": conditional(
        title="Conditional GANs, the class told to the generator only",
        make=told(2, tells_discriminator=False),
        keep=partial(keep, parts=generators),
        kept=lambda: Repeats(drawer, 2),
    ),
    "infogan": coding(
        title="InfoGAN",
        make=coded(5),
        keep=partial(keep, parts=first_and_readers),
        kept=lambda: Repeats([coder, *[reader] * 5]),
        control=True,
    ),
    "infogan_plain": coding(
        title="InfoGAN whose reader sees digits as they are",
        make=coded(1, distorted=False),
        keep=partial(keep, parts=readers),
        kept=lambda: Repeats(reader, 1),
        control=True,
    ),
    "infogan_loud": coding(
        title="InfoGAN with noise of standard deviation 1",
        make=coded(1),
        settings={"learning_rate": 2e-3, "noise_std": 1.0},
        keep=partial(keep, parts=readers),
        kept=lambda: Repeats(reader, 1),
        control=True,
    ),
    "cyclegan": local(title="CycleGAN", make=fonts(LocalTranslator, 10.0)),
    "cyclegan_open": local(title="CycleGAN without the cycle", make=fonts(LocalTranslator, 0.0)),
    "cyclegan_free": free(title="CycleGAN, dense", make=fonts(free_translator, 10.0)),
    "cyclegan_free_open": free(
        title="CycleGAN, dense, without the cycle", make=fonts(free_translator, 0.0)
    ),
}
