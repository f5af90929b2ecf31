"""What each stage of `.ci/run` may take: a plan that keeps 45 chapters below 45 minutes.

Seconds on two cores that do nothing else. A stage has a fixed part and a share for each chapter and
each part of the course; a slow machine takes twice as long, and 90 minutes are allowed.
"""

from typing import NamedTuple

CHAPTERS, PARTS = 45, 13  # of the whole course
TOTAL = 45 * 60
PART = 80  # the tests of a part, seconds of one core
FOLDERS = {"ground": 60, "tools": 400, "book": 80, "devices": 80}  # those of no part
CHAPTER = 90  # a chapter's run, beside another that makes it slower


class Share(NamedTuple):
    """Seconds that a stage may take."""

    fixed: float
    a_chapter: float = 0.0
    a_part: float = 0.0

    def of(self, chapters, parts):
        """Return them for a course of this size."""
        return self.fixed + self.a_chapter * chapters + self.a_part * parts


SHARES = {
    "install": Share(240),
    "chapters": Share(20, a_chapter=15),
    "tests": Share(200, a_chapter=5, a_part=15),
    "site": Share(40, a_chapter=4),
    "browser": Share(30, a_chapter=10),
}


def excesses(found):
    """Return what took more than its share, as sentences; `found` is `results/checks.json`."""
    chapters, tests = found["chapters"], found["tests"]
    parts = set(tests) - set(FOLDERS)
    limits = {name: FOLDERS.get(name, PART) for name in tests}
    said = [
        f"the stage {name} takes {found['stages'][name]:.0f} s, its share is {limit:.0f}"
        for name, share in SHARES.items()
        if found["stages"][name] > (limit := share.of(len(chapters), len(parts)))
    ]
    said += [
        f"tests/{name} takes {seconds:.0f} s, its share is {limits[name]}: smaller cases, one "
        "fixture for several tests, or the mark `thorough`"
        for name, seconds in tests.items()
        if seconds > limits[name]
    ]
    return said + [
        f"{page} takes {seconds:.0f} s, its share is {CHAPTER}: make it cheaper"
        for page, seconds in chapters.items()
        if seconds > CHAPTER
    ]
