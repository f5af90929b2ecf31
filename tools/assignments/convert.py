"""From MyST to the notebook that an instructor keeps: set-up, exercises, solutions, checks.

A chapter gives its cells tagged `setup` and its section "Exercises"; any other file gives all that
it holds. What stands in a solution is marked for nbgrader, which takes it out of the students'
version: code with a checker, code of an experiment, and written answers, which a person grades.
"""

import re
from pathlib import Path

import nbformat

from tools.assignments.pieces import (
    Solution,
    option,
    pieces,
    setup_and_exercises,
    with_solutions,
)
from tools.exports.notebooks import SITE, Translator, install_of, labels
from tools.pages.chapters import executed_path, has_code, load, pages, text_of

WRITTEN_POINTS = 3  # of a derivation or an experiment, unless its class says `points-5`
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def assignment(page):
    """Return the instructor's notebook of a chapter or of a private set.

    A page is read in pieces; pieces between the marks of a solution become one; each is written as
    the cells of a notebook.

    Raises
    ------
    ValueError
        If nothing in it can be graded, or two cells to be graded have one name.
    """
    notebook = load(page, markers=True)
    kept = list(setup_and_exercises(notebook.cells)) if is_chapter(page) else notebook.cells
    found = list(pieces(kept))
    writer = Writer(page, translator(page, notebook, kept), points_of(found))
    cells = opening(page)
    for piece in with_solutions(found):
        cells += writer.cells(piece)
    number(cells)
    refuse_what_cannot_be_graded(page, cells)
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.validate(made)
    return made


# What is asked for


def page_of(name):
    """Return the page that a name means: a chapter as in ``kmeans``, or the path of a set.

    Raises
    ------
    ValueError
        If there is neither a chapter nor a file of that name.
    """
    for page in pages():
        if page.split("/")[-1] == name and has_code(page):
            return page
    path = Path(name)
    if path.suffix == ".md" and path.is_file():
        return str(path.resolve().with_suffix(""))
    raise ValueError(
        f"{name!r} is no chapter and no .md file: name a chapter as in kmeans, or give a path"
    )


def is_chapter(page):
    """Say whether a page is one of the book's."""
    return not Path(page).is_absolute()


def name_of(page):
    """File name of an assignment's notebook, without suffix."""
    return Path(page).name


# How an assignment is written


class Writer:
    """Writes a piece of a page as cells of a notebook.

    Parameters
    ----------
    page : str
    translator : Pointing
        Makes plain Markdown of the page's text.
    points : dict
        Of a written answer to each exercise, by its label.
    """

    def __init__(self, page, translator, points):
        self.page, self.translator, self.points = page, translator, points

    def cells(self, piece):
        """Return the cells that stand for a piece, none if there is nothing to say."""
        if isinstance(piece, Solution):
            return [*self.experiment(piece), *self.answer(piece)]
        return [code(piece.cell)] if piece.cell else self.text(piece.lines)

    def text(self, lines, metadata=None):
        """Return a translated Markdown cell."""
        text = self.translator.markdown("\n".join(lines)).strip("\n")
        return [nbformat.v4.new_markdown_cell(text, metadata=metadata or {})] if text else []

    def experiment(self, solution):
        """Return the code of a solution that has no checker, in one cell."""
        if not solution.code:
            return []
        body = "\n\n\n".join(solution.code)
        marked = marks(f"{solution.label}-code", solution=True)
        return [nbformat.v4.new_code_cell(f"{BEGIN}\n{body}\n{END}", metadata=marked)]

    def answer(self, solution):
        """Return the written part of a solution: a person grades it."""
        label = solution.label
        if not any(line.strip() for line in solution.answer):
            return []
        if label not in self.points:
            raise ValueError(f"{self.page}: no exercise has the label {label}: give it one")
        flags = {"grade": True, "solution": True, "points": self.points[label]}
        return self.text(solution.answer, marks(label, **flags))


