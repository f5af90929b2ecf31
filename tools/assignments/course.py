"""The folder of a course as nbgrader lays it out, and what is set differently here."""

import io
import logging
import os
import sys
import warnings
from pathlib import Path

from traitlets.config import Config

from tools.pages.chapters import ROOT

NEEDED = "this needs nbgrader: pip install -e '.[instructor]'"
CHECKED = "checked"  # submissions as they were run: the only ones that nbgrader reads
SETTINGS = '''"""The settings of the course: `nbgrader formgrader` and `nbgrader db` read them.

Submissions are run by `python -m tools.assignments grade` in a sandbox. nbgrader reads what came
out of that and runs nothing itself: do not put Execute back.
"""

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    DeduplicateIds,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

c = get_config()
c.CourseDirectory.course_id = "learning-without-labels"
c.CourseDirectory.submitted_directory = "checked"
c.Autograde.sanitize_preprocessors = [
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "tools.assignments.export.HideTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
'''


class AssignmentError(Exception):
    """An assignment cannot be built, graded or exported; the message says why."""


class Course:
    """A folder with an nbgrader course in it.

    Parameters
    ----------
    root : path
        Is made, with its settings, if it is not there.
    """

    def __init__(self, root):
        try:
            import nbgrader  # noqa: F401
        except ImportError as error:
            raise AssignmentError(NEEDED) from error
        # nbgrader calls alembic, which lies beside this Python.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.root = Path(root).absolute()
        self.root.mkdir(parents=True, exist_ok=True)
        settings = self.root / "nbgrader_config.py"
        if not settings.exists():
            settings.write_text(SETTINGS, encoding="utf-8")

    def config(self):
        """Return the settings of the course as nbgrader wants them."""
        from traitlets.config.loader import PyFileConfigLoader

        loaded = PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()
        loaded.merge(Config(CourseDirectory={"root": str(self.root)}))
        return loaded

    def call(self, step, name, student=".", settings=None):
        """Run a converter of nbgrader, such as ``Autograde``.

        Raises
        ------
        AssignmentError
            If it fails, with the end of what it logged.
        """
        from nbgrader import converters
        from nbgrader.coursedir import CourseDirectory

        config = self.config()
        config.merge(Config(settings or {}))
        folder = CourseDirectory(config=config, assignment_id=name, student_id=student)
        converter = getattr(converters, step)(coursedir=folder, config=config, force=True)
        told = io.StringIO()
        converter.log = logging.Logger("nbgrader", logging.ERROR)
        converter.log.addHandler(logging.StreamHandler(told))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's own ways
                converter.start()
        except (Exception, SystemExit) as error:  # nbgrader leaves the program at some errors
            message = f"{told.getvalue()[-2000:]}{error}"
            raise AssignmentError(f"nbgrader {step} of {name}, {student}: {message}") from error

    def gradebook(self):
        """Return the open gradebook, a context manager."""
        from nbgrader.api import Gradebook

        return Gradebook(f"sqlite:///{self.root / 'gradebook.db'}", "learning-without-labels")

    def folder(self, step, name, student="."):
        """Return where nbgrader keeps an assignment in one of its steps."""
        return self.root / step / student / name

    def notebooks(self, step, name):
        """Return the notebooks of an assignment in a step, by name.

        Raises
        ------
        AssignmentError
            If there are none.
        """
        found = sorted(self.folder(step, name).glob("*.ipynb"))
        if not found:
            raise AssignmentError(
                f"{self.folder(step, name)} has no notebook: build the assignment {name} first"
            )
        return {path.stem: path for path in found}


def default_root():
    """Where a course is kept if nothing else is said: not under version control."""
    return ROOT / "course"
