"""From what a student handed in to what is run: the instructor's notebook with the student's work.

Checks and given cells are always the instructor's, in the instructor's order. So it does not matter
what became of them in the submission: edited, deleted, moved, turned into text, or doubled.
"""

import json
import re
from copy import deepcopy

import nbformat

from tools.assignments.grading.run import flags

MOST_BYTES = 20_000_000


def read(path):
    """Return the notebook in a file that a student handed in, without its outputs.

    Raises
    ------
    ValueError
        If it is a link, too large, or no notebook that can be read; the message says which.
    """
    if path.is_symlink():
        raise ValueError(f"{path.name} is a link to another file: it was not read")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.name} has more than {MOST_BYTES // 10**6} MB: it was not read")
    try:
        data = path.read_bytes()  # editors write byte-order marks and UTF-16
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        notebook = nbformat.reads(text, as_version=4)
        cells = [(cell.cell_type, plain(cell.source), name_of(cell)) for cell in notebook.cells]
    except Exception as error:  # a file may be anything
        kind = type(error).__name__
        raise ValueError(f"{path.name} cannot be read as a notebook ({kind})") from error
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return [(name, new.get(kind, nbformat.v4.new_raw_cell)(text)) for kind, text, name in cells]


def plain(text):
    """Return text that can be written: JSON allows halves of characters."""
    return str(text).encode("utf-8", "replace").decode()


def name_of(cell):
    """Return nbgrader's name of a cell, or None, whatever else stands there."""
    given = cell.metadata.get("nbgrader")
    name = given.get("grade_id") if isinstance(given, dict) else None
    return name if isinstance(name, str) else None


def defines(cell, name):
    """Say whether a cell of code defines a function or a class of that name."""
    return cell.cell_type == "code" and re.search(
        rf"^(?:def|class) {re.escape(name)}\b", cell.source, re.M
    )


def find_work(handed_in, wanted):
    """Return the place of the student's cell for each wanted name, and remarks.

    Of two cells with one name the later counts: a copy is put below. A cell that lost its name is
    known by the function that it defines.
    """
    places, notes = {}, []
    for name in wanted:
        named = [i for i, (given, _) in enumerate(handed_in) if given == name]
        unnamed = [
            i for i, (given, cell) in enumerate(handed_in) if not given and defines(cell, name)
        ]
        if len(named) > 1:
            notes.append(f"{len(named)} cells are called {name}: the last one counts")
        if not named and unnamed:
            notes.append(f"the cell of {name} had lost its mark: found by what it defines")
        if found := named or unnamed:
            places[name] = found[-1]
        else:
            notes.append(f"there is no cell for {name}")
    return places, notes


def compose(source, handed_in):
    """Return the notebook to run, and remarks on what was not as it was given out.

    Parameters
    ----------
    source : NotebookNode
        The instructor's notebook, solutions taken out, checks left in.
    handed_in : list of (name or None, cell)
        As `read` gives it.
    """
    wanted = {flags(c)["grade_id"]: c for c in source.cells if flags(c).get("solution")}
    locked = {flags(c)["grade_id"]: c for c in source.cells if flags(c).get("locked")}
    places, notes = find_work(handed_in, wanted)
    notes += changes(locked, handed_in)
    given = {visible(cell.source) for cell in source.cells}
    own = [
        (i, cell)
        for i, (name, cell) in enumerate(handed_in)
        if i not in places.values() and name not in locked and visible(cell.source) not in given
    ]
    stray = "\n\n".join(cell.source for _, cell in own if cell.cell_type == "markdown")
    helpers = [(i, cell) for i, cell in own if cell.cell_type == "code"]
    cells = []
    for original in source.cells:
        cell = deepcopy(original)
        name = flags(cell).get("grade_id")
        if name in places:
            # A student's own cells run before the answer that they stood before.
            cells += [helper for i, helper in helpers if i < places[name]]
            helpers = [(i, helper) for i, helper in helpers if i > places[name]]
            cell.source = handed_in[places[name]][1].source
        elif name in wanted and cell.cell_type == "markdown" and stray:
            cell.source = f"*(Found without a mark:)*\n\n{stray}"
        if name in wanted and cell.cell_type == "markdown":
            cell.source = inert(cell.source)
        cells.append(cell)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells, metadata=source.metadata), notes


def inert(text):
    """Return Markdown without HTML: a script in it would run in the browser of who reads it."""
    return re.sub(r"<(?=[a-zA-Z/!?])", "< ", text)


def changes(locked, handed_in):
    """Say which of the given cells a student changed or deleted."""
    seen = {name: cell for name, cell in handed_in if name in locked}
    for name, cell in locked.items():
        if name not in seen:
            yield f"{name} was deleted or has lost its mark: the original was used"
        elif visible(seen[name].source) != visible(cell.source):
            yield f"{name} was changed: the original was used"


def visible(text):
    """Return the source of a check as students got it: without hidden tests."""
    hidden = r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*\n?"
    return re.sub(hidden, "", text, flags=re.M | re.S).strip()
