"""What students and the learning platform get."""

import csv

import pytest

from tests.tools.assignments.class_of_hw import WRONG
from tests.tools.assignments.small_set import HIDDEN, NEAREST, NO_SANDBOX, WORDS, hand_in
from tools.assignments.course import AssignmentError
from tools.assignments.export import export
from tools.assignments.grading.grade import grade
from tools.assignments.grading.sandbox import Sandbox

SCRIPT = "<script>alert(1)</script>"
ODD = f"""{NEAREST}
import base64, io
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1)); plt.savefig(file := io.BytesIO(), format="png")
display({{"image/png": base64.b64encode(file.getvalue()).decode()}}, raw=True)
for kind in ("text/html", "image/svg+xml", "text/markdown", "application/javascript"):
    display({{kind: "{SCRIPT}", "text/plain": "as text"}}, raw=True)
display({{"image/png": '">{SCRIPT}'}}, raw=True, metadata={{"image/png": {{"width": ">{SCRIPT}"}}}})
print("{SCRIPT}")
raise ValueError("{SCRIPT}")
"""


@pytest.fixture(scope="module")
def exported(course):
    """A course with the grades of three students, and the files that were written."""
    sandbox = Sandbox(unsafe=bool(NO_SANDBOX))
    hand_in(course, "s1", words=f"{WORDS} {SCRIPT}", nearest=ODD)
    hand_in(course, "s2", nearest=WRONG)
    hand_in(course, "s3", nearest="def nearest(x, centers):\n    return np.arange(len(x))\n")
    with course.gradebook() as book:
        book.add_student("s1", first_name="Zoë", last_name="Adler, jr", email="z@example.org")
        book.add_student("s2", first_name="Max", last_name="Beck", lms_user_id="4711")
        book.add_student("s9", first_name="Nobody", last_name="Here")
    grade(course, "hw", sandbox, workers=2)
    with course.gradebook() as book:
        answer = book.find_grade("ex-small-why", "small", "hw", "s2")
        answer.manual_score, answer.needs_manual_grade = 2.5, False
        book.db.commit()
    return course, list(export(course, "hw"))


def table(course, name):
    """Return the lines of a table."""
    with (course.root / "grades" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_canvas_gets_its_header_and_the_points_possible(exported):
    course, _ = exported
    assert table(course, "hw-canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "hw"],
        ["    Points Possible", "", "", "", "", "10.0"],
        ["s3", "", "s3", "s3", "", "3.0"],
        ["Adler, jr, Zoë", "", "s1", "z@example.org", "", "6.0"],
        ["Beck, Max", "4711", "s2", "s2", "", "3.5"],
        ["Here, Nobody", "", "s9", "s9", "", "0.0"],
    ]


def test_moodle_gets_the_names_and_what_waits_for_a_reader(exported):
    course, _ = exported
    waits = "1 written answers are still to be read"
    assert table(course, "hw-moodle.csv") == [
        ["ID number", "First name", "Last name", "Email address", "hw", "Feedback comments"],
        ["s3", "", "", "", "3.0", waits],
        ["s1", "Zoë", "Adler, jr", "z@example.org", "6.0", waits],
        ["s2", "Max", "Beck", "", "3.5", ""],
        ["s9", "Nobody", "Here", "", "0.0", ""],
    ]


def test_the_long_table_has_every_cell(exported):
    course, _ = exported
    head, *lines = table(course, "hw.csv")
    cells = ["ex-small-why", "mean-check", "nearest-check", "nearest-hidden"]
    who = ["id", "last_name", "first_name", "score", "max_score", "to_read"]
    assert head == who + [f"small/{cell}" for cell in cells]
    assert {line[0]: line[6:] for line in lines} == {
        "s1": ["0.0", "1.0", "2.0", "3.0"],
        "s2": ["2.5", "1.0", "0.0", "0.0"],
        "s3": ["0.0", "1.0", "2.0", "0.0"],
        "s9": ["", "", "", ""],
    }


def test_feedback_tells_why_but_not_what_hidden_tests_are(exported):
    _, files = exported
    feedback = {path.parts[-3]: path for path in files if path.suffix == ".html"}
    assert sorted(feedback) == ["s1", "s2", "s3"]
    for path in feedback.values():
        text = path.read_text(encoding="utf-8")
        for secret in ("_between", "3.5, 0.5", "BEGIN HIDDEN", "__import__", "sys.modules"):
            assert secret not in text
    assert HIDDEN in feedback["s3"].read_text(encoding="utf-8"), (
        "the message of a hidden test is for students"
    )
    assert "every centre is nearest to itself" in feedback["s2"].read_text(encoding="utf-8")


def test_a_script_in_a_submission_does_not_run_for_who_reads_it(exported):
    course, _ = exported
    text = (course.folder("feedback", "hw", "s1") / "small.html").read_text(encoding="utf-8")
    assert WORDS in text
    assert "as text" in text
    assert "data:image/png;base64,iVBOR" in text, "pictures are shown"
    assert SCRIPT not in text
    assert text.count(SCRIPT.replace("<", "&lt;").replace(">", "&gt;")) >= 2


def test_exporting_twice_gives_the_same_tables(exported):
    course, _ = exported
    before = {path: path.read_bytes() for path in (course.root / "grades").iterdir()}
    list(export(course, "hw"))
    assert {path: path.read_bytes() for path in (course.root / "grades").iterdir()} == before


def test_nothing_is_exported_before_something_is_graded(built):
    with pytest.raises(AssignmentError, match="nothing of hw is graded: grade it first"):
        list(export(built, "hw"))
    with pytest.raises(AssignmentError, match="there is no assignment hw9: build it first"):
        list(export(built, "hw9"))
