"""Every checker accepts the reference solution and refuses the wrong answers beside it."""

import importlib
import re
from functools import cache

import numpy as np
import pytest

from tools.pages.chapters import ROOT, chapters, load, text_of

SETS = [str(path.with_suffix("")) for path in sorted((ROOT / "homework").glob("*.md"))]
CHECKER = re.compile(r"\bgrade_id: ([\w-]+)-check\b")
PAGES = [page for page in chapters() if page.count("/") == 2] + SETS


@cache
def code_cells(page):
    """The code cells of a chapter."""
    return [cell for cell in load(page).cells if cell.cell_type == "code"]


def grade_id(cell):
    """nbgrader's name of a cell, or an empty string."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def checkers(page):
    """Names of the functions whose answers a chapter checks; its source is read, not parsed."""
    return CHECKER.findall(text_of(page))


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
    parsed = [grade_id(cell) for cell in code_cells(page)]
    assert [f"{name}-check" for name in names] == [g for g in parsed if g.endswith("-check")]
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
    try:
        run(page, name, answer)
    except AssertionError as error:
        caught = error
    else:
        pytest.fail(
            f"{answer.__name__} passes the checker of {name}: add an assert that refuses it, or "
            "data on which it gives something else"
        )
    assert len(str(caught).split("\n")[0]) >= 10, "say what is wrong and why"


class Agreeable:
    """Has every attribute and every item, is equal to everything, larger and smaller: itself."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self

    def __iter__(self):
        return iter([self, self])

    def __array__(self, dtype=None, copy=None):
        array = np.empty(() if dtype is None else 1, object)
        array[...] = self
        return array.astype(dtype)

    def __contains__(self, item):
        return True

    def __len__(self):
        return 2

    def __bool__(self):
        return True

    def __float__(self):
        return 1.0

    def __int__(self):
        return 1

    __index__ = __int__


# fmt: off
OPERATORS = (
    "eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow",
    "matmul", "and", "or", "xor", "radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow",
    "rmatmul", "rand", "ror", "rxor", "neg", "pos", "abs", "invert", "round", "getitem",
)
# fmt: on
for _name in OPERATORS:
    setattr(Agreeable, f"__{_name}__", lambda self, *others: self)


@pytest.mark.parametrize(("page", "name"), PAIRS)
def test_what_agrees_with_everything_is_refused(page, name):
    try:
        run(page, name, Agreeable())
    except (NameError, SyntaxError):
        raise
    except Exception:
        pass
    else:
        pytest.fail(
            f"the checker of {name} takes an object that says yes to every comparison: ask for its "
            "type, as in isinstance(k, (int, np.integer)), or for isinstance(x, torch.Tensor)"
        )
