"""The scoreboard: every number from one source, new models by themselves, nothing of other data."""

import json
from collections import Counter

import pytest
import torch

from companion import data
from tools import read_results
from tools.pages import scores
from tools.pages.chapters import ROOT  # also puts the extensions on the path
from tools.sphinx.directives import scoreboard
from tools.training.results import described, recipes

FILES = [
    p
    for p in sorted((ROOT / "results").glob("*.json"))
    if (ROOT / "tools/training" / p.stem).exists()
]
MODELS = [(path.stem, name) for path in FILES for name in read_results(path)]


@pytest.fixture(scope="module")
def found():
    """All scores of the book."""
    return scores.collect()


def test_every_number_has_one_source_and_is_printed_once(found):
    keys = [(score.model, score.page, score.metric) for score in found]
    assert len(keys) == len(set(keys))
    assert len({score.source + score.metric for score in found}) == len(found)
    for name, metric in scores.METRICS.items():
        wanted = [score for score in found if score.metric == name]
        lines = scoreboard.table(wanted, [name], scores.METRICS)[2:] if wanted else []
        cells = [line.split(" | ")[1].replace("*", "").replace(" ★", "") for line in lines]
        printed = Counter(cell.strip(" |") for cell in cells)
        assert printed == Counter(scoreboard.shown(score, metric, None) for score in wanted)


def test_two_sources_for_a_number_are_refused(monkeypatch):
    def twice():
        yield from scores_declared()
        yield next(iter(scores.result_scores()))._replace(source="elsewhere")

    scores_declared = scores.declared_scores
    monkeypatch.setattr(scores, "declared_scores", twice)
    with pytest.raises(ValueError, match="two sources"):
        scores.collect()


def test_every_model_measured_on_the_digits_is_there_and_no_control(found):
    models = {score.source for score in found}
    for part, name in MODELS:
        row = json.loads((ROOT / "results" / f"{part}.json").read_text(encoding="utf-8"))[name]
        wanted = row["data"] == "digits" and not row.get("control", False)
        assert (f"results/{part}.json, {name}" in models) == wanted


def test_a_new_model_appears_by_itself(tmp_path):
    rows = {
        "bounded": {"figure": 1.6, "unit": "bits/dim (ELBO), a mean"},
        "newcomer": {
            "figure": 1.5,
            "unit": "bits/dim",
            "title": "Newcomer",
            "frechet": 2.0,
            "seeds": {"figure": [1.48, 1.49], "frechet": [1.94, 2.26]},
        },
        "stranger": {"figure": 1.4, "unit": "bits/dim", "data": "faces"},
        "unheard": {"figure": 3.0, "unit": "decibels"},
    }
    (tmp_path / "flows.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "budget.json").write_text(
        json.dumps({"machine": "x", "chapters": {}}), encoding="utf-8"
    )
    new = list(scores.result_scores(tmp_path))
    assert [(s.model, s.metric, s.value) for s in new] == [
        ("bounded", "bits/dim", 1.6),
        ("Newcomer", "bits/dim", 1.5),
        ("Newcomer", "Fréchet distance", 2.0),
        ("unheard", "decibels", 3.0),
    ]
    columns = ["bits/dim", "Fréchet distance"]
    assert scoreboard.table(new[:3], columns, scores.METRICS)[2:] == [
        "| Newcomer | **1.500** ★ (1.480 to 1.500) | **2.0** ★ (1.9 to 2.3) |",
        "| bounded, a mean | ≤ 1.600 |  |",
    ]


@pytest.mark.parametrize(("part", "name"), MODELS)
def test_a_result_says_what_it_was_measured_on(part, name):
    """Those on the digits, and no others, were measured on the 360 test digits."""
    row, recipe = (
        json.loads((ROOT / "results" / f"{part}.json").read_text(encoding="utf-8"))[name],
        recipes(part)[name],
    )
    told = {key: row[key] for key in ("title", "data", "control") if key in row}
    assert told == described(name, recipe)
    held_out = recipe.data(final=True)[1]
    held_out = held_out[0] if isinstance(held_out, tuple) else held_out
    test = torch.from_numpy(data.digits().x_test)
    same = isinstance(held_out, torch.Tensor) and torch.equal(held_out, test)
    assert same == (recipe.on == "digits"), "say on=... in the recipe"


def test_what_a_chapter_declares_is_checked():
    page, values = "book/part/chapter", {"chapter-a": 87.0}
    good = {"model": "A", "metric": "probe accuracy", "glue": "chapter-a", "scale": 0.01}
    assert scores.declared_score(page, good, values).value == pytest.approx(0.87)
    more = {"chapter": "part/other", "parameters": "chapter-n", "note": "b", "bound": True}
    score = scores.declared_score(page, good | more, values | {"chapter-n": 10})
    assert (score.page, score.parameters) == ("book/part/other", 10)
    assert (score.note, score.bound, score.source) == ("b", True, f"{page}, chapter-a")
    ranged = good | {"metric": "ARI", "range": ["chapter-l", "chapter-h"]}
    ends = values | {"chapter-l": 61.0, "chapter-h": 70.0, "chapter-t": "0.6 to 0.7"}
    assert scores.declared_score(page, ranged, ends).ends == "0.61 to 0.70"
    assert scores.declared_score(page, ranged | {"range": "chapter-t"}, ends).ends == "0.6 to 0.7"
    for change, message in [
        ({"range": "chapter-t"}, "no cell glues chapter-t"),
        ({"metric": "beauty"}, "none of"),
        ({"glue": "chapter-b"}, "no cell glues chapter-b"),
        ({"scale": 1}, "give a scale"),
        ({"colour": "red"}, "colour"),
    ]:
        with pytest.raises(ValueError, match=message):
            scores.declared_score(page, good | change, values)
    with pytest.raises(ValueError, match="model"):
        scores.declared_score(page, {k: v for k, v in good.items() if k != "model"}, values)


def test_the_best_of_a_column_is_marked_once_unless_equal(found):
    for title, (_, columns) in scores.TABLES.items():
        for metric in {score.metric for score in found} & set(columns):
            rows = [score for score in found if score.metric == metric]
            values = [score.value for score in rows]
            best = scores.METRICS[metric].better(values)
            text = "\n".join(scoreboard.table(rows, [metric], scores.METRICS))
            assert text.count("★") == values.count(best), (title, metric)


def test_the_first_column_ranks_the_rows():
    made = [
        scores.Score(name, "ARI", value, None, name) for name, value in (("a", 0.2), ("b", 0.9))
    ]
    lines = scoreboard.table(made, ["ARI", "NMI"], scores.METRICS)
    assert lines[0] == "| model | ARI |"
    assert lines[2:] == ["| b | **0.90** ★ |", "| a | 0.20 |"]


def test_a_range_stands_behind_the_number():
    made = [scores.Score("a", "ARI", 0.2, None, "a", ends="0.1 to 0.3")]
    assert scoreboard.table(made, ["ARI"], scores.METRICS)[2:] == [
        "| a | **0.20** ★ (0.1 to 0.3) |"
    ]
