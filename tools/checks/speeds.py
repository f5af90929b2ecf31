"""What a page with two speeds has, and the pages that do not have it yet.

A chapter's core can be studied in half an hour; what is deeper is folded. `FIRST_EDITION` lists the
chapters that were written before that rule. The list only shrinks: a new chapter keeps the rule.
"""

import re
from collections import defaultdict

from tools.pages.chapters import text_of
from tools.pages.study import EXERCISES, rounded, sections, study, teaser
from tools.sphinx.directives.syllabus import exercises

CORE = 30  # minutes of study
LINES = 1000  # of source
NEVER = (EXERCISES, "Summary", "Break it")  # always seen
SOURCES = "From the sources"
BOX = re.compile(
    r"^:::\{admonition\} Letters of this page\n:class: dropdown notation\n(.*?)^:::$", re.M | re.S
)
LETTER = re.compile(r"^- (\$[^$]+\$(?:, \$[^$]+\$)*): (.+(?:\n  .+)*)", re.M)

FIRST_EDITION = {
}


def must(page):
    """Say whether a chapter must keep the rule: whether it is not of the first edition."""
    return page.count("/") == 2 and page.removeprefix("book/") not in FIRST_EDITION


def letters(text):
    """Return the letters that a page's box lists, each with what it means, in their order."""
    box = BOX.search(text)
    found = LETTER.findall(box[1]) if box else []
    return {
        letter: " ".join(meaning.split()) for some, meaning in found for letter in some.split(", ")
    }


def clashes(pages):
    """Return sentences about letters with two meanings on pages (a dict of name to text)."""
    meanings = defaultdict(dict)
    for page, text in pages.items():
        for letter, meaning in letters(text).items():
            meanings[letter].setdefault(meaning, page)
    return [
        f"{letter} is {' and '.join(f'{m!r} in {page}' for m, page in found.items())}: choose "
        "another letter, or say it in the same words"
        for letter, found in meanings.items()
        if len(found) > 1
    ]


def problems(page):
    """Return what a page lacks of the rule, as sentences that say what to do."""
    text, said = text_of(page), []
    core = rounded(study(page).core)
    if core > CORE:
        said.append(
            f"its core takes {core} minutes, {CORE} at most: begin a section with {{deeper}}"
        )
    if (count := text.count("\n")) > LINES:
        said.append(f"it has {count} lines, {LINES} at most: two ideas are two pages")
    for section in sections(text):
        title, folded = section.title, section.deeper is not None
        if title.startswith(NEVER) and folded:
            said.append(f"{title!r} is folded: take its {{deeper}} away")
        if title == SOURCES and not folded:
            said.append(f"{title!r} is not folded: begin it with {{deeper}} and its verdict")
        if (sentence := teaser(section)) and not 30 <= len(sentence) <= 300:
            said.append(f"the teaser of {title!r} is no sentence: say what the section finds")
    if not letters(text):
        said.append("it has no box 'Letters of this page': see the skeleton in CONTRIBUTING.md")
    if "\nimport torch" in text and "plots.diagram(" not in text:
        said.append("it has no drawing of its method: plots.diagram draws boxes and arrows")
    for task in exercises(page):
        if task.kind != "derivation" and f"{{compare}} {task.label}\n" not in text:
            said.append(
                f"nothing to compare with: write {{compare}} {task.label} above its solution"
            )
    return said
