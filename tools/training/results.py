"""Train what the chapters load, measure it, and keep weights and figures.

python -m tools.training.results autoregressive            every model of a part
python -m tools.training.results autoregressive made       this one; the others keep their figures
python -m tools.training.results autoregressive made --choose
                                                  compares the settings tried, on held-out
                                                  training data; writes nothing
python -m tools.training.results autoregressive --seeds
                                                  trains with two other seeds, measures, and
                                                  keeps the figures beside those there

Recipes are in ``tools/training/<part>/<chapter>.py``; weights go to
``companion/checkpoints/<part>/``, figures to ``results/<part>.json``.
"""

import importlib
import inspect
import pkgutil
import platform
import sys
import time

import torch

from companion.classifier import relative_frechet_distance
from companion.train import load_weights
from tools import read_results, write_results
from tools.pages.chapters import ROOT

CHECKPOINTS = ROOT / "companion" / "checkpoints"


def chapters_of(part):
    """Recipes of a part by chapter, each a dict by the name of the model.

    A file without `RECIPES` is what the chapters of the part share.
    """
    package = importlib.import_module(f"tools.training.{part}")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    files = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    return {name: file.RECIPES for name, file in files.items() if hasattr(file, "RECIPES")}


def recipes(part):
    """All recipes of a part by the name of their model."""
    return {name: r for some in chapters_of(part).values() for name, r in some.items()}


def checkpoint(part, name):
    """Path of a model's weights."""
    return CHECKPOINTS / part / f"{name}.pt"


def trained(recipe, learn, n_steps=None, **changes):
    """Train a model by its recipe, from weights that the recipe's seed gives.

    Return what is kept of it, and the seconds of the training: those of this process, so that
    what else the machine does counts little.
    """
    settings = recipe.settings | changes
    takes = inspect.signature(recipe.make).parameters
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        model = recipe.make(**{key: value for key, value in settings.items() if key in takes})
    rest = {key: value for key, value in settings.items() if key not in takes}
    start = time.process_time()
    model = recipe.fit(model, learn, n_steps or recipe.n_steps, recipe.seed, **rest)
    seconds = time.process_time() - start
    if recipe.keep is not None:
        model = recipe.keep(recipe.kept(), model)
    return model.eval(), seconds


def choose(recipe):
    """Print the figures of each of the settings tried, on training data held out."""
    learn, held_out = recipe.data(final=False)
    for changes in [{}, *recipe.tried]:
        model, seconds = trained(recipe, learn, **changes)
        print(changes or "chosen", measure(recipe, model, held_out), f"{seconds:.0f} s", flush=True)


@torch.no_grad()
def measure(recipe, model, held_out):
    """Figures of a model as plain floats."""
    return {key: float(value) for key, value in recipe.measure(model, held_out).items()}


def judged(recipe, model, held_out):
    """Figures of a model and, if it draws digits, their Fréchet distance."""
    figures = measure(recipe, model, held_out)
    if recipe.sample is not None:
        drawn = recipe.sample(model, 1437, torch.Generator().manual_seed(recipe.seed))
        figures["frechet"] = relative_frechet_distance(drawn)
    return figures


def seeds(part, name):
    """Figures of two trainings with other seeds, a list for each; no weights are kept."""
    recipe = recipes(part)[name]
    learn, held_out = recipe.data(final=True)
    found = []
    for seed in (recipe.seed + 1, recipe.seed + 2):
        other = recipe._replace(seed=seed)
        figures = judged(other, trained(other, learn)[0], held_out)
        found.append({"figure": next(iter(figures.values()))} | figures)
    return {key: [row[key] for row in found] for key in ("figure", "frechet") if key in found[0]}


def restore(part, name):
    """Return the model that a committed checkpoint holds, and its recipe."""
    recipe = recipes(part)[name]
    with torch.random.fork_rng(devices=[]):
        return load_weights((recipe.kept or recipe.make)(), f"{part}/{name}"), recipe


def described(name, recipe):
    """What a model is called and what it was measured on, for the tables of the book."""
    called = {"title": recipe.title or name.replace("_", " "), "data": recipe.on}
    return called | ({"control": True} if recipe.control else {})


def produce(part, name):
    """Train on all training data, write the weights in half precision, measure what was written."""
    recipe = recipes(part)[name]
    learn, held_out = recipe.data(final=True)
    model, seconds = trained(recipe, learn)
    path = checkpoint(part, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = model.state_dict()
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in weights.items()}, path)
    model, _ = restore(part, name)
    figures = judged(recipe, model, held_out)
    return described(name, recipe) | {
        "figure": next(iter(figures.values())),
        "unit": recipe.unit,
        **figures,
        "seconds": round(seconds / recipe.n_trainings, 1),
        "steps": recipe.n_steps,
        "seed": recipe.seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": path.stat().st_size,
        "machine": f"{platform.machine()}, PyTorch {torch.__version__.split('+')[0]}, one thread",
    }


def main(part, *names, choosing=False, sowing=False):
    """Produce or compare the models named, or all of a part, or train them with other seeds."""
    torch.set_num_threads(1)
    known = recipes(part)
    if unknown := set(names) - set(known):
        sys.exit(f"no such model: {' '.join(unknown)} (models: {' '.join(known)})")
    path = ROOT / "results" / f"{part}.json"
    for name in names or known:
        if choosing:
            choose(known[name])
            continue
        if sowing and (known[name].control or known[name].on != "digits"):
            continue
        if sowing:
            figures = read_results(path)[name] | {"seeds": seeds(part, name)}
        else:
            figures = produce(part, name)
        print(name, figures, flush=True)
        # Read only now: another model's run may have written its figures in the meantime.
        kept = read_results(path) | {name: figures}
        # In the recipes' order; a test refuses those that have no recipe any more.
        kept = {key: kept[key] for key in [*known, *kept] if key in kept}
        write_results(path, kept, f"make results PART={part}")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if not words:
        sys.exit(__doc__)
    main(*words, choosing="--choose" in sys.argv, sowing="--seeds" in sys.argv)
