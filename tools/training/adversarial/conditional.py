"""The chapter's games: told a class, with a code of their own, and between two fonts.

Five seeds are five recipes. ``python -m tools.training.adversarial.conditional`` compares settings
of InfoGAN on held-out training digits.
"""

from functools import partial

import torch
from torch import nn

from companion import data
from companion.adversarial.conditional import Answers, ConditionalGAN, InfoGAN, wobble
from companion.adversarial.cyclegan import CycleGAN, LocalTranslator
from companion.adversarial.gan import DenseDiscriminator, DenseGenerator, dense, fit_gan
from companion.classifier import DigitClassifier
from companion.layers import initialize
from companion.metrics import purity_score
from tools.training.adversarial.gan import train
from tools.training.recipe import Recipe, labelled_digits
from tools.training.results import choose

DIGIT, GLYPH = (1, 8, 8), (1, 16, 16)


def seeds(n, name, title, recipe):
    """Return n recipes that differ in their seeds, by name."""
    return {f"{name}_{i}": recipe(title=f"{title}, seed {i}", seed=i) for i in range(n)}


# Told a class.


def drawer():
    """Return the generator of digits that is told a class."""
    return DenseGenerator(32, DIGIT, 96, n_context=10)


def told(*, tells_discriminator=True):
    """Return a game in which one or both players are told the class."""
    judge = DenseDiscriminator(DIGIT, 256, n_context=10 if tells_discriminator else 0)
    return ConditionalGAN(drawer(), judge, 32, tells_discriminator=tells_discriminator)


def only_generator(kept, model):
    """Keep the generator alone."""
    kept.load_state_dict(model.generator.state_dict())
    return kept


def class_accuracy(network, held_out):
    """How many digits of a generator are of the class that was asked for."""
    labels = torch.arange(1000) % 10
    model = ConditionalGAN(network, nn.Identity(), 32)
    images = model.sample(1000, context=labels, generator=torch.Generator().manual_seed(0))
    right = DigitClassifier.load()(images).argmax(dim=1) == labels
    return {"class accuracy": right.double().mean()}


conditional = partial(
    Recipe,
    data=labelled_digits,
    fit=train,
    measure=class_accuracy,
    unit="class accuracy of samples",
    n_steps=1200,
    settings={"learning_rate": 2e-3},
    keep=only_generator,
    kept=drawer,
    control=True,
)


# With a code of their own.


def reader():
    """Return the network that reads the code from a digit."""
    return nn.Sequential(nn.Flatten(), dense(64, 256, 10))


def coder():
    """Return the generator of digits with a code."""
    return DenseGenerator(8, DIGIT, 256, n_context=10)


def coded(*, distort=wobble, weight=0.1, noise_std=0.4):
    """Return a game with a code of ten letters."""
    how = {"distort": distort, "weight": weight, "noise_std": noise_std}
    return InfoGAN(coder(), DenseDiscriminator(DIGIT, 256), reader(), 8, **how)


def keep_codes(kept, model):
    """Keep what Q reads from the test digits; of the first game G and Q as well."""
    answers = kept if isinstance(kept, Answers) else kept[2]
    answers.values.copy_(model.read(labelled_digits(True)[1][0]).argmax(dim=1)[None])
    if answers is not kept:
        kept[0].load_state_dict(model.generator.generator.state_dict())
        kept[1].load_state_dict(model.generator.reader.state_dict())
    return kept


def codes():
    """Return room for the codes of the test digits."""
    return Answers(1, 360)


def networks_and_codes():
    """Return a generator, a reader, and room for codes."""
    return nn.ModuleList([coder(), reader(), codes()])


def digits_without_labels(final):
    """Return images to learn from, and labelled ones to measure on."""
    (learn, _), held_out = labelled_digits(final)
    return learn, held_out


def read_digits(kept, held_out):
    """Purity of what is read from the test digits."""
    answers = kept if isinstance(kept, Answers) else kept[2]
    return {"purity": purity_score(held_out[1], answers.values[0])}


# Tried on held-out training digits, whose labels thus had a part in the choice (`compare`).
mild = partial(wobble, bend=0.15, shift=0.6, ripple=0.0, gamma=0.0)
TRIED = {"distort": mild}, {"noise_std": 0.2}, {"noise_std": 0.7}, {"n_steps": 2000}

