"""Sphinx extension: `{syllabus}`, a week for each part of the course, with what there is to do.

Nothing in it is written for it: the parts are those of `_toc.yml` and `book/course.yml`, the aims,
exercises and points stand in the chapters, the times in `results/budget.json`.
"""

import json
import re
from dataclasses import dataclass

from sphinx.util.docutils import SphinxDirective

from tools.pages.front_matter import CODE, ROOT, parts, plan, text_of, title
from tools.pages.study import rounded, study
from tools.sphinx.directives.companion_api import parsed
from tools.sphinx.directives.measured import RESULTS

LEVELS = {1: "warm-up", 2: "core", 3: "hard"}
EXERCISE = re.compile(
    r"^:::\{exercise\} (?P<title>[^\n]+)\n(?P<options>(?::[\w-]+: [^\n]*\n)+)"
    r"(?P<rest>.*?)(?=^:::\{exercise\}|^## |\Z)",
    re.M | re.S,
)
CHECK = re.compile(r"^:nbgrader: \{.*\bgrade: true.*\bpoints: (\d+)", re.M)
LEARN = re.compile(r"^:::\{admonition\} What you will learn$(.*?)^:::$", re.M | re.S)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter, as an instructor chooses it."""

    label: str
    title: str
    kind: str  # code, derivation or experiment
    level: int  # of LEVELS
    points: int


def written_points():
    """Return what a derivation or an experiment is worth if it does not say so."""
    from tools.assignments.convert import WRITTEN_POINTS

    return WRITTEN_POINTS


def read(match, page):
    """Return the exercise that a match of `EXERCISE` holds."""
    options = dict(re.findall(r"^:([\w-]+): (.*)$", match["options"], re.M))
    words, rest = options.get("class", "").split(), match["rest"]
    numbers = dict(re.findall(r"\b(level|points)-(\d+)", options.get("class", "")))
    if int(numbers.get("level", 0)) not in LEVELS:
        raise ValueError(
            f"{page}.md: exercise {match['title']!r} has no level: write `:class: level-2` below "
            "its label (1 is a warm-up, 2 the core, 3 hard)"
        )
    if checks := CHECK.findall(rest):
        kind, points = "code", sum(map(int, checks))
    else:
        tried = "experiment" in words or "{code-cell}" in rest
        kind = "experiment" if tried else "derivation"
        points = int(numbers.get("points", written_points()))
    return Exercise(options["label"], match["title"], kind, int(numbers["level"]), points)


def exercises(page):
    """Return the exercises of a chapter in their order.

    Raises
    ------
    ValueError
        If one does not say how hard it is.
    """
    return [read(match, page) for match in EXERCISE.finditer(text_of(page))]


def objectives(page):
    """Return what a chapter says that its reader will learn, line by line."""
    found = LEARN.search(CODE.sub("", text_of(page)))
    lines = re.findall(r"^- (.+?)(?:,? and|[,;.])?$", found[1], re.M) if found else []
    return [line[:1].upper() + line[1:] for line in lines]


@dataclass(frozen=True)
class Chapter:
    """What a week's tables say about a chapter."""

    page: str
    core: int
    everything: int
    working: int
    seconds: float
    exercises: tuple


def chapter(page, budget):
    """Return a chapter; one that was not measured is an error."""
    if page not in budget:
        raise ValueError(f"{page} is not in results/budget.json: run make budget")
    found = study(page)
    minutes = map(rounded, (found.core, found.everything, found.exercises))
    return Chapter(page, *minutes, budget[page]["seconds"], tuple(exercises(page)))


def overview(weeks):
    """Yield a section with a table, a row a week."""
    yield from (
        "## At a glance",
        "",
        "| week | part | core, minutes | everything | exercises | running, seconds "
        "| tasks | points |",
        "|--:|:--|--:|--:|--:|--:|--:|--:|",
    )
    for number, (part, listed) in enumerate(weeks, 1):
        if not listed:
            yield f"| {number} | {part['part']}, to come | | | | | | |"
            continue
        tasks = [task for one in listed for task in one.exercises]
        yield (
            f"| {number} | {{ref}}`{part['part']} <week-{number}>` "
            f"| {sum(one.core for one in listed)} | {sum(one.everything for one in listed)} "
            f"| {sum(one.working for one in listed)} | {sum(one.seconds for one in listed):.0f} "
            f"| {len(tasks)} | {sum(task.points for task in tasks)} |"
        )
    yield ""


def week(number, part, listed):
    """Yield a section: question, study times, aims, exercises; for a part to come, its subjects."""
    yield from (f"(week-{number})=", f"## Week {number}: {part['part']}", "", part["question"], "")
    if not listed:
        subjects = "; ".join(part.get("map", {}).values())
        yield from (f"To come: {subjects}.", "")
        return
    yield "| chapter | core, minutes | everything | exercises | running, seconds |"
    yield "|:--|--:|--:|--:|--:|"
    for one in listed:
        times = f"{one.core} | {one.everything} | {one.working} | {one.seconds:.0f}"
        yield f"| {{doc}}`/{one.page}` | {times} |"
    yield from ("", ":::{admonition} What they will learn", ":class: dropdown", "")
    for one in listed:
        yield from (f"**{title(one.page)}**", "")
        yield from (f"- {line}" for line in objectives(one.page))
        yield ""
    yield from (":::", "", "| exercise | chapter | kind | level | points |")
    yield "|:--|:--|:--|:--|--:|"
    for one in listed:
        for task in one.exercises:
            yield (
                f"| {{ref}}`{task.title} <{task.label}>` | {title(one.page)} | {task.kind} "
                f"| {LEVELS[task.level]} | {task.points} |"
            )
    yield ""


def syllabus():
    """Return the Markdown of all weeks."""
    budget = json.loads((RESULTS / "budget.json").read_text(encoding="utf-8"))["chapters"]
    listed = parts()
    weeks = [
        (part, [chapter(page, budget) for page in listed.get(part["part"], [])])
        for part in plan()["parts"]
    ]
    lines = list(overview(weeks))
    for number, (part, chapters) in enumerate(weeks, 1):
        lines += week(number, part, chapters)
    return lines


class Syllabus(SphinxDirective):
    """A table of the weeks, then a section for each."""

    def run(self):
        """Write the sections as Markdown and parse them."""
        for page in (page for pages in parts().values() for page in pages):
            self.env.note_dependency(str(ROOT / f"{page}.md"))
        try:
            return parsed(self, syllabus())
        except ValueError as error:
            raise self.error(str(error)) from error


def setup(app):
    """Called by Sphinx."""
    app.add_directive("syllabus", Syllabus)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
