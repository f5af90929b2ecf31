"""A plugin of pytest: the seconds of all tests by part, or of each chapter's run.

    pytest -p tests.seconds ...

writes `_build/checks/tests.json`, which `tools/checks/stage.py` puts into `results/checks.json`.
The seconds of tests that run side by side are added up.
"""

import re
from collections import defaultdict

from tools.checks.stage import keep, read

CHAPTER = re.compile(r"_build/fresh/(.+)\.ipynb")


def place(test):
    """Return whether a test's seconds belong to the chapters or the tests, and to which of them."""
    if chapter := CHAPTER.match(test):
        return "chapters", f"book/{chapter[1]}"
    folders = test.split("::")[0].split("/")[1:-1]
    return "tests", folders[0] if folders else "ground"


class Seconds:
    """Adds up what the workers report."""

    def __init__(self):
        self.found = {"tests": defaultdict(float), "chapters": defaultdict(float)}

    def pytest_runtest_logreport(self, report):
        """Take a test's set-up, run or end."""
        kind, name = place(report.nodeid)
        self.found[kind][name] += report.duration

    def pytest_sessionfinish(self):
        """Write the file."""
        found = {
            kind: {name: round(some[name], 1) for name in sorted(some)}
            for kind, some in self.found.items()
            if some
        }
        keep("tests", read("tests") | found)


def pytest_configure(config):
    """Count in the process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Seconds(), "seconds by part")
