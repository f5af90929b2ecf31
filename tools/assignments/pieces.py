"""How an assignment's page is read: in pieces, those of a solution together."""

import re
from typing import NamedTuple

import nbformat

from tools.exports.notebooks import FENCE


class Piece(NamedTuple):
    """A part of a page: lines of text, of an exercise or of a mark, or a code cell."""

    name: str  # text, exercise, solution, solution-start, solution-end, code
    lines: list = ()
    cell: nbformat.NotebookNode | None = None


class Solution(NamedTuple):
    """What a page says in answer to the exercise with a label; graded code stands by itself."""

    label: str
    answer: list
    code: list


def setup_and_exercises(cells):
    """Yield the cells of a chapter that an assignment keeps."""
    inside = False
    for cell in cells:
        if cell.cell_type == "code":
            if inside or "setup" in cell.metadata.get("tags", []):
                yield cell
            continue
        kept = []
        for section in re.split(r"^(?=## )", cell.source, flags=re.M):
            if section.startswith("## "):
                inside = section.startswith("## Exercises")
            kept += [section] if inside else []
        if kept:
            yield nbformat.v4.new_markdown_cell("".join(kept))


def pieces(cells):
    """Yield the pieces of a page's cells in their order."""
    for cell in cells:
        if cell.cell_type == "code":
            yield Piece("code", cell=cell)
        else:
            yield from (Piece(name, lines) for name, lines in blocks(cell.source))


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


def with_solutions(found):
    """Yield the pieces, but those between the marks of a solution as one `Solution`."""
    solution = None
    for piece in found:
        if piece.name == "solution-start":
            solution = Solution(argument(piece), [], [])
        elif piece.name == "solution-end":
            if solution is None:
                raise ValueError("{solution-end} closes nothing: write {solution-start} above it")
            yield solution
            solution = None
        elif piece.name == "solution":
            yield Solution(argument(piece), without_options(piece.lines[1:-1]), [])
        elif solution is None or graded(piece):
            yield piece
        elif piece.name == "code":
            solution.code.append(piece.cell.source)
        else:
            solution.answer.extend(piece.lines)
    if solution is not None:
        raise ValueError(
            f"the solution of {solution.label} is never closed: write {{solution-end}}"
        )


def graded(piece):
    """Say whether a piece is code that nbgrader knows by a name: an answer or its check."""
    return piece.name == "code" and "nbgrader" in piece.cell.metadata


def argument(piece):
    """Return what stands behind the name of a directive."""
    return FENCE.match(piece.lines[0])["argument"].strip()


def option(lines, name):
    """Return the value of an option such as ``:label:`` in the lines of a directive."""
    found = re.search(rf"^:{name}:\s*(.+)$", "\n".join(lines), re.M)
    return found[1].strip() if found else ""


def without_options(lines):
    """Return the lines of a directive that are not options."""
    return [line for line in lines if not re.match(r":[\w-]+:", line)]
