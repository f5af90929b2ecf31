"""Writes what students and the learning platform get: feedback, and tables of grades."""

import csv

from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor

from tools.assignments.course import AssignmentError
from tools.assignments.grading.grade import unread_of


class HideTests(NbGraderPreprocessor):
    """Keeps hidden tests hidden in the feedback: of their errors only the message stays."""

    def preprocess_cell(self, cell, resources, index):
        """Take hidden tests out of a cell, and out of what its error shows."""
        if "BEGIN HIDDEN TESTS" in cell.source:
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
            cell, resources = ClearHiddenTests().preprocess_cell(cell, resources, index)
        return cell, resources


def rows_of(course, name):
    """Return a dict a student, in the order of the names: who it is, the score, each cell's score.

    Raises
    ------
    AssignmentError
        If nothing is graded, or a written answer of somebody still waits for a reader.
    """
    from nbgrader.api import MissingEntry

    rows = []
    with course.gradebook() as book:
        try:
            assignment = book.find_assignment(name)
        except MissingEntry as error:
            raise AssignmentError(f"there is no assignment {name}: build it first") from error
        handed_in = {x.student.id: x for x in book.assignment_submissions(name)}
        for student in book.students:
            row = {
                "id": student.id,
                "last_name": student.last_name or "",
                "first_name": student.first_name or "",
                "email": student.email or "",
                "lms_id": student.lms_user_id or "",
                "score": 0.0,
                "max_score": assignment.max_score,
                "to_read": 0,
                "unread": unread_of(course, name, student.id),
                "cells": {},
            }
            if submission := handed_in.get(student.id):
                grades = [grade for part in submission.notebooks for grade in part.grades]
                row["score"] = submission.score
                row["to_read"] = sum(g.needs_manual_grade for g in grades) + len(row["unread"])
                row["cells"] = {f"{g.notebook.name}/{g.name}": g.score for g in grades}
            rows.append(row)
    return sorted(rows, key=lambda row: (row["last_name"], row["first_name"], row["id"]))


def full_name(row):
    """Return a student's name as Canvas writes it; the id where no name is known."""
    both = [part for part in (row["last_name"], row["first_name"]) if part]
    return ", ".join(both) or row["id"]


def score_of(row):
    """Return the score for a learning platform; nothing where a file could not be read."""
    return "" if row["unread"] else row["score"]


def canvas(rows, name):
    """Return the table that Canvas imports: a line with the points possible, then one a student."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name]
    most = rows[0]["max_score"]
    lines = [
        [full_name(row), row["lms_id"], row["id"], row["email"] or row["id"], "", score_of(row)]
        for row in rows
    ]
    return [head, ["    Points Possible", "", "", "", "", most], *lines]


def moodle(rows, name):
    """Return the table that Moodle imports; students are matched by their ID number."""
    head = ["ID number", "First name", "Last name", "Email address", name, "Feedback comments"]
    who = ("id", "first_name", "last_name", "email")
    return [head, *([*(row[key] for key in who), score_of(row), remark(row)] for row in rows)]


def detailed(rows, name):
    """Return the table with the score of every graded cell."""
    cells = sorted({cell for row in rows for cell in row["cells"]})
    who = ["id", "last_name", "first_name", "score", "max_score", "to_read"]
    lines = [[row[key] for key in who] + [row["cells"].get(c, "") for c in cells] for row in rows]
    return [[*who, *cells], *lines]


def remark(row):
    """Return what a student reads beside the score."""
    answers = row["to_read"] - len(row["unread"])
    lines = [f"{answers} written answers are still to be read"] if answers else []
    return "; ".join([*(f"{reason}: to be read" for reason in row["unread"]), *lines])


def export(course, name):
    """Write feedback and the tables of an assignment; yield the files.

    Raises
    ------
    AssignmentError
        If nothing was graded.
    """
    rows = rows_of(course, name)
    graded = [row["id"] for row in rows if row["cells"]]
    if not graded:
        raise AssignmentError(f"nothing of {name} is graded: grade it first")
    folder = course.root / "grades"
    folder.mkdir(exist_ok=True)
    tables = {"": detailed, "-canvas": canvas, "-moodle": moodle}
    for kind, table in tables.items():
        path = folder / f"{name}{kind}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table(rows, name))
        yield path
    for student in graded:
        course.call("GenerateFeedback", name, student)
        yield from sorted(course.folder("feedback", name, student).glob("*.html"))
