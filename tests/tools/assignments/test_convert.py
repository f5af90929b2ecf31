"""A chapter or a private set becomes the notebook that an instructor keeps."""

from pathlib import Path

import pytest

from tests.tools.assignments.small_set import HEADER, TEXT, cell_of, page
from tools.assignments.convert import BEGIN, END, assignment, page_of
from tools.assignments.grading.run import flags, is_check
from tools.assignments.pieces import blocks
from tools.exports.notebooks import SITE
from tools.pages.chapters import chapters

CHAPTERS = [page for page in chapters() if page.count("/") == 2]
EXPERIMENT = f"""{HEADER}---

See {{eq}}`eq-x-here`.

```{{math}}
:label: eq-x-here
a = b
```

```{{code-cell}} ipython3
given = 1
```

:::{{exercise}} Measure it
:label: ex-x-measure
:class: level-2 points-5

How often?
:::

```{{solution-start}} ex-x-measure
```

```{{code-cell}} ipython3
first = given
```

```{{code-cell}} ipython3
second = first + 1
```

It is {{glue:text}}`x-measured:.2f`.

```{{solution-end}}
```
"""


@pytest.fixture
def convert(tmp_path):
    """Convert a set that is given as text."""
    return lambda text: assignment(page_of(page(tmp_path, text)))


def named(notebook):
    """The cells of a notebook that nbgrader knows, by name."""
    return {flags(cell)["grade_id"]: cell for cell in notebook.cells if flags(cell)}


def test_each_kind_of_cell_is_marked(convert):
    cells = named(convert(TEXT))
    marks = {name: flags(cell) for name, cell in cells.items()}
    assert next(iter(marks)) == "install"
    solutions = {name for name, mark in marks.items() if mark["solution"]}
    assert solutions == {"nearest", "mean", "ex-small-why"}
    assert {name: mark["points"] for name, mark in marks.items() if mark["grade"]} == {
        "nearest-check": 2,
        "nearest-hidden": 3,
        "mean-check": 1,
        "ex-small-why": 4,
    }
    assert all(mark["locked"] for name, mark in marks.items() if name not in solutions)
    assert not any(mark["locked"] for name, mark in marks.items() if name in solutions)
    assert cells["ex-small-why"].cell_type == "markdown"
    assert "derivative" in cells["ex-small-why"].source
    assert ":class:" not in cells["ex-small-why"].source
    assert BEGIN in cells["nearest"].source
    assert END in cells["nearest"].source
    assert "BEGIN HIDDEN TESTS" in cells["nearest-hidden"].source


def test_given_code_keeps_its_place_and_a_hint_stays_folded(convert):
    notebook = convert(TEXT)
    sources = [cell.source for cell in notebook.cells]
    (given,) = [i for i, text in enumerate(sources) if "line = np.array" in text]
    (hint,) = [i for i, text in enumerate(sources) if "Distances first" in text]
    assert flags(notebook.cells[given])["locked"]
    assert given < hint < sources.index(cell_of(notebook, "nearest").source)
    assert "<details>\n<summary>Hint</summary>" in sources[hint]
    assert "Distances first" in sources[hint].split("</summary>")[1].split("</details>")[0]


def test_an_experiment_has_its_code_in_one_cell_and_its_answer_in_another(convert):
    cells = named(convert(EXPERIMENT))
    code, answer = cells["ex-x-measure-code"], cells["ex-x-measure"]
    assert code.source == f"{BEGIN}\nfirst = given\n\n\nsecond = first + 1\n{END}"
    assert flags(code)["solution"]
    assert not flags(code)["grade"]
    assert (answer.cell_type, flags(answer)["points"]) == ("markdown", 5)
    assert "It is …." in answer.source, "a number that only a run knows"


def test_points_of_a_written_answer_are_three_if_nothing_is_said(convert):
    cells = named(convert(EXPERIMENT.replace(" points-5", "")))
    assert flags(cells["ex-x-measure"])["points"] == 3


