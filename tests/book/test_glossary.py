"""Glossary and notation: every term is linked from a chapter, every link has its term."""

import re
from collections import Counter

from tools.pages.chapters import ROOT, chapters, pages, text_of

ROLE = re.compile(r"\{term\}`(?:[^`<]*<)?([^`>]+?)>?`")


def entries():
    """The spellings of each entry of the glossary."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    body = re.search(r"```\{glossary\}\n(.*?)\n```", text, re.S)[1]
    return [re.findall(r"^(\S.*)$", entry, re.M) for entry in body.split("\n\n")]


def repeated(words):
    """Return the words that occur more than once."""
    return [word for word, count in Counter(words).items() if count > 1]


def test_every_term_is_linked_from_a_chapter():
    used = {term for page in chapters() for term in ROLE.findall(text_of(page))}
    found = [
        f"link {{term}}`{names[0]}` from a chapter or remove it from book/glossary.md"
        for names in entries()
        if not used & set(names)
    ]
    assert found == []


def test_every_link_has_its_term_and_no_term_is_twice():
    names = [name for entry in entries() for name in entry]
    twice = [f"{name} stands twice in book/glossary.md: keep one" for name in repeated(names)]
    assert twice == []
    lost = [
        f"{page}.md links {{term}}`{term}`: define it in book/glossary.md or use a spelling there"
        for page in pages()
        for term in ROLE.findall(text_of(page))
        if term not in names
    ]
    assert lost == []


def test_a_term_is_linked_at_most_once_a_chapter():
    found = [
        f"{page}.md links {{term}}`{term}` more than once: keep the first"
        for page in chapters()
        for term in repeated(ROLE.findall(text_of(page)))
    ]
    assert found == []
