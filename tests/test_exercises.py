"""Every checker accepts the reference solution and refuses the wrong answers beside it."""

import importlib

import pytest

from tools.chapters import chapters, load

CHAPTERS = chapters()


def code_cells(page):
    """The code cells of a chapter."""
    return [cell for cell in load(page).cells if cell.cell_type == "code"]


def grade_id(cell):
    """nbgrader's name of a cell, or an empty string."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def checkers(page):
    """Names of the functions whose answers a chapter checks."""
    return [grade_id(c).removesuffix("-check") for c in code_cells(page) if "-check" in grade_id(c)]


def wrong_answers(page):
    """The table of wrong answers of a chapter: name of the function to a list of functions."""
    _, part, chapter = page.split("/")
    return importlib.import_module(f"tests.{part}.exercises.{chapter}").WRONG


def run(page, name, answer=None):
    """Run the set-up cells, the reference or a wrong answer, and the checker."""
    space = {"__name__": "__main__"}
    for cell in code_cells(page):
        if "setup" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{page} setup", "exec"), space)
    cells = {grade_id(cell): cell.source for cell in code_cells(page)}
    if answer is None:
        exec(compile(cells[name], f"{page} {name}", "exec"), space)
    else:
        space[name] = answer
    exec(compile(cells[f"{name}-check"], f"{page} {name}-check", "exec"), space)


PAIRS = [(page, name) for page in CHAPTERS if page.count("/") == 2 for name in checkers(page)]


@pytest.mark.parametrize("page", [page for page in CHAPTERS if page.count("/") == 2])
def test_a_chapter_has_checked_exercises_with_wrong_answers_for_each(page):
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