def translator(page, notebook, kept):
    """Return what makes plain Markdown of a page; glued numbers are those of its last run."""
    if is_chapter(page) and executed_path(page).exists():
        notebook = nbformat.read(executed_path(page), 4)
    text = "\n".join(cell.source for cell in kept if cell.cell_type == "markdown")
    return Pointing(page, notebook, text)


class Pointing(Translator):
    """A translator that makes links of references to what an assignment leaves out."""

    def __init__(self, page, notebook, kept):
        super().__init__(page, notebook)
        self.glued = Glued(page, self.glued)
        self.kept = set(labels(kept))

    def role(self, match):
        """Return the text that stands for a role."""
        target = re.sub(r".*<(.+)>$", r"\1", match["text"], flags=re.S)
        if match["name"] not in ("eq", "numref", "ref", "prf:ref") or target in self.kept:
            return super().role(match)
        if not is_chapter(self.page):
            raise ValueError(f"{self.page}: nothing in it has the label {target}")
        text = super().role(match)
        kind = {"eq": "this equation", "fig": "this figure"}.get(target.split("-")[0], text)
        anchor = f"equation-{target}" if match["name"] == "eq" else target
        return f"[{kind} of the chapter]({SITE}/{self.page}.html#{anchor})"


class Glued(dict):
    """Glued values; those that were not computed are named as what they are: on the site."""

    def __init__(self, page, values):
        super().__init__(values)
        self.link = Elsewhere(f"[…]({SITE}/{page}.html)" if is_chapter(page) else "…")

    def __missing__(self, name):
        return self.link


class Elsewhere(str):
    """Stands for a number that only the executed chapter knows."""

    def __format__(self, form):
        return str(self)


def points_of(found):
    """Return the points of a written answer to each exercise, by its label."""
    exercises = [piece.lines for piece in found if piece.name.startswith("exercise")]
    given = {option(e, "label"): re.search(r"points-(\d+)", option(e, "class")) for e in exercises}
    return {label: int(said[1]) if said else WRITTEN_POINTS for label, said in given.items()}


def opening(page):
    """Return the cells that an assignment begins with."""
    cells = [nbformat.v4.new_code_cell(install_of(page), metadata=marks("install", locked=True))]
    return [nbformat.v4.new_markdown_cell(heading(page)), *cells] if is_chapter(page) else cells


def heading(page):
    """Return the first cell of a chapter's assignment."""
    title = re.search(r"^# (.+)$", text_of(page), re.M)[1]
    return (
        f"# {title}: exercises\n\nThe chapter is [{title}]({SITE}/{page}.html). Write your code "
        "where it says YOUR CODE HERE and your answers where it says YOUR ANSWER HERE; then "
        "restart the kernel and run all cells from the top before you hand in."
    )


def code(cell):
    """Return a code cell as nbgrader wants it: an answer, a check, or given code, yet unnamed."""
    flags = dict(cell.metadata.get("nbgrader", {}))
    flags["locked"] = not flags.get("solution", False)
    metadata = marks(flags.pop("grade_id", None), **flags)
    return nbformat.v4.new_code_cell(cell.source, metadata=metadata)


def marks(grade_id, **flags):
    """Return nbgrader's metadata of a cell."""
    flags = {"grade": False, "solution": False, "locked": False, "task": False} | flags
    return {"nbgrader": {"schema_version": 3, "grade_id": grade_id, **flags}}


def number(cells):
    """Name given code, and all cells, by their place: the same page gives the same file."""
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"
        if "nbgrader" in cell.metadata and cell.metadata.nbgrader.grade_id is None:
            cell.metadata.nbgrader.grade_id = f"given-{place}"


def refuse_what_cannot_be_graded(page, cells):
    """Raise a `ValueError` if two cells have one name, or none has points."""
    graded = [cell.metadata["nbgrader"] for cell in cells if "nbgrader" in cell.metadata]
    names = [mark["grade_id"] for mark in graded]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{page}: more than one cell is called {', '.join(sorted(twice))}")
    if not any(mark.get("grade") for mark in graded):
        raise ValueError(f"{page}: it has no checked exercise and no written one")
