"""Assignments from the book's chapters or from your own sets.

    python -m tools.assignments build hw1 kmeans mixtures   make source, release and solution
    python -m tools.assignments grade hw1                   grade submitted/*/hw1 in a sandbox
    python -m tools.assignments export hw1                  feedback, tables for Canvas and Moodle

The course is kept in the folder course/, or in the one that --course names.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tools.assignments.course import AssignmentError, Course, default_root
from tools.assignments.grading.sandbox import Limits, NoSandboxError, Sandbox


def parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.assignments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--course", type=Path, default=default_root(), help="folder of the course")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make an assignment")
    build.add_argument("name", metavar="NAME", help="of the assignment, as in hw1")
    build.add_argument("pages", metavar="CHAPTER", nargs="+", help="as in kmeans, or a .md file")
    grade = commands.add_parser("grade", help="grade what was handed in")
    grade.add_argument("name", metavar="NAME")
    grade.add_argument("--again", action="store_true", help="also what is graded already")
    grade.add_argument("--workers", type=int, help="submissions at a time; default: one a core")
    grade.add_argument("--unsafe", action="store_true", help="run submissions without a sandbox")
    for limit in fields(Limits):
        option = "--" + limit.name.replace("_", "-")
        grade.add_argument(option, type=int, default=limit.default, help=f"default {limit.default}")
    export = commands.add_parser("export", help="write feedback and tables")
    export.add_argument("name", metavar="NAME")
    return parser


def run_build(course, arguments):
    """Build an assignment and list its files."""
    from tools.assignments.release import build, files

    print("\n".join(files(build(course, arguments.name, arguments.pages))))


def run_grade(course, arguments):
    """Grade an assignment and print a line a student."""
    from tools.assignments.grading.grade import grade, unread_of

    limits = Limits(**{limit.name: getattr(arguments, limit.name) for limit in fields(Limits)})
    if arguments.unsafe:
        print("WARNING: submissions run WITHOUT a sandbox, with your rights", file=sys.stderr)
    sandbox = Sandbox(limits, unsafe=arguments.unsafe)
    found = grade(course, arguments.name, sandbox, workers=arguments.workers, again=arguments.again)
    width = max(map(len, found))
    for student, (score, most, manual) in found.items():
        print(f"{student:{width}}  {score:g} of {most:g}{'  to be read' if manual else ''}")
    name = arguments.name
    lines = [f"  {s}: {reason}" for s in found for reason in unread_of(course, name, s)]
    if lines:
        print("NOT READ, and no zero: ask for these again\n" + "\n".join(lines))
    print(f"What happened to each stands in {course.root / 'logs' / arguments.name}")


def run_export(course, arguments):
    """Write feedback and tables and list them."""
    from tools.assignments.export import export
    from tools.assignments.release import files

    print("\n".join(files(export(course, arguments.name))))


def main():
    """Do what the command line asks for."""
    arguments = parser().parse_args()
    try:
        course = Course(arguments.course)
        {"build": run_build, "grade": run_grade, "export": run_export}[arguments.command](
            course, arguments
        )
    except (AssignmentError, NoSandboxError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
