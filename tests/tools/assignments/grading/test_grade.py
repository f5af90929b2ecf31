"""A class is graded: every score as expected, whatever one of them hands in."""

import shutil

import nbformat
import pytest

from tests.tools.assignments.class_of_hw import SECONDS, SOME, WRONG, hand_in_all
from tests.tools.assignments.small_set import NEAREST, hand_in, log_of, needs_sandbox
from tools.assignments.course import CHECKED, AssignmentError
from tools.assignments.grading import grade as module
from tools.assignments.grading.grade import grade
from tools.assignments.grading.sandbox import Limits, NoSandboxError, Sandbox
from tools.assignments.release import build

pytestmark = [
    needs_sandbox,
    pytest.mark.timeout(600),
]
SANDBOX = Sandbox(
    Limits(
        cell_seconds=SECONDS,
        notebook_seconds=60,
        memory_mb=500,
        processes=40,
        disk_mb=20,
        output_bytes=50_000,
    )
)
NOTHING = {"nothing", "blank"}  # who has no answer to read


def outputs(course, student):
    """Return the printed output of a student's notebook as one text."""
    notebook = nbformat.read(course.folder(CHECKED, "hw", student) / "small.ipynb", 4)
    return "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.thorough)])
def graded(built, tmp_path_factory, request):
    """A course after a class was graded, what was expected and what came out."""
    folder = tmp_path_factory.mktemp("graded")
    shutil.copytree(built.root, folder, dirs_exist_ok=True)
    course = type(built)(folder)
    expected = hand_in_all(course, set(SOME) if request.param == "some" else None)
    return course, expected, grade(course, "hw", SANDBOX, workers=3)


def test_every_score_is_as_expected(graded):
    _, expected, found = graded
    assert len(found) >= len(SOME)
    assert {s: score for s, (score, _, _) in found.items()} == {
        student: points for student, (points, _) in expected.items()
    }
    assert {most for _, most, _ in found.values()} == {10}
    silent = {student for student, (_, _, manual) in found.items() if not manual}
    assert silent == NOTHING & set(found)


def test_a_graded_assignment_keeps_its_notebooks(graded):
    course, _, _ = graded
    before = sorted(course.notebooks("source", "hw"))
    with pytest.raises(AssignmentError, match="hw is graded already and consists of small"):
        list(build(course, "hw", ["kmeans"]))
    assert sorted(course.notebooks("source", "hw")) == before


def test_the_log_says_what_happened(graded):
    course, expected, _ = graded
    for student, (_, words) in expected.items():
        log = log_of(course, student)
        assert [word for word in words if word not in log] == [], f"{student}:\n{log}"
    assert "note" not in log_of(course, "right")


def test_nobody_saw_the_gradebook_or_the_work_of_others(graded):
    course, _, _ = graded
    assert "DATABASES []" in outputs(course, "gradebook")
    assert "OTHERS False" in outputs(course, "spy")
    assert "HIDDEN False" in outputs(course, "spy")


def test_output_without_end_is_cut(graded):
    course, _, _ = graded
    notebook = course.folder(CHECKED, "hw", "flood") / "small.ipynb"
    assert notebook.stat().st_size < 200_000


def test_what_was_handed_in_is_left_as_it_was(graded):
    course, _, _ = graded
    path = course.folder("submitted", "hw", "changed") / "small.ipynb"
    assert "assert True" in path.read_text(encoding="utf-8")
    kept = nbformat.read(course.folder(CHECKED, "hw", "changed") / "small.ipynb", 4)
    assert not any(cell.source == "assert True" for cell in kept.cells)


@pytest.fixture
def few(built, tmp_path):
    """A course in which three have handed in."""
    shutil.copytree(built.root, tmp_path, dirs_exist_ok=True)
    course = type(built)(tmp_path)
    for student in ("ada", "bob", "eve"):
        hand_in(course, student, nearest=WRONG if student == "bob" else NEAREST)
    return course


@pytest.fixture
def ran(monkeypatch):
    """The students whose notebooks are run."""
    students, run_part = [], module.run_part

    def remember(source, path, sandbox):
        students.append(path.parts[-3])
        return run_part(source, path, sandbox)

    monkeypatch.setattr(module, "run_part", remember)
    return students


def scores(course, **options):
    """Grade and return the scores."""
    found = grade(course, "hw", SANDBOX, workers=1, **options)
    return {student: score for student, (score, _, _) in found.items()}


def test_grading_twice_runs_nothing_and_what_changed_runs_again(few, ran):
    first = scores(few)
    assert first == {"ada": 6, "bob": 1, "eve": 6}
    assert sorted(ran) == ["ada", "bob", "eve"]
    ran.clear()
    assert scores(few) == first
    assert ran == []
    with few.gradebook() as book:
        answer = book.find_grade("ex-small-why", "small", "hw", "ada")
        answer.manual_score, answer.needs_manual_grade = 3, False
        book.db.commit()
    hand_in(few, "bob")
    assert scores(few) == {"ada": 9, "bob": 6, "eve": 6}
    assert ran == ["bob"]
    assert scores(few, again=True) == {"ada": 9, "bob": 6, "eve": 6}, "the reader's score stays"
    assert sorted(ran) == ["ada", "bob", "bob", "eve"]


@pytest.mark.parametrize("step", ["record", "run_part"])
def test_an_interrupted_run_goes_on_where_it_stopped(few, ran, monkeypatch, step):
    with monkeypatch.context() as patch:
        calls, original = [], getattr(module, step)

        def interrupted(*arguments):
            calls.append(arguments)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return original(*arguments)

        patch.setattr(module, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            scores(few)
    done = set(ran) - ({ran[-1]} if step == "run_part" else set())
    before = list(ran)
    assert scores(few) == {"ada": 6, "bob": 1, "eve": 6}
    again = ran[len(before) :]
    assert set(before) | set(again) == {"ada", "bob", "eve"}
    assert not set(again) & set(done)


def test_one_submission_that_breaks_the_grading_does_not_stop_it(few, monkeypatch):
    record = module.record

    def broken(course, name, student):
        if student == "bob":
            raise AssignmentError("the gradebook is locked")
        record(course, name, student)

    with monkeypatch.context() as patch:
        patch.setattr(module, "record", broken)
        with pytest.raises(
            AssignmentError, match=r"all are graded except these.*\n  bob: .*locked"
        ):
            scores(few)
    with few.gradebook() as book:
        assert [x.student.id for x in book.assignment_submissions("hw")] == ["ada", "eve"]
    assert scores(few) == {"ada": 6, "bob": 1, "eve": 6}


def test_without_a_sandbox_nothing_is_graded(few, ran, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NoSandboxError):
        scores(few)
    assert ran == []
    assert not (few.root / CHECKED).exists()


def test_an_assignment_that_is_not_there_is_refused(few):
    with pytest.raises(AssignmentError, match="build the assignment hw9 first"):
        grade(few, "hw9", SANDBOX)
    shutil.rmtree(few.root / "submitted")
    with pytest.raises(AssignmentError, match="put it into submitted/STUDENT/hw/"):
        grade(few, "hw", SANDBOX)