coding = partial(
    Recipe,
    data=digits_without_labels,
    make=coded,
    fit=train,
    measure=read_digits,
    unit="purity",
    n_steps=4000,
    settings={"learning_rate": 2e-3},
    keep=keep_codes,
    kept=codes,
    control=True,
)

plain = partial(coding, make=partial(coded, distort=None))
gentle = partial(coding, make=partial(coded, distort=mild))
loud = partial(coding, make=partial(coded, noise_std=1.0))
quiet = partial(coding, make=partial(coded, noise_std=0.2))


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
    a, b, _ = letters(fonts, 2600, 0)
    return (a[:1300], b[1300:]), letters(fonts, 260, 2 if final else 3)


def free_translator():
    """Return a dense translator: any pixel may go anywhere, and nothing is near at the start."""
    return nn.Sequential(nn.Flatten(), DenseGenerator(256, GLYPH, 128))


class FarLocal(LocalTranslator):
    """A local translator that begins with nothing: the image itself is not added."""

    def forward(self, x):
        """Translate images with entries from -1 to 1."""
        placed = torch.cat([x, self.at.expand(len(x), -1, -1, -1)], dim=1)
        return self.network(placed).tanh()


class FarWide(FarLocal):
    """The same weights spread out: each pixel of the result sees the whole paper."""

    def __init__(self, size=16, n_channels=16):
        super().__init__(size, n_channels)
        for i, layer in enumerate(self.network[2::2], start=1):  # 5x5 stays, then gaps of 2, 4, 8
            layer.dilation = layer.padding = (2**i, 2**i)


def train_from_the_identity(model, learn, n_steps, seed, *, turned=False, **settings):
    """Let both translators learn to change next to nothing, 400 steps; then the game.

    With `turned` they first learn to turn each image by 180 degrees.
    """
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    sets = [model.prepare(images) for images in learn]
    optimizer = torch.optim.Adam(model.generator.parameters(), lr=2e-3)
    for _ in range(400):
        rows = torch.randint(len(sets[0]), (32,), generator=generator)
        x = torch.cat([images[rows] for images in sets])
        goal = (2 * (x.flip(-1, -2) if turned else x)).tanh()
        off = sum((network(x) - goal).square().mean() for network in both(model))
        optimizer.zero_grad()
        off.backward()
        optimizer.step()
    return fit_gan(model, learn, n_steps, generator=generator, **settings)[0]


def both(model):
    """Return the two translators of a game."""
    return [model.generator[goal] for goal in "ab"]


def fonts(translator, cycle):
    """Return a function that makes a game between fonts."""

    def make():
        networks = [translator() for _ in range(2)] + [DenseDiscriminator(GLYPH, 128) for _ in "ab"]
        return CycleGAN(*networks, cycle=cycle, event_shape=GLYPH, n_levels=256)

    return make


N_KEPT = 100


def keep_translator(kept, model):
    """Keep the translator to the second font."""
    kept.load_state_dict(model.generator["b"].state_dict())
    return kept


def keep_translations(kept, model):
    """Keep what it makes of the first test letters of the first font."""
    kept.values.copy_(model.translate(two_fonts(True)[1][0][:N_KEPT], "b")[None])
    return kept


def translation_error(kept, held_out):
    """Mean error of a pixel against the true partner, in shares of black."""
    a, b = (part[:N_KEPT] for part in held_out[:2])
    if isinstance(kept, Answers):
        made = kept.values[0]
    else:
        network = kept.generator["b"] if isinstance(kept, CycleGAN) else kept
        made = (network(a / 127.5 - 1) + 1) * 127.5
    return {"error": (made - b.float()).abs().mean() / 255}


