"""Builds an assignment and refuses to release one that is not sound."""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat

from tools.assignments.convert import assignment, name_of, page_of
from tools.assignments.course import AssignmentError, Course
from tools.assignments.grading.run import execute, flags, is_check
from tools.assignments.grading.sandbox import Limits, Sandbox

# The instructor's own code: trusted, and given the time that the solutions need.
TRUSTED = Sandbox(replace(Limits(), cell_seconds=120, notebook_seconds=600), unsafe=True)
MARKERS = ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME")
NO_GRADEBOOK = {"SaveCells": {"enabled": False}, "GenerateAssignment": {"no_database": True}}
SHORTEST = 20  # characters of a line that would give a solution away


def unsolved(notebook):
    """Return an instructor's notebook without solutions, hidden tests still in it."""
    from nbgrader.preprocessors import ClearSolutions

    copy = nbformat.from_dict(notebook)
    return ClearSolutions().preprocess(copy, {})[0]


def run(notebook):
    """Run a trusted notebook, keep the outputs in it, and return the outcomes."""
    outcomes = asyncio.run(execute(notebook, TRUSTED)).outcomes
    for position, outcome in outcomes.items():
        notebook.cells[position].outputs = outcome.outputs
    return outcomes


def faults_of_solution(name, notebook):
    """Run the instructor's notebook; yield what fails in it."""
    for position, outcome in run(notebook).items():
        if outcome.reason:
            label = flags(notebook.cells[position]).get("grade_id")
            yield f"{name}: with the solutions, {label} fails: {outcome.reason}"


def faults_of_release(name, notebook):
    """Run the notebook without solutions; yield the checks that pass and the cells that fail."""
    for position, outcome in run(notebook).items():
        cell = notebook.cells[position]
        label = flags(cell).get("grade_id")
        if is_check(cell) and not outcome.reason:
            yield f"{name}: {label} passes unsolved, so it checks nothing"
        if flags(cell).get("locked") and not is_check(cell) and outcome.reason:
            yield f"{name}: {label} fails before anything is solved: {outcome.reason}"


def secret_lines(source):
    """Return the lines of an instructor's notebook that no student may see.

    A line that a visible check has in common with a hidden one gives nothing away.
    """
    secret, checked, inside = set(), set(), ""
    for cell in source.cells:
        whole = flags(cell).get("solution") and not any(mark in cell.source for mark in MARKERS)
        for line in cell.source.split("\n"):
            opened = next((mark for mark in MARKERS if mark in line), "")
            inside = opened or inside
            if inside or whole:
                secret.add(line.strip())
            elif is_check(cell):
                checked.add(line.strip())
            if inside and inside.replace("BEGIN", "END") in line:
                inside = ""
    return {line for line in secret - checked if len(line) >= SHORTEST}


def leaks(name, source, released):
    """Yield the lines of solutions and hidden tests that students would see."""
    text = "\n".join(cell.source for cell in released.cells)
    for mark in MARKERS:
        if mark in text:
            yield f"{name}: the marker {mark} is left in the students' version"
    lines = {line.strip() for line in text.split("\n")}
    for line in sorted(secret_lines(source) & lines):
        yield f"{name}: the students' version shows a line that is to be hidden: {line!r}"


def students_versions(sources, name):
    """Return what nbgrader makes of notebooks for students, by name, in a throw-away course."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        course = Course(folder)
        write(course.folder("source", name), sources)
        course.call("GenerateAssignment", name, settings=NO_GRADEBOOK)
        made = course.notebooks("release", name)
        return {stem: nbformat.read(path, 4) for stem, path in made.items()}


def rehearse(sources, name):
    """Convert and run; return the solved notebooks, or raise `AssignmentError`."""
    faults, solved = [], {}
    for stem, released in students_versions(sources, name).items():
        solved[stem] = nbformat.from_dict(sources[stem])
        faults += leaks(stem, sources[stem], released)
        faults += faults_of_solution(stem, solved[stem])
        faults += faults_of_release(stem, unsolved(sources[stem]))
    if faults:
        raise AssignmentError(f"{name} is not released:\n  " + "\n  ".join(faults))
    return solved


def write(folder, notebooks):
    """Write notebooks into a folder that holds nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for stem, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{stem}.ipynb")


def keep_parts(course, name, parts):
    """Refuse to give an assignment other notebooks once submissions of it are graded."""
    before = {path.stem for path in course.folder("source", name).glob("*.ipynb")}
    if not before or before == parts or not (course.root / "gradebook.db").exists():
        return
    with course.gradebook() as book:
        if book.assignment_submissions(name):
            raise AssignmentError(
                f"{name} is graded already and consists of {', '.join(sorted(before))}: "
                "give an assignment of other notebooks another name"
            )


def build(course, name, pages):
    """Write `source`, `release` and `solution` of an assignment.

    Parameters
    ----------
    pages : list of str
        Chapters, as in ``kmeans``, or paths of sets.

    Raises
    ------
    AssignmentError
        If a check passes unsolved, a solution fails or can be seen; then nothing is written.
    ValueError
        If a page is unknown.
    """
    sources = {name_of(page): assignment(page) for page in map(page_of, pages)}
    keep_parts(course, name, set(sources))
    solved = rehearse(sources, name)
    write(course.folder("source", name), sources)
    course.call("GenerateAssignment", name)
    write(course.folder("solution", name), solved)
    for step in ("source", "release", "solution"):
        yield from sorted(course.folder(step, name).glob("*.ipynb"))


def files(paths):
    """Return paths as text, shortened to the folder in which the command runs."""
    here = Path.cwd()
    return [str(p.relative_to(here) if here in p.parents else p) for p in paths]
