"""Every score of the book on the digits, each from one source.

Two sources: `results/<part>.json`, whose rows say what they were measured on, and the values that
chapters glue. A chapter names its own in its front matter::

    course:
      scores:
        - {model: k-means, metric: ARI, glue: kmeans-digits-ari}

`metric` is a key of `METRICS`. A score may say more: `note` (a few words beside the model), `bound`
(true if the number is only an upper bound), `scale` (what the glued number is multiplied by),
`parameters` (the name under which their number is glued), `chapter` (where the model is explained,
as in ``clustering/kmeans``; by default the chapter that says it), `range` (least and largest over
other seeds or other draws: the names of two glued numbers, or of one glued text).
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import nbformat

from tools import read_results
from tools.exports.notebooks import glued_values
from tools.pages.chapters import ROOT, executed_path, pages
from tools.pages.front_matter import course
from tools.training.results import chapters_of

KEYS = {"model", "metric", "glue", "note", "bound", "scale", "parameters", "chapter", "range"}


class Metric(NamedTuple):
    """How a number is shown: head of its column, the better end, format, the values it may have."""

    head: str
    better: type(min)
    form: str
    limits: tuple[float, float] = (0, float("inf"))


METRICS = {
    "bits/dim": Metric("bits per dimension", min, ".3f"),
    "Fréchet distance": Metric("Fréchet distance", min, ".1f"),
    "bytes": Metric("bytes", min, ",.0f"),
    "probe accuracy": Metric("probe accuracy", max, ".1%", (0, 1)),
    "probe accuracy, 200 labels": Metric("probe accuracy, 200 labels", max, ".1%", (0, 1)),
    "test accuracy": Metric("test accuracy", max, ".1%", (0, 1)),
    "ARI": Metric("ARI", max, ".2f", (-0.5, 1)),
    "NMI": Metric("NMI", max, ".2f", (0, 1)),
    "purity": Metric("purity", max, ".2f", (0, 1)),
    "trustworthiness": Metric("trustworthiness", max, ".3f", (0, 1)),
    "continuity": Metric("continuity", max, ".3f", (0, 1)),
    "squared error a pixel": Metric("squared error of a pixel", min, ".2f"),
}

# Title, what the numbers mean, and the metrics of each table of the page, in its order.
TABLES = {
    "Densities": (
        "How well does a model predict a digit that it has not seen? **Bits per dimension** are "
        "$-\\log_2 p(x)$ divided by the 64 pixels, a mean over the test images; storing one of 17 "
        "grey levels takes $\\log_2 17 \\approx 4.09$. A sign ≤ says that the model has no exact "
        "likelihood: the number is a bound, and the truth may be lower ({doc}`/book/why`). The "
        "**Fréchet distance** compares samples with training digits by the features of a "
        "classifier. It is a multiple of what real test digits reach, which is 1: "
        "`companion.classifier.relative_frechet_distance`.",
        ["bits/dim", "Fréchet distance"],
    ),
    "Files": (
        "How many **bytes** do the 360 test digits need on disk? Each file was written and read "
        "back. A likelihood is a file size: bits per dimension times 64 pixels times 360 "
        "images, divided by 8, is what an ideal coder would write. Python's own coders appear with "
        "the settings that their chapter chose for them.",
        ["bytes"],
    ),
    "Representations": (
        "Train a linear classifier on a code that was learned without labels: what share of the "
        "test digits does it name rightly? That is the **probe accuracy**. The probe sees the "
        "labels of all training digits, or of 200 of them.",
        ["probe accuracy", "probe accuracy, 200 labels"],
    ),
    "Clusterings": (
        "Do groups found without labels agree with the ten digits? The **adjusted Rand index** "
        "(ARI) counts pairs that are together in both, 0 by chance and 1 if the two agree; "
        "**normalised mutual information** (NMI) asks how much the group tells about the digit, "
        "and is not corrected for chance; **purity** is the share of images that show the "
        "commonest digit of their group ({doc}`/book/clustering/kmeans`).",
        ["ARI", "NMI", "purity"],
    ),
    "Embeddings": (
        "Are neighbours on the page neighbours in 64 dimensions (**trustworthiness**), and the "
        "other way round (**continuity**)? Both are 1 at best. The ranges are of random parts "
        "of the digits with other seeds: with fewer digits all are somewhat lower.",
        ["trustworthiness", "continuity"],
    ),
    "Reconstructions": (
        "How much is lost on the way through a short code? The **squared error** is in squared "
        "grey levels (0 to 16), a mean over pixels and test images.",
        ["squared error a pixel"],
    ),
    "With labels": (
        "For comparison: models that are trained with all labels of the training digits. The "
        "features of the network among them are those behind the Fréchet distance.",
        ["test accuracy"],
    ),
}


class Score(NamedTuple):
    """One number: whose, of what, where it is explained, where it comes from."""

    model: str
    metric: str
    value: float
    page: str | None
    source: str
    note: str = ""
    bound: bool = False
    parameters: int | None = None
    seconds: float | None = None
    ends: str = ""


def result_scores(folder=ROOT / "results"):
    """Yield the scores of the models that were measured on the digits, from all results files."""
    for path in sorted(Path(folder).glob("*.json")):
        explained = chapters_by_model(path.stem)
        for name, row in read_results(path).items():
            if isinstance(row, dict) and "figure" in row and on_the_board(row):
                page = explained.get(name)
                yield from row_scores(name, row, page, f"results/{path.name}, {name}")


def on_the_board(row):
    """Say whether a results row was measured on the digits and is no control."""
    return row.get("data", "digits") == "digits" and not row.get("control", False)


def row_scores(name, row, page, source):
    """Yield the figure of a results row, and its Fréchet distance."""
    metric, note, bound = row["unit"], "", "(ELBO)" in row["unit"]
    if metric.startswith("bits/dim"):
        note = metric.removeprefix("bits/dim").replace("(ELBO)", "").strip(" ,")
        metric = "bits/dim"
    common = {
        "page": page,
        "source": source,
        "note": note,
        "parameters": row.get("parameters"),
        "seconds": row.get("seconds"),
    }
    title = row.get("title", name)
    for key, name in (("figure", metric), ("frechet", "Fréchet distance")):
        if key in row:
            found = [row[key], *row.get("seeds", {}).get(key, [])]
            ends = span(name, min(found), max(found)) if len(found) > 1 else ""
            bounded = bound and key == "figure"
            yield Score(title, name, row[key], bound=bounded, **common, ends=ends)


def chapters_by_model(part):
    """Return the chapter of each model that has a recipe."""
    if importlib.util.find_spec(f"tools.training.{part}") is None:
        return {}
    found = {
        name: f"book/{part}/{chapter}"
        for chapter, models in chapters_of(part).items()
        for name in models
    }
    return {name: page for name, page in found.items() if page in set(pages())}


def glued(page):
    """Return what a chapter glued when it was run last."""
    path = executed_path(page)
    if not path.exists():
        raise FileNotFoundError(f"{page} has not been run: python -m tools.site.execute")
    return dict(glued_values(nbformat.read(path, 4)))


def declared_scores():
    """Yield the scores that chapters declare in their front matter."""
    for page in pages():
        declared = course(page).get("scores", [])
        values = glued(page) if declared else {}
        yield from (declared_score(page, score, values) for score in declared)


def declared_score(page, score, values):
    """Return one declared score, its value looked up among the chapter's."""
    if strange := set(score) - KEYS or {"model", "metric", "glue"} - set(score):
        raise ValueError(f"{page}: scores: {score}: {sorted(strange)} is missing or unknown")
    metric, name = score["metric"], score["glue"]
    if metric not in METRICS:
        raise ValueError(f"{page}: scores: metric {metric!r} is none of {', '.join(METRICS)}")
    if absent := {name, score.get("parameters", name)} - set(values):
        raise ValueError(f"{page}: scores: no cell glues {', '.join(absent)}: glue it, or run it")
    value, (low, high) = values[name] * score.get("scale", 1), METRICS[metric].limits
    if not low <= value <= high:
        raise ValueError(f"{page}: {name} is {value}, not within {low} .. {high}: give a scale")
    return Score(
        score["model"],
        metric,
        value,
        f"book/{score['chapter']}" if "chapter" in score else page,
        f"{page}, {name}",
        score.get("note", ""),
        score.get("bound", False),
        values[score["parameters"]] if "parameters" in score else None,
        ends=declared_ends(page, score, values),
    )


def span(metric, *found):
    """Numbers of a metric as a text, from one to the other."""
    form = METRICS[metric].form if metric in METRICS else ".3f"
    return " to ".join(format(value, form).replace("%", " %") for value in found)


def declared_ends(page, score, values):
    """Return the range of a declared score as text, empty if it has none."""
    names = score.get("range", [])
    names = [names] if isinstance(names, str) else names
    if absent := set(names) - set(values):
        raise ValueError(f"{page}: scores: no cell glues {', '.join(absent)}: glue it, or run it")
    found = [values[name] for name in names]
    if found and isinstance(found[0], str):
        return found[0]
    return span(score["metric"], *(value * score.get("scale", 1) for value in found))


def collect(folder=ROOT / "results"):
    """Return all scores; two for the same number of the same model are an error."""
    found = {}
    for score in [*result_scores(folder), *declared_scores()]:
        key = score.model, score.page, score.metric
        if key in found:
            raise ValueError(f"{key} has two sources: {found[key].source} and {score.source}")
        found[key] = score
    return list(found.values())
