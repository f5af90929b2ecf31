"""From MyST to the notebook that an instructor keeps: set-up, exercises, solutions, checks.

A chapter gives its cells tagged `setup` and its section "Exercises"; any other file gives all that
it holds. What stands in a solution is marked for nbgrader, which takes it out of the students'
version: code with a checker, code of an experiment, and written answers, which a person grades.
"""

import re
from pathlib import Path

import nbformat

from tools.chapters import EXECUTED, load, pages, source
from tools.notebooks import FENCE, INSTALL, SITE, Translator, labels

WRITTEN_POINTS = 3  # of a derivation or an experiment, unless its class says `points-5`
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class Elsewhere(str):
    """Stands for a number that only the executed chapter knows."""

    def __format__(self, form):
        return str(self)


class Glued(dict):
    """Glued values; those that were not computed are named as what they are: on the site."""

    def __init__(self, page, values):
        super().__init__(values)
        self.link = Elsewhere(f"[…]({SITE}/{page}.html)" if is_chapter(page) else "…")

    def __missing__(self, name):
        return self.link


def page_of(name):
    """Return the page that a name means: a chapter as in ``kmeans``, or the path of a set.

    Raises
    ------
    ValueError
        If there is neither a chapter nor a file of that name.
    """
    for page in pages():
        if page.split("/")[-1] == name and load(page):
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


def marks(grade_id, **flags):
    """Return nbgrader's metadata of a cell."""
    flags = {"grade": False, "solution": False, "locked": False, "task": False} | flags
    return {"nbgrader": {"schema_version": 3, "grade_id": grade_id, **flags}}


def blocks(text):
    """Yield `(name, lines)` for the exercises and solutions of a Markdown cell.

    What lies between them is yielded with the name ``text``; fences inside others stay inside.
    """
    lines, plain = text.split("\n"), []
    while lines:
        line = lines.pop(0)
        opened = FENCE.match(line)
        if not opened:
            plain.append(line)
            continue
        inside = [line]
        while lines and inside[-1].strip() != opened["fence"]:
            inside.append(lines.pop(0))
        if not opened["name"].startswith(("exercise", "solution")):
            plain += inside
            continue
        yield "text", plain
        yield opened["name"], inside
        plain = []
    yield "text", plain


def option(lines, name):
    """Return the value of an option such as ``:label:`` in the lines of a directive."""
    found = re.search(rf"^:{name}:\s*(.+)$", "\n".join(lines), re.M)
    return found[1].strip() if found else ""


class Pointing(Translator):
    """A translator that makes links of references to what an assignment leaves out."""

    def __init__(self, page, notebook, kept):
        super().__init__(page, notebook)
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


class Writer:
    """Collects the cells of an assignment while it walks through those of a page."""

    def __init__(self, page):
        notebook = load(page, markers=True)
        self.input = list(notebook.cells)
        if is_chapter(page):
            self.input = list(setup_and_exercises(notebook.cells))
            executed = EXECUTED / f"{page.removeprefix('book/')}.ipynb"
            notebook = nbformat.read(executed, 4) if executed.exists() else notebook
        text = "\n".join(c.source for c in self.input if c.cell_type == "markdown")
        self.translator = Pointing(page, notebook, text)
        self.translator.glued = Glued(page, self.translator.glued)
        self.cells, self.label, self.points = [], None, WRITTEN_POINTS
        self.solving = False
        self.answer, self.code = [], []  # of the solution that is open

    def markdown(self, lines, metadata=None):
        """Append a translated Markdown cell, if there is something in it."""
        if text := self.translator.markdown("\n".join(lines)).strip("\n"):
            self.cells.append(nbformat.v4.new_markdown_cell(text, metadata=metadata or {}))

    def close(self):
        """Append what an experiment's or a derivation's solution holds."""
        if self.code:
            body = "\n\n\n".join(self.code)
            marked = marks(f"{self.label}-code", solution=True)
            cell = nbformat.v4.new_code_cell(f"{BEGIN}\n{body}\n{END}", metadata=marked)
            self.cells.append(cell)
        if any(line.strip() for line in self.answer):
            flags = {"grade": True, "solution": True, "points": self.points}
            self.markdown(self.answer, marks(self.label, **flags))
        self.answer, self.code = [], []

    def read_markdown(self, text):
        """Walk through a Markdown cell."""
        for name, lines in blocks(text):
            if name == "solution-start":
                self.solving = True
            elif name == "solution-end":
                self.close()
                self.solving = False
            elif name == "solution":
                body = lines[1:-1]
                self.answer = [line for line in body if not re.match(r":[\w-]+:", line)]
                self.close()
            elif self.solving:
                self.answer += lines
            else:
                if name.startswith("exercise"):
                    self.label = option(lines, "label")
                    given = re.search(r"points-(\d+)", option(lines, "class"))
                    self.points = int(given[1]) if given else WRITTEN_POINTS
                self.markdown(lines)

    def read_code(self, cell):
        """Take over a code cell: a solution, a checker, part of an experiment, or given code."""
        given = cell.metadata.get("nbgrader", {})
        flags = {key: value for key, value in given.items() if key != "grade_id"}
        if self.solving and not given:
            self.code.append(cell.source)
            return
        if not given:
            given = {"grade_id": f"given-{len(self.cells)}"}
        flags["locked"] = not flags.get("solution", False)
        metadata = marks(given["grade_id"], **flags)
        self.cells.append(nbformat.v4.new_code_cell(cell.source, metadata=metadata))


def setup_and_exercises(cells):
    """Yield the cells of a chapter that an assignment keeps."""
    inside = False
    for cell in cells:
        if cell.cell_type == "code":
            if inside or "setup" in cell.metadata.get("tags", []):
                yield cell
            continue
        parts = re.split(r"^(?=## )", cell.source, flags=re.M)
        kept = []
        for number, part in enumerate(parts):
            if number or part.startswith("## "):
                inside = part.startswith("## Exercises")
            kept += [part] if inside else []
        if kept:
            yield nbformat.v4.new_markdown_cell("".join(kept))


def heading(page):
    """Return the first cell of a chapter's assignment."""
    title = re.search(r"^# (.+)$", source(page).read_text(), re.M)[1]
    return (
        f"# {title}: exercises\n\nThe chapter is [{title}]({SITE}/{page}.html). Write your code "
        "where it says YOUR CODE HERE and your answers where it says YOUR ANSWER HERE; then "
        "restart the kernel and run all cells from the top before you hand in."
    )


def assignment(page):
    """Return the instructor's notebook of a chapter or of a private set.

    Raises
    ------
    ValueError
        If nothing in it can be graded, or two cells to be graded have one name.
    """
    writer = Writer(page)
    if is_chapter(page):
        writer.cells.append(nbformat.v4.new_markdown_cell(heading(page)))
    writer.cells.append(nbformat.v4.new_code_cell(INSTALL, metadata=marks("install", locked=True)))
    for cell in writer.input:
        if cell.cell_type == "markdown":
            writer.read_markdown(cell.source)
        else:
            writer.read_code(cell)
    graded = [c.metadata.get("nbgrader", {}) for c in writer.cells]
    names = [mark["grade_id"] for mark in graded if mark]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{page}: more than one cell is called {', '.join(sorted(twice))}")
    if not any(mark.get("grade") for mark in graded):
        raise ValueError(f"{page}: it has no checked exercise and no written one")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=writer.cells, metadata={"kernelspec": kernel})
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.validate(notebook)
    return notebook


def name_of(page):
    """File name of an assignment's notebook, without suffix."""
    return Path(page).name
