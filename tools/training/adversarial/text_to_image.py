"""The judge of scenes, the game that draws them from captions, and its control."""

from functools import cache, partial

import torch
from torch import nn

from companion import data
from companion.adversarial.captions import meaning, tokenize
from companion.adversarial.scene_judge import SceneJudge
from companion.adversarial.text_to_image import TextEncoder, TextToImageGAN, fit_text_to_image
from companion.layers import initialize
from companion.train import descend, fit, minibatches
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
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=n_steps)

    def step(batch):
        loss = descend(model.loss(*batch), optimizer)
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


def train_game(model, learn, n_steps, seed, **settings):
    """Match, then play."""
    generator = torch.Generator().manual_seed(seed)
    model = initialize(model, generator=generator)
    images, captions = learn
    return fit_text_to_image(
        model, images, tokenize(captions), n_steps, generator=generator, **settings
    )[0]


def painter_alone():
    """Return a game that can only draw: of the discriminator it has the text encoder."""
    return TextToImageGAN(discriminator=nn.ModuleDict({"text": TextEncoder()}))


def only_painter(kept, model):
    """Put generator and encoder into it."""
    kept.generator.load_state_dict(model.generator.state_dict())
    kept.discriminator.text.load_state_dict(model.discriminator.text.state_dict())
    return kept


game = partial(
    Recipe,
    data=seen_and_held_out,
    make=TextToImageGAN,
    fit=train_game,
    measure=judge_drawn,
    unit="shapes right",
    on="scenes",
)

RECIPES = {
    "scene_judge": Recipe(
        title="Judge of scenes",
        data=both_splits,
        make=SceneJudge,
        fit=train_judge,
        measure=judge_real,
        unit="shapes right",
        n_steps=3500,
        on="scenes",
        control=True,
    ),
    "text_to_image": game(
        title="Text to image (three kinds of pairs)",
        n_steps=1000,
        settings={"n_match": 450, "learning_rate": 1e-3, "betas": (0.5, 0.99)},
    ),
    # As many steps: those that the other one spends on matching are games here.
    "text_to_image_unmatched": game(
        title="Text to image (without wrong captions)",
        n_steps=1450,
        settings={"weight": 0.0, "learning_rate": 1e-3, "betas": (0.5, 0.99)},
        keep=only_painter,
        kept=painter_alone,
        control=True,
    ),
}
