"""The chapter's games: told a class, with a code of their own, and between two fonts."""

from functools import partial

import torch
from torch import nn

from companion import data
from companion.adversarial.conditional import Answers, ConditionalGAN, InfoGAN, wobble
from companion.adversarial.cyclegan import CycleGAN, LocalTranslator
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
    return nn.Sequential(nn.Flatten(), dense(64, 256, 10))


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


def codes_of(models, images):
    """Return the codes that the readers of some games read from digits, (n_games, n)."""
    return torch.stack([model.read(images).argmax(dim=1) for model in models])


def keep_codes(kept, models):
    """Keep what all readers read from the test digits; of the first game G and Q as well."""
    answers = kept if isinstance(kept, Answers) else kept[2]
    answers.values.copy_(codes_of(models, labelled_digits(True)[1][0]))
    if answers is not kept:
        kept[0].load_state_dict(models[0].generator.generator.state_dict())
        kept[1].load_state_dict(models[0].generator.reader.state_dict())
    return kept


def first_and_codes():
    """Return a generator, a reader, and room for the codes of five games."""
    return nn.ModuleList([coder(), reader(), Answers(5, 360)])


def digits_without_labels(final):
    """Return images to learn from, and labelled ones to measure on."""
    (learn, _), held_out = labelled_digits(final)
    return learn, held_out


def read_digits(kept, held_out):
    """Purity of what is read; and of games, without labels, how often it survives distortion.

    Settings were compared by the second.
    """
    images, labels = held_out
    figures = {}
    if isinstance(kept, Repeats):
        said, generator = codes_of(kept, images), torch.Generator().manual_seed(0)
        bent = wobble(images / 8 - 1, generator=generator)
        again = torch.stack([game.generator.reader(bent).argmax(dim=1) for game in kept])
        figures["stays"] = (said == again).double().mean()
    else:
        said = (kept if isinstance(kept, Answers) else kept[2]).values
    purity = [purity_score(labels, codes) for codes in said]
    named = {f"purity, seed {i}": value for i, value in enumerate(purity)}
    return {"purity, median": sorted(purity)[len(purity) // 2]} | figures | named


coding = partial(
    Recipe,
    data=digits_without_labels,
    fit=train_seeds,
    measure=read_digits,
    unit="purity",
    n_steps=2000,
    settings={"learning_rate": 2e-3},
    keep=keep_codes,
    control=True,
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
    kept.values.copy_(torch.stack([model.translate(a, "b") for model in models]))
    return kept


def translation_error(kept, held_out):
    """Mean error of a pixel against the true partner, in shares of black."""
    a, b = (part[:N_KEPT] for part in held_out[:2])
    if isinstance(kept, Answers):
        made = kept.values
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
    fonts_of_letters, n_steps=500, keep=keep_translations, kept=lambda: Answers(3, N_KEPT, GLYPH)
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
        kept=first_and_codes,
    ),
    "infogan_plain": coding(
        title="InfoGAN whose reader sees digits as they are",
        make=coded(1, distorted=False),
        kept=lambda: Answers(1, 360),
    ),
    "infogan_loud": coding(
        title="InfoGAN with noise of standard deviation 1",
        make=coded(1),
        settings={"learning_rate": 2e-3, "noise_std": 1.0},
        kept=lambda: Answers(1, 360),
    ),
    "cyclegan": local(title="CycleGAN", make=fonts(LocalTranslator, 10.0)),
    "cyclegan_light": local(title="CycleGAN, a light cycle", make=fonts(LocalTranslator, 2.0)),
    "cyclegan_open": local(title="CycleGAN without the cycle", make=fonts(LocalTranslator, 0.0)),
    "cyclegan_free": free(title="CycleGAN, dense", make=fonts(free_translator, 10.0)),
    "cyclegan_free_open": free(
        title="CycleGAN, dense, without the cycle", make=fonts(free_translator, 0.0)
    ),
}
