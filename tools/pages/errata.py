"""What the chapters found wrong in the sources and in themselves: the `{erratum}` marks, gathered.

A mark stands above the paragraph whose cell shows it, and prints nothing but a label::

    ```{erratum} notes
    :printed: "Randomly move centers apart"
    :right: seeds are drawn, with probability proportional to the squared distance
    ```

The argument is `notes`, `lecture` or a citation such as ``{cite:t}`lloyd1982` ``. `:kind: loose` is
for what is not plainly wrong but says too much or too little. `:see: fig-kmeans-scores` adds the
figure or equation where it is shown, if no cell follows.

The argument `first` is the first edition of this book: what a control overturned. Its marks are of
the kind `corrected`, and have a page of their own, `book/corrections.md`.
"""

import re
from typing import NamedTuple

from tools.exports.notebooks import split_options
from tools.pages.chapters import pages, text_of

SOURCES = {"lecture": "Lecture", "notes": "Notes", "first": "First edition"}
PAGES = {"wrong": "errata", "loose": "errata", "corrected": "corrections"}  # of each kind
MARK = re.compile(r"^(`{3,}|:{3,})\{erratum\}[ \t]*(.*)\n((?:.*\n)*?)\1[ \t]*$", re.M)


class Erratum(NamedTuple):
    """One mark: the chapter and the anchor, whose words, what is printed, what is right."""

    page: str
    anchor: str
    source: str
    printed: str
    right: str
    kind: str
    see: str | None


def errata(page):
    """Yield the errata of a page in their order."""
    for number, (_, who, inside) in enumerate(MARK.findall(text_of(page)), 1):
        options, _ = split_options(inside.split("\n"))
        yield Erratum(page, anchor(page, number), **checked(page, who, options))


def anchor(page, number):
    """Return the anchor of a page's mark."""
    return f"erratum-{page.split('/')[-1]}-{number}"


def checked(page, who, options):
    """Return a mark's argument and options; what is missing or unknown is an error."""
    if who not in SOURCES and not who.startswith("{cite"):
        raise ValueError(f"{page}: erratum of {who!r}: say {' or '.join(SOURCES)}, or cite")
    kind = options.get("kind", "corrected" if who == "first" else "wrong")
    if kind not in PAGES:
        raise ValueError(f"{page}: erratum of kind {kind!r}: say one of {', '.join(PAGES)}")
    if (kind == "corrected") != (who == "first"):
        raise ValueError(f"{page}: {who!r} is {kind}: only `first` is corrected, and always")
    if absent := [name for name in ("printed", "right") if not options.get(name)]:
        raise ValueError(f"{page}: erratum of the {who}: give :{absent[0]}:")
    return {
        "source": who,
        "printed": options["printed"],
        "right": options["right"],
        "kind": kind,
        "see": options.get("see"),
    }


def collect():
    """Return the errata of all pages in reading order."""
    return [erratum for page in pages() for erratum in errata(page)]
