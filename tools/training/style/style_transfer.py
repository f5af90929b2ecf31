"""Pictures that are too dear to be made while the page runs.

The pictures to learn from are the photograph and the styles; those to be measured on are other
drawings of two of the styles, whose distance is the floor of every style loss.
"""

from functools import cache, partial

import torch

from companion import data
from companion.style.canvases import mosaic, recolour, strokes, to_image
from companion.style.features import FeatureNetwork, VGG16Features, shuffled
from companion.style.pictures import KeptPictures
from companion.style.style_transfer import STYLE_LAYERS, StyleTransfer, feature_means
from tools.training.recipe import Recipe

STYLES = ("strokes", "mosaic", "gravel")
CANVASES = {"strokes": strokes, "mosaic": mosaic}


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


@cache
def picture(name, size):
    """A photograph, a texture, or a drawn canvas, as an image (1, 3, size, size)."""
    if name in CANVASES:
        return to_image(CANVASES[name](size))
    if name == "stones":  # a quarter of the gravel, from nearer
        return to_image(data.picture("gravel", size=2 * size)[:size, :size])
    return to_image(data.picture(name, size=size))


def pictures(final):
    """The pictures at 64 pixels, and others of the drawn styles."""
    names = ("cat", "china", *STYLES)
    learn = torch.cat([picture(name, 64) for name in names])
    others = (1, 2) if final else (3, 4)
    held_out = [to_image(draw(64, random_state=i)) for draw in CANVASES.values() for i in others]
    return learn, torch.cat(held_out)


@cache
def network(name):
    """The network of a run; those without training are drawn from a seed."""
    if name == "small":
        return FeatureNetwork.load(pooling="mean")
    vgg = VGG16Features.load(pooling="max" if name == "max" else "mean")
    return shuffled(vgg, generator=seeded()) if name == "shuffled" else vgg


def transfer(content, style, size, net="trained", **options):
    """Return a `StyleTransfer` by the names of its pictures."""
    content = content and picture(content, size)
    return StyleTransfer(network(net), content, picture(style, size), **options)


def make_pictures(kept, learn, n_steps, seed, *, runs):
    """Each run in turn: name to (content, style, size, options)."""
    for name, (content, style, size, options) in runs.items():
        options = dict(options)
        noise, method = options.pop("noise", content is None), options.pop("method", "lbfgs")
        recoloured = options.pop("recoloured", False)
        model = transfer(content, style, size, **options)
        start = model.start((size, size), generator=seeded(seed)) if noise else None
        if recoloured:
            start = recolour(picture(content, size), picture(style, size))
        kept.put(name, model.run(start, n_steps, method=method)[0][0])
    return kept


def measure(kept, held_out, *, runs):
    """Content and style loss of each picture by VGG-16, their means first."""
    figures = {}
    for name, (content, style, size, _) in runs.items():
        terms = transfer(content, style, size).terms(to_image(kept.picture(name)))
        figures |= {f"{kind} of {name}": float(value) for kind, value in terms.items()}
    styles = [value for key, value in figures.items() if key.startswith("style")]
    return {"mean style loss": sum(styles) / len(styles)} | figures


def recipe(title, n_steps, runs):
    """A recipe of pictures."""
    return Recipe(
        title=title,
        on="pictures",
        data=pictures,
        make=partial(KeptPictures, list(runs)),
        fit=partial(make_pictures, runs=runs),
        measure=partial(measure, runs=runs),
        unit="style loss",
        n_steps=n_steps,
        control=True,
    )


def rival(net, **options):
    """The cat in three styles, small, by one kind of statistic."""
    return {s: ("cat", s, 112, {"net": net, **STRONG, **options}) for s in STYLES}


STRONG = {"style_weight": 100.0}
STRIP = {f"weight{i}": ("cat", "strokes", 128, {"style_weight": 10.0 ** (i - 1)}) for i in range(4)}
CHANGES = {
    "no_content": STRONG | {"content_weight": 0.0},
    "noise": STRONG | {"noise": True},
    "noise_light": {"style_weight": 3.0, "noise": True},
    "max": STRONG | {"net": "max"},
    "adam": STRONG | {"method": "adam"},
}
TEXTURES = {
    f"upto{i}": (None, "mosaic", 112, {"style_layers": STYLE_LAYERS[:i]}) for i in (1, 2, 3, 4)
}
TEXTURE_RIVALS = {
    name: (None, "mosaic", 112, options)
    for name, options in {
        "means": {"statistic": feature_means},
        "shuffled": {"net": "shuffled"},
        "small": {"net": "small"},
    }.items()
}

RECIPES = {
    **{
        f"temple_{s}": recipe(
            f"Temple, {s}", 32, {s: ("china", s, 256, STRONG | {"recoloured": True})}
        )
        for s in ("strokes", "mosaic", "stones")
    },
    "weights": recipe("Cat, four weights", 40, STRIP),
    "changes": recipe(
        "Cat, one change each", 40, {k: ("cat", "strokes", 112, v) for k, v in CHANGES.items()}
    ),
    "textures": recipe("Textures", 70, TEXTURES),
    "texture_rivals": recipe("Textures, other statistics and networks", 70, TEXTURE_RIVALS),
    "by_products": recipe("Cat, Gram matrices", 40, rival("trained")),
    "by_means": recipe("Cat, means", 40, rival("trained", statistic=feature_means)),
    "by_shuffled": recipe("Cat, shuffled network", 40, rival("shuffled")),
    "by_small": recipe("Cat, small network", 40, rival("small")),
}