def test_references_to_what_is_left_out_become_links():
    text = "\n".join(c.source for c in assignment(page_of("kmeans")).cells)
    address = f"{SITE}/book/clustering/kmeans.html"
    assert f"[this equation of the chapter]({address}#equation-eq-kmeans-assign)" in text
    text = "\n".join(c.source for c in assignment(page_of("starts")).cells)
    address = f"{SITE}/book/clustering/starts.html"
    assert f"[this figure of the chapter]({address}#fig-starts-plusplus)" in text


def test_references_to_what_is_kept_are_numbers(convert):
    text = "\n".join(cell.source for cell in convert(EXPERIMENT).cells)
    assert "See (1)." in text
    assert "\\tag{1}" in text


@pytest.mark.parametrize("role", ["{eq}`eq-x-there`", "{numref}`Picture %s <fig-x-there>`"])
def test_a_reference_to_nothing_is_refused_in_a_set(convert, role):
    with pytest.raises(ValueError, match=r"nothing in it has the label (eq|fig)-x-there"):
        convert(EXPERIMENT.replace("{eq}`eq-x-here`", role))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":label: ex-x-measure", ":label: ex-x-other", "no exercise has the label ex-x-measure"),
        ("```{solution-end}\n```\n", "", "ex-x-measure is never closed: write {solution-end}"),
        ("```{solution-start} ex-x-measure\n```\n", "", "{solution-end} closes nothing"),
    ],
)
def test_a_solution_without_exercise_start_or_end_is_refused(convert, old, new, said):
    assert old in EXPERIMENT
    with pytest.raises(ValueError, match=said):
        convert(EXPERIMENT.replace(old, new))


def test_the_same_name_twice_is_refused(convert):
    with pytest.raises(ValueError, match="more than one cell is called nearest-check"):
        convert(TEXT.replace("grade_id: mean-check", "grade_id: nearest-check"))


def test_a_page_without_anything_to_grade_is_refused(convert):
    with pytest.raises(ValueError, match="no checked exercise and no written one"):
        convert(f"{HEADER}---\n\n# Nothing\n\n```{{code-cell}} ipython3\n1\n```\n")


@pytest.mark.parametrize("name", ["k-means", "book/using", "nowhere.md", "index"])
def test_an_unknown_name_is_refused_with_what_to_give(name):
    with pytest.raises(ValueError, match=f"{name!r} is no chapter and no .md file: name a chapter"):
        page_of(name)


def test_blocks_keep_what_is_nested_together():
    hint = ["::::{admonition} Hint", ":::{exercise} Not one", ":::", "::::"]
    exercise = ["::::{exercise} One", ":label: ex-a", ":::{note}", "x", ":::", "y", "::::"]
    text = ["before", *hint, *exercise, "```{math}", ":::", "```", "after"]
    found = [(name, lines) for name, lines in blocks("\n".join(text)) if any(lines)]
    assert found == [("text", text[:5]), ("exercise", exercise), ("text", text[-4:])]


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_chapter_has_checks_and_written_answers(page):
    notebook = assignment(page_of(page.split("/")[-1]))
    cells = named(notebook)
    written = [c for c in cells.values() if flags(c)["grade"] and c.cell_type == "markdown"]
    assert len(written) >= 2, "a derivation and an experiment"
    assert len([c for c in cells.values() if is_check(c)]) >= 2
    for name, cell in cells.items():
        if name.endswith("-check"):
            assert BEGIN in cells[name.removesuffix("-check")].source
            assert flags(cell)["points"] > 0
    assert "restart the kernel" in notebook.cells[0].source


def test_a_set_written_with_a_byte_order_mark_is_the_same_set(tmp_path):
    place = page_of(page(tmp_path))
    right = assignment(place)
    path = Path(f"{place}.md")
    path.write_bytes(path.read_bytes().decode("utf-8").encode("utf-8-sig"))
    assert assignment(place) == right
