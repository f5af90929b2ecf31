"""Glossary and notation: every term is linked from a chapter, every link has its term."""

import re

from tools.chapters import ROOT, chapters, pages, source

ROLE = re.compile(r"\{term\}`(?:[^`<]*<)?([^`>]+?)>?`")


def entries():
    """The spellings of each entry of the glossary."""
    text = (ROOT / "book" / "glossary.md").read_text()
    body = re.search(r"```\{glossary\}\n(.*?)\n```", text, re.S)[1]
    return [re.findall(r"^(\S.*)$", entry, re.M) for entry in body.split("\n\n")]


def test_every_term_is_linked_from_a_chapter():
    used = {term for page in chapters() for term in ROLE.findall(source(page).read_text())}
    assert [names for names in entries() if not used & set(names)] == []


def test_every_link_has_its_term_and_no_term_is_twice():
    names = [name for entry in entries() for name in entry]
    assert len(names) == len(set(names))
    used = {term for page in pages() for term in ROLE.findall(source(page).read_text())}
    assert used - set(names) == set()


def test_a_term_is_linked_at_most_once_a_chapter():
    for page in chapters():
        terms = ROLE.findall(source(page).read_text())
        assert len(terms) == len(set(terms)), page
