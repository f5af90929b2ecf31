"""Every committed checkpoint is measured again: the figures in `results/` are what it gives."""

import pytest
import torch

from tools import read_results
from tools.pages.chapters import ROOT
from tools.training.results import chapters_of, checkpoint, measure, recipes, restore

PARTS = sorted(p.parent.name for p in (ROOT / "tools/training").glob("*/__init__.py"))
MODELS = [(part, name) for part in PARTS for name in recipes(part)]
CHAPTER_BYTES = 2_000_000
TRAINING_SECONDS = 45

# What these models must reach on the test digits: bits per dimension, or the Fréchet distance.
BARS = {
    "autoencoders": {"vae": {"figure": 1.95, "iwae": 1.90}},
    "autoregressive": {
        "made": {"figure": 2.25},
        "row_lstm": {"figure": 1.90},
        "diagonal_bilstm": {"figure": 1.87},
        "transformer": {"figure": 1.92},
        "pixelcnnpp": {"figure": 1.78},  # the best of the PixelCNNs
    },
    "diffusion": {"ddpm": {"figure": 2.6, "frechet": 2.7}},
}


def results(part):
    """The figures of a part."""
    return read_results(ROOT / "results" / f"{part}.json")


@pytest.mark.parametrize("part", PARTS)
def test_every_recipe_has_its_figures_and_its_checkpoint_and_nothing_else_has(part):
    assert set(results(part)) == set(recipes(part))
    folder = checkpoint(part, "any").parent
    assert {path.stem for path in folder.glob("*.pt")} == set(recipes(part))


@pytest.mark.parametrize("part", PARTS)
def test_the_checkpoints_of_a_chapter_are_small(part):
    for chapter, models in chapters_of(part).items():
        size = sum(checkpoint(part, name).stat().st_size for name in models)
        assert size <= CHAPTER_BYTES, chapter
        page = ROOT / "book" / part / f"{chapter}.md"
        assert page.exists() or part == "classifier", f"{chapter} is no chapter"


@pytest.mark.parametrize(("part", "name"), MODELS)
def test_a_checkpoint_gives_the_figures_that_were_written_down(part, name):
    written = results(part)[name]
    model, recipe = restore(part, name)
    assert sum(p.numel() for p in model.parameters()) == written["parameters"]
    assert (written["steps"], written["seed"]) == (recipe.n_steps, recipe.seed)
    assert written["seconds"] <= TRAINING_SECONDS
    assert written["bytes"] == checkpoint(part, name).stat().st_size
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    figures = measure(recipe, model, recipe.data(final=True)[1])
    assert written["figure"] == written[next(iter(figures))]
    for key, value in figures.items():
        assert value == pytest.approx(written[key], rel=1e-3, abs=1.5 / 360), key


@pytest.mark.parametrize(("part", "name"), MODELS)
def test_a_checkpoint_holds_half_precision_tensors_only(part, name):
    with checkpoint(part, name).open("rb") as file:
        weights = torch.load(file, weights_only=True)
    assert all(w.dtype == torch.float16 for w in weights.values() if w.is_floating_point())


@pytest.mark.parametrize(("part", "name"), MODELS)
def test_test_images_are_not_among_those_learned_from_or_chosen_by(part, name):
    """By content: no image of the test set is in either part of the training set."""
    recipe = recipes(part)[name]

    def rows(examples):
        if isinstance(examples, dict):  # of several splits
            return set().union(*map(rows, examples.values()))
        examples = examples[0] if isinstance(examples, tuple) else examples
        if isinstance(examples, str):
            return set(examples.split("\f"))
        return {row.tobytes() for row in examples.flatten(1).numpy()}

    learn, test = map(rows, recipe.data(final=True))
    part_of_learn, validation = map(rows, recipe.data(final=False))
    assert not learn & test
    assert not part_of_learn & validation
    assert not test & (part_of_learn | validation)


@pytest.mark.parametrize(("part", "name"), MODELS)
def test_what_is_on_the_scoreboard_was_trained_with_three_seeds(part, name):
    """The other two give other figures, and of the same size."""
    written, recipe = results(part)[name], recipes(part)[name]
    assert ("seeds" in written) == (recipe.on == "digits" and not recipe.control)
    for key, others in written.get("seeds", {}).items():
        assert len({written[key], *others}) > 1 or recipe.unit == "test accuracy", key
        assert len(others) == 2
        assert all(0.3 < other / written[key] < 3 for other in others), key


@pytest.mark.parametrize("part", BARS)
def test_bars_are_met(part):
    for name, bars in BARS[part].items():
        written = results(part)[name]
        assert {key: written[key] for key, bar in bars.items() if written[key] > bar} == {}, name