between = partial(
    Recipe,
    on="glyphs",
    data=two_fonts,
    fit=train,
    measure=translation_error,
    unit="error against the true partner",
    settings={"learning_rate": 2e-3, "batch_size": 32},
    control=True,
)
local = partial(between, n_steps=250, keep=keep_translator, kept=LocalTranslator)
kept_letters = {"keep": keep_translations, "kept": partial(Answers, 1, N_KEPT, GLYPH)}
free = partial(between, n_steps=500, **kept_letters)
near = partial(free, fit=train_from_the_identity)
turned = partial(free, fit=partial(train_from_the_identity, turned=True))
far = partial(between, n_steps=250, **kept_letters)
deaf = partial(conditional, make=partial(told, tells_discriminator=False))

RECIPES = {
    **seeds(5, "conditional", "Conditional GAN", partial(conditional, make=told)),
    **seeds(2, "conditional_deaf", "Conditional GAN, the class told to G only", deaf),
    "infogan_0": coding(title="InfoGAN, seed 0", kept=networks_and_codes),
    **{f"infogan_{i}": coding(title=f"InfoGAN, seed {i}", seed=i) for i in range(1, 10)},
    **seeds(3, "infogan_plain", "InfoGAN whose reader sees digits as they are", plain),
    **seeds(3, "infogan_mild", "InfoGAN whose reader sees milder distortion", gentle),
    **seeds(3, "infogan_short", "InfoGAN, half the steps", partial(coding, n_steps=2000)),
    **seeds(3, "infogan_loud", "InfoGAN with noise of standard deviation 1", loud),
    **seeds(3, "infogan_quiet", "InfoGAN with noise of standard deviation 0.2", quiet),
    **seeds(3, "cyclegan", "CycleGAN", partial(local, make=fonts(LocalTranslator, 10.0))),
    **seeds(
        3, "cyclegan_light", "CycleGAN, weight 2", partial(local, make=fonts(LocalTranslator, 2.0))
    ),
    **seeds(
        3, "cyclegan_open", "CycleGAN, no cycle", partial(local, make=fonts(LocalTranslator, 0.0))
    ),
    **seeds(
        3, "cyclegan_free", "CycleGAN, dense", partial(free, make=fonts(free_translator, 10.0))
    ),
    **seeds(
        3,
        "cyclegan_free_open",
        "CycleGAN, dense, no cycle",
        partial(free, make=fonts(free_translator, 0.0)),
    ),
    **seeds(
        3,
        "cyclegan_free_open_long",
        "CycleGAN, dense, no cycle, 2000 steps",
        partial(free, n_steps=2000, make=fonts(free_translator, 0.0)),
    ),
    **seeds(
        3,
        "cyclegan_near",
        "CycleGAN, dense, from near the identity",
        partial(near, make=fonts(free_translator, 10.0)),
    ),
    **seeds(
        3,
        "cyclegan_near_open",
        "CycleGAN, dense, from near the identity, no cycle",
        partial(near, make=fonts(free_translator, 0.0)),
    ),
    **seeds(
        3,
        "cyclegan_turned",
        "CycleGAN, dense, from near a turn by 180 degrees",
        partial(turned, make=fonts(free_translator, 10.0)),
    ),
    **seeds(3, "cyclegan_far", "CycleGAN, from nothing", partial(far, make=fonts(FarLocal, 10.0))),
    **seeds(
        3,
        "cyclegan_far_open",
        "CycleGAN, from nothing, no cycle",
        partial(far, make=fonts(FarLocal, 0.0)),
    ),
    **seeds(
        3,
        "cyclegan_wide_open",
        "CycleGAN, from nothing, the whole paper in view, no cycle",
        partial(far, make=fonts(FarWide, 0.0)),
    ),
    **seeds(
        3,
        "cyclegan_wide_open_long",
        "CycleGAN, from nothing, the whole paper in view, no cycle, 1000 steps",
        partial(far, n_steps=1000, make=fonts(FarWide, 0.0)),
    ),
}


def read_held_out(kept, held_out):
    """Purity of what is read from held-out digits."""
    return {"purity": purity_score(held_out[1], kept.read(held_out[0]).argmax(dim=1))}


def compare():
    """Print the purity of each of `TRIED`, for four seeds of their own."""
    for seed in range(30, 34):
        print("seed", seed)
        own = {"measure": read_held_out, "keep": None, "kept": None, "tried": TRIED}
        choose(coding(seed=seed, **own))


if __name__ == "__main__":
    compare()
