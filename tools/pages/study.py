"""How long a page takes to study: its core, its deeper sections, its exercises.

Counted from the source. The weights are ours; with them three expert readers' estimates of chapters
of this book (90, 120 and 80 minutes) come out within a tenth. Two others, who worked through every
proof, needed twice as long.
"""

import math
import re
from typing import NamedTuple

from tools.pages.chapters import ROOT, source, text_of
from tools.pages.plumbing import without_glue

WORDS_A_MINUTE = 110
FORMULA, INLINE, LINE, FIGURE = 1.2, 0.12, 0.1, 1.2  # minutes for one of each
EXERCISE = {1: 5, 2: 12, 3: 25}  # minutes for one of a level
EXERCISES = "Exercises"

HEAD = re.compile(r"\A---\n.*?\n---\n", re.S)
HEADING = re.compile(r"(#{2,6}) (.+)")
OPENED = re.compile(r"(`{3,})\{?([\w-]*)\}?[ \t]*(\S*)")
DEEPER = re.compile(r"\s*:::\{deeper\}\n(.*?)\n:::$", re.M | re.S)
LEVEL = re.compile(r"^:class:.*\blevel-(\d)", re.M)
PYOBJECT = re.compile(r"^:pyobject:[ \t]*([\w.]+)", re.M)
HIDDEN = re.compile(r"\b(?:hide-input|remove-input|hide-cell|remove-cell)\b")
FOLDED_BOX = re.compile(
    r"^(:{3,})\{(?:admonition|solution)\}[^\n]*\n:class: [^\n]*dropdown.*?^\1$", re.M | re.S
)
NOT_WORDS = re.compile(
    r"^%.*?$|<!--.*?-->"  # comments
    r"|^:[\w-]+:.*?$|^\([\w-]+\)=$|^:{3,}.*?$|\{[\w:-]+\}"  # options, labels, fences, roles
    r"|\$\$.*?\$\$|\$[^$]+\$",  # formulas
    re.M | re.S,
)


class Section(NamedTuple):
    """A heading and the source below it up to the next one; `deeper` counts from 0, or None."""

    level: int
    title: str
    text: str
    deeper: int | None


class Study(NamedTuple):
    """Minutes, not rounded: of the core, of each deeper section, of the exercises."""

    core: float
    deeper: tuple
    exercises: float

    @property
    def everything(self):
        """Minutes of all but the exercises."""
        return self.core + sum(self.deeper)


def sections(text):
    """Return the sections of a page; the first, of level 1, is what stands before all others."""
    found, fence = [[1, "", []]], ""
    for line in HEAD.sub("", text).split("\n"):
        heading = HEADING.fullmatch(line)
        if not fence and heading:
            found.append([len(heading[1]), heading[2], []])
            continue
        if fence:
            fence = "" if line.strip() == fence else fence
        elif opened := OPENED.match(line):
            fence = opened[1]
        found[-1][2].append(line)
    out, count, below = [], -1, None
    for level, title, lines in found:
        body = "\n".join(lines)
        if below is not None and level <= below:
            below = None
        if below is None and DEEPER.match(body):
            below, count = level, count + 1
        out.append(Section(level, title, body, None if below is None else count))
    return out


def teaser(section):
    """Return the sentence that is seen of a deeper section, or an empty string."""
    found = DEEPER.match(section.text)
    return " ".join(found[1].split()) if found else ""


def minutes(text, folder=ROOT):
    """Return the minutes that a piece of a page's source takes; `folder` is the page's."""
    words, total, lines = [], 0.0, FOLDED_BOX.sub("", text).split("\n")
    while lines:
        line = lines.pop(0)
        opened = OPENED.match(line)
        if not opened:
            words.append(line)
            continue
        end = next((i for i, other in enumerate(lines) if other.strip() == opened[1]), len(lines))
        inside = "\n".join(lines[:end])
        del lines[: end + 1]
        total += fenced(opened[2], opened[3], inside, folder)
    prose = "\n".join(words)
    total += FORMULA * len(re.findall(r"\$\$.*?\$\$", prose, re.S))
    prose = re.sub(r"\$\$.*?\$\$", " ", prose, flags=re.S)
    total += INLINE * len(re.findall(r"\$[^$]+\$", prose))
    plain = NOT_WORDS.sub(" ", prose)
    return total + len(re.findall(r"\w+(?:['’.,-]\w+)*", plain)) / WORDS_A_MINUTE


def fenced(name, argument, inside, folder):
    """Return the minutes for what stands between fences of backticks."""
    if name == "math":
        return FORMULA
    if name == "literalinclude":
        return LINE * len(included_lines(folder / argument, inside))
    if name == "code-cell":
        figure = FIGURE * bool(re.search(r"^ +(?:figure|image):", inside, re.M))
        head, code = split_head(inside)
        return figure + (0 if HIDDEN.search(head) else LINE * len(written(without_glue(code))))
    return LINE * len(written(inside)) if name in ("", "python", "bash") else 0.0


def split_head(cell):
    """Return the options of a code cell and its code."""
    if found := re.match(r"---\n.*?\n---\n", cell, re.S):
        return found[0], cell[found.end() :]
    head = re.match(r"(?::[\w-]+:.*\n)*", cell)[0]
    return head, cell[len(head) :]


def written(code):
    """Return the lines of code that are not empty."""
    return [line for line in code.split("\n") if line.strip()]


def included_lines(path, options):
    """Return the lines that are included from a file."""
    from tools.exports.notebooks import included

    name = PYOBJECT.search(options)
    return written(included(path.resolve(), {"pyobject": name[1]} if name else {}))


def study(page):
    """Return how long a page takes to study."""
    core, deeper, exercises = 0.0, {}, 0.0
    for section in sections(text_of(page)):
        if section.title == EXERCISES:
            exercises = sum(EXERCISE.get(int(level), 0) for level in LEVEL.findall(section.text))
        elif section.deeper is None:
            core += minutes(section.text, source(page).parent)
        else:
            more = minutes(section.text, source(page).parent)
            deeper[section.deeper] = deeper.get(section.deeper, 0.0) + more
    return Study(core, tuple(deeper.values()), exercises)


def rounded(number):
    """Return minutes as one says them: whole, from an hour on in steps of five."""
    return math.ceil(number) if number < 60 else 5 * math.ceil(number / 5)
