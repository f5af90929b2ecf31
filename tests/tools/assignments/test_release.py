"""An assignment is released only if its checks check something and its solutions stay hidden."""

import subprocess
import sys

import nbformat
import pytest

from tests.tools.assignments.small_set import HIDDEN, TEXT, cell_of, page, points
from tools.assignments.convert import BEGIN, END, assignment
from tools.assignments.course import AssignmentError, Course
from tools.assignments.grading.run import flags
from tools.assignments.release import build, leaks, secret_lines, students_versions
from tools.pages.chapters import ROOT, chapters
from tools.release.fresh import one_a_part

CHAPTERS = [page for page in chapters() if page.count("/") == 2]
QUICK = one_a_part()
SOLUTION = "    return x.sum() / len(x)\n"


def make(tmp_path, text=TEXT):
    """Build a set and return the course and the notebooks, by step."""
    course = Course(tmp_path / "course")
    paths = list(build(course, "hw", [page(tmp_path, text)]))
    return course, {path.parts[-3]: nbformat.read(path, 4) for path in paths}


def refused(tmp_path, text):
    """Return why a set is refused; nothing of it may have been written."""
    with pytest.raises(AssignmentError, match=r"^hw is not released:\n") as caught:
        make(tmp_path, text)
    assert [p.name for p in (tmp_path / "course").iterdir()] == ["nbgrader_config.py"]
    return str(caught.value)


def test_a_sound_set_is_built_and_the_second_time_gives_the_same(tmp_path):
    course, notebooks = make(tmp_path)
    assert list(notebooks) == ["source", "release", "solution"]
    released = "\n".join(cell.source for cell in notebooks["release"].cells)
    for secret in ("argmin", HIDDEN, "derivative", "HIDDEN", "SOLUTION"):
        assert secret not in released
    assert "YOUR CODE HERE" in cell_of(notebooks["release"], "nearest").source
    assert "YOUR ANSWER HERE" in cell_of(notebooks["release"], "ex-small-why").source
    assert "every centre is nearest" in released, "visible checks stay"
    assert points(notebooks["release"]) == 10
    with course.gradebook() as book:
        assert book.find_assignment("hw").max_score == 10
    written = {path: path.read_bytes() for path in course.root.rglob("*.ipynb")}
    make(tmp_path)
    assert {path: path.read_bytes() for path in course.root.rglob("*.ipynb")} == written
    assert len(written) == 3


def test_the_solution_shows_what_it_prints(tmp_path):
    text = TEXT.replace("line = np.array", "print('given out')\nline = np.array")
    _, notebooks = make(tmp_path, text)
    printed = [o.text for c in notebooks["solution"].cells for o in c.get("outputs", [])]
    assert printed == ["given out\n"]
    assert not any(cell.get("outputs") for cell in notebooks["release"].cells)


def test_a_check_that_passes_unsolved_is_named(tmp_path):
    weak = TEXT.replace("assert np.isclose(mean(line), 5 / 3)", "assert len(line) == 3")
    assert "small: mean-check passes unsolved, so it checks nothing" in refused(tmp_path, weak)


def test_a_solution_without_markers_is_no_leak_but_a_copy_of_its_line_is(tmp_path):
    bare = TEXT.replace(f"    {BEGIN}\n{SOLUTION}    {END}\n", SOLUTION)
    _, notebooks = make(tmp_path, bare)
    assert "x.sum()" not in cell_of(notebooks["release"], "mean").source
    shown = TEXT.replace("Write `mean(x)`.", f"As in\n\n```python\n{SOLUTION}```")
    assert f"shows a line that is to be hidden: {SOLUTION.strip()!r}" in refused(
        tmp_path / "2", shown
    )


def test_hidden_tests_that_can_be_seen_elsewhere_are_named(tmp_path):
    line = "_between = nearest(np.array([3.5, 0.5]), line[[0, 2, 1]])"
    shown = TEXT.replace("Distances first.", line)
    assert f"shows a line that is to be hidden: {line!r}" in refused(tmp_path, shown)


def test_markers_that_are_left_are_named(built):
    source, release = (built.notebooks(step, "hw")["small"] for step in ("source", "release"))
    released = nbformat.read(release, 4)
    released.cells[-1].source += f"\n{BEGIN}"
    assert list(leaks("small", nbformat.read(source, 4), released)) == [
        "small: the marker BEGIN SOLUTION is left in the students' version"
    ]


def test_a_solution_that_fails_is_named(tmp_path):
    said = refused(tmp_path, TEXT.replace("/ len(x)", "/ len(x[1:])"))
    assert "with the solutions, mean-check fails: AssertionError: divide the sum" in said


def test_given_code_that_fails_is_named(tmp_path):
    said = refused(tmp_path, TEXT.replace("4.0])", "4.0])\nnowhere"))
    assert "fails before anything is solved: NameError: name 'nowhere' is not defined" in said
    assert "small: given-" in said


def test_a_refused_set_leaves_the_released_one_as_it_was(tmp_path):
    course, _ = make(tmp_path)
    written = {path: path.read_bytes() for path in course.root.rglob("*.ipynb")}
    with pytest.raises(AssignmentError):
        make(tmp_path, TEXT.replace("/ len(x)", "/ len(x[1:])"))
    assert {path: path.read_bytes() for path in course.root.rglob("*.ipynb")} == written


def test_the_command_says_what_is_wrong_in_a_line(tmp_path):
    command = [sys.executable, "-m", "tools.assignments", "--course", str(tmp_path / "course")]
    run = subprocess.run(
        [*command, "build", "hw", "k-means"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: 'k-means' is no chapter and no .md file")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("page", CHAPTERS)
def test_students_get_every_chapter_without_its_solutions(page):
    """What needs no kernel: solutions are there, and leave no line and no mark behind."""
    source = assignment(page)
    (released,) = students_versions({"chapter": source}, "hw").values()
    assert len(secret_lines(source)) >= 4, "its solutions are longer than that"
    assert list(leaks(page, source, released)) == []
    answers = [cell for cell in source.cells if flags(cell).get("solution")]
    told = [cell.source for cell in released.cells if "YOUR " in cell.source]
    assert len(told) == len(answers) + 1, "one for each answer, and the first cell says so"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page",
    [p if p in QUICK else pytest.param(p, marks=pytest.mark.thorough) for p in CHAPTERS],
)
def test_every_chapter_builds_with_its_solutions_run(tmp_path, page):
    """One chapter a part in make test, all in make test-all; without them the checks fail."""
    course = Course(tmp_path / "course")
    *_, solution = build(course, "hw", [page.split("/")[-1]])
    checks = [cell for cell in nbformat.read(solution, 4).cells if flags(cell).get("grade")]
    assert len(checks) >= 4
    assert not any(o.output_type == "error" for c in checks for o in c.get("outputs", []))
