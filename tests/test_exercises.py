"""Every checker accepts the reference solution and refuses the wrong answers beside it."""

import importlib
from functools import cache

import pytest

from tools.chapters import ROOT, chapters, load

SETS = [str(path.with_suffix("")) for path in sorted((ROOT / "homework").glob("*.md"))]
PAGES = [page for page in chapters() if page.count("/") == 2] + SETS


@cache
def code_cells(page):
    """The code cells of a chapter."""
    return [cell for cell in load(page).cells if cell.cell_type == "code"]


def grade_id(cell):
    """nbgrader's name of a cell, or an empty string."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def checkers(page):
    """Names of the functions whose answers a chapter checks."""
    names = map(grade_id, code_cells(page))
    return [name.removesuffix("-check") for name in names if name.endswith("-check")]


def wrong_answers(page):
    """The table of wrong answers of a page: name of the function to a list of functions."""
    if page in SETS:
        module = f"tests.homework.{page.split('/')[-1]}"
    else:
        _, part, chapter = page.split("/")
        module = f"tests.{part}.exercises.{chapter}"
    return importlib.import_module(module).WRONG


def run(page, name, answer=None):
    """Run the set-up cells, the reference or a wrong answer, and the checkers, hidden ones too."""
    space = {"__name__": "__main__"}
    for cell in code_cells(page):
        if "setup" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{page} setup", "exec"), space)
    cells = {grade_id(cell): cell.source for cell in code_cells(page)}
    if answer is None:
        exec(compile(cells[name], f"{page} {name}", "exec"), space)
    else:
        space[name] = answer
    for check in (f"{name}-check", f"{name}-hidden"):
        exec(compile(cells.get(check, ""), f"{page} {check}", "exec"), space)


PAIRS = [(page, name) for page in PAGES for name in checkers(page)]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_checked_exercises_with_wrong_answers_for_each(page):
    names = checkers(page)
    assert names
    assert set(wrong_answers(page)) == set(names)
    assert all(len(answers) >= 2 for answers in wrong_answers(page).values())


@pytest.mark.parametrize(("page", "name"), PAIRS)
def test_the_reference_solution_passes(page, name):
    run(page, name)


@pytest.mark.parametrize(
    ("page", "name", "answer"),
    [
        pytest.param(page, name, answer, id=f"{page}-{name}-{answer.__name__}")
        for page, name in PAIRS
        for answer in wrong_answers(page).get(name, [])
    ],
)
def test_a_wrong_answer_fails_with_a_message_that_helps(page, name, answer):
    with pytest.raises(AssertionError) as caught:
        run(page, name, answer)
    assert len(str(caught.value).split("\n")[0]) >= 10, "say what is wrong and why"
