"""Errata of the sources and corrections of our own: each is shown by a cell and is listed."""

import re

import pytest

from tools.exports.notebooks import labels
from tools.pages import errata
from tools.pages.chapters import chapters, text_of

FOUND = errata.collect()
CELL = re.compile(r"^```\{code-cell\}", re.M)


def after(erratum):
    """What a chapter says from a mark on, to the next mark or section."""
    number = int(erratum.anchor.rpartition("-")[2])
    text = text_of(erratum.page)
    start = [match.end() for match in errata.MARK.finditer(text)][number - 1]
    return re.split(r"^#{1,3} |^(?:`{3,}|:{3,})\{erratum\}", text[start:], flags=re.M)[0]


@pytest.mark.parametrize("erratum", FOUND, ids=lambda e: e.anchor)
def test_an_erratum_is_shown_by_a_cell_or_names_where_it_is_shown(erratum):
    if erratum.see:
        assert erratum.see in labels(text_of(erratum.page))
    else:
        assert CELL.search(after(erratum)), "no cell shows it: write one, or say :see: fig-..."


def test_every_mark_is_read():
    for page in chapters():
        count = len(re.findall(r"\{erratum\} ", text_of(page)))
        assert count == len(list(errata.errata(page)))
    assert any(erratum.kind == "wrong" for erratum in FOUND)


@pytest.mark.parametrize(
    ("who", "options", "message"),
    [
        ("rumour", {"printed": "a", "right": "b"}, "lecture or notes"),
        ("notes", {"printed": "a"}, ":right:"),
        ("notes", {"printed": "a", "right": "b", "kind": "odd"}, "wrong, loose"),
        ("notes", {"printed": "a", "right": "b", "kind": "corrected"}, "only `first`"),
        ("first", {"printed": "a", "right": "b", "kind": "loose"}, "only `first`"),
    ],
)
def test_a_mark_that_lacks_something_is_refused(who, options, message):
    with pytest.raises(ValueError, match=message):
        errata.checked("book/part/chapter", who, options)
