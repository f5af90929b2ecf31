"""The judge of scenes, what matches captions, the game that draws scenes, and its controls."""

from functools import cache, partial

import torch

from companion import data
from companion.adversarial.captions import N_WORDS, VOCABULARY, meaning, tokenize
from companion.adversarial.gan import fit_gan
from companion.adversarial.matching import CaptionMatcher, fit_matcher
from companion.adversarial.scene_judge import SceneJudge
from companion.adversarial.text_to_image import TextPainter, TextToImageGAN
from companion.layers import initialize
from companion.train import descend, fit, load_weights, minibatches
from tools.training.recipe import Recipe

SEEDS = {"train": (0, 1, 2), "held_out": (3, 4, 5)}  # to learn, to choose settings, to measure


@cache
def some_scenes(split, role, n):
    """Return images, and captions, of a split: role 0 learns, 1 chooses, 2 measures."""
    scenes = data.scenes(n, size=16, split=split, random_state=SEEDS[split][role])
    return torch.from_numpy(scenes.images), scenes.captions


def seen_and_held_out(final):
    """Return scenes of the training split, and captions of both splits to measure on.

    To choose settings only captions of the training split serve.
    """
    splits = ("train", "held_out") if final else ("train",)
    return some_scenes("train", 0, 20_000), {
        split: some_scenes(split, 1 + final, 2000) for split in splits
    }


def both_splits(final):
    """Return scenes of both splits to learn from: a judge must know every combination.

    38 of the 48 combinations are of the training split, and so are as many of the scenes. With half
    of them held out, colour and size would tell the shape, and nobody would look.
    """
    parts = [some_scenes(split, 0, n) for split, n in (("train", 38_000), ("held_out", 10_000))]
    images, captions = torch.cat([x for x, _ in parts]), parts[0][1] + parts[1][1]
    return (images, captions), {split: some_scenes(split, 1 + final, 2000) for split in SEEDS}


def train_judge(model, learn, n_steps, seed):
    """Fit the judge to images and what their captions say."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=n_steps)

    def step(batch):
        loss = descend(model.loss(*batch, generator=generator), optimizer)
        schedule.step()
        return loss

    images, captions = learn
    batches = minibatches(images, *meaning(captions), batch_size=64, generator=generator)
    fit(step, batches, n_steps)
    return model.eval()


def accuracies(judge, draw, held_out):
    """Shares that the judge finds right, by what and by split, of what `draw` makes."""
    return {
        f"{name} ({split.replace('_', ' ')})": share
        for split, (images, captions) in held_out.items()
        for name, share in judge.accuracy(draw(images, captions), captions).items()
    }


def judge_real(judge, held_out):
    """Shares of what is right on real images: no model can be found better."""
    return accuracies(judge, lambda images, captions: images, held_out)


def judge_drawn(model, held_out):
    """Shares of what is right on images drawn for captions, each from its own noise."""

    def draw(images, captions):
        generator = torch.Generator().manual_seed(0)
        return model.sample(len(captions), context=captions, generator=generator)

    return accuracies(SceneJudge.load(), draw, held_out)


def train_matcher(model, learn, n_steps, seed):
    """Draw the weights, then `companion.adversarial.matching.fit_matcher`."""
    generator = torch.Generator().manual_seed(seed)
    images, captions = learn
    model = initialize(model, generator=generator)
    return fit_matcher(model, images, tokenize(captions), n_steps, generator=generator)[0]


@torch.no_grad()
def shapes_told(matcher, held_out):
    """Share of the four shape words among which the right one has the highest score, by split."""
    shapes = torch.tensor([VOCABULARY.index(shape) for shape in data.SHAPES])
    found = {}
    for split, (images, captions) in held_out.items():
        tokens, right = tokenize(captions), []
        features = matcher.features(images / 127.5 - 1)
        for place in range(N_WORDS):
            here = torch.isin(tokens[:, place], shapes)
            asked = tokens[here][:, None].repeat(1, len(shapes), 1)
            asked[:, :, place] = shapes
            scores = (matcher.told(asked) @ features[here][..., None]).squeeze(-1)
            right.append(shapes[scores.argmax(dim=1)] == tokens[here, place])
        found[f"shape told ({split.replace('_', ' ')})"] = torch.cat(right).double().mean()
    return found


def against(weight=0.6, weight_generator=0.0):
    """Return a game whose discriminator begins as the trained matcher."""
    matcher = load_weights(CaptionMatcher(), "adversarial/caption_matcher")
    return TextToImageGAN(matcher, weight=weight, weight_generator=weight_generator)


def play(model, learn, n_steps, seed, **settings):
    """Draw the weights of the generator, then `companion.adversarial.gan.fit_gan`."""
    generator = torch.Generator().manual_seed(seed)
    initialize(model.generator, generator=generator)
    images, captions = learn
    learn = images, tokenize(captions)
    return fit_gan(model, learn, n_steps, generator=generator, **settings)[0]


def keep_painter(kept, model):
    """Keep what draws."""
    kept.load_state_dict(model.painter().state_dict())
    return kept


SETTINGS = {"betas": (0.5, 0.99), "batch_size": 32}
RATES = tuple({"learning_rate": rate} for rate in (3e-3, 1e-3, 5e-4))

game = partial(
    Recipe,
    data=seen_and_held_out,
    make=against,
    fit=play,
    measure=judge_drawn,
    unit="shapes right",
    on="scenes",
    n_steps=840,
    settings=SETTINGS | {"learning_rate": 3e-3},
    tried=({"weight_generator": 0.6}, *RATES[1:]),
    keep=keep_painter,
    kept=TextPainter,
    control=True,
)


def control(title, learning_rate, make):
    """Return a game that lacks wrong pairs, at the rate that suits it best."""
    settings = SETTINGS | {"learning_rate": learning_rate}
    return game(title=title, make=make, settings=settings, tried=RATES)


RECIPES = {
    "scene_judge": Recipe(
        title="Judge of scenes",
        data=both_splits,
        make=SceneJudge,
        fit=train_judge,
        measure=judge_real,
        unit="shapes right",
        n_steps=1800,
        on="scenes",
        control=True,
    ),
    "caption_matcher": Recipe(
        title="Matcher of captions and images",
        data=seen_and_held_out,
        make=CaptionMatcher,
        fit=train_matcher,
        measure=shapes_told,
        unit="shapes told",
        n_steps=1200,
        on="scenes",
        control=True,
    ),
    **{
        f"text_to_image_{seed}": game(title=f"Text to image, seed {seed}", seed=seed)
        for seed in range(3)
    },
    "text_to_image_unmatched": control(
        "Text to image, no wrong pairs in the game", 1e-3, partial(against, weight=0.0)
    ),
    "text_to_image_late": control(
        "Text to image, wrong pairs in the game only", 1e-3, TextToImageGAN
    ),
    "text_to_image_untaught": control(
        "Text to image, no wrong pairs at all", 5e-4, partial(TextToImageGAN, weight=0.0)
    ),
}
