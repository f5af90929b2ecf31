"""Sphinx extension: the foot of every page, how to cite the book, the page for lost readers.

Each page links to the issues of the repository with its own title and address filled in, and to the
section on citing; the button of the theme that opens an issue gets the same link. `{citation}`
prints CITATION.cff as BibTeX. `404.html` in `templates/` is shown by hosts for an address that does
not exist.
"""

from pathlib import Path
from urllib.parse import urlencode

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools.pages.front_matter import ROOT

TEMPLATES = Path(__file__).parent / "templates"
REPORT = "Report an error on this page"
QUESTIONS = "What it says:\n\n\nWhat it should say, and why:\n\n"


def bibtex(citation):
    """Return the BibTeX entry of a CITATION.cff, given as a mapping."""
    names = [
        f"{{{a['name']}}}" if "name" in a else f"{a['family-names']}, {a['given-names']}"
        for a in citation["authors"]
    ]
    title = citation["title"].split(":")[0].lower().replace(" ", "-")
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(names),
        "year": str(citation["date-released"])[:4],
        "url": citation["url"],
        "version": str(citation["version"]),
    }
    inside = ",\n".join(f"  {key:7} = {{{value}}}" for key, value in fields.items())
    return f"@misc{{{title},\n{inside}\n}}"


class Citation(SphinxDirective):
    """The book as a BibTeX entry."""

    def run(self):
        """Return a block of code made from CITATION.cff."""
        path = ROOT / "CITATION.cff"
        self.env.note_dependency(str(path))
        text = bibtex(yaml.safe_load(path.read_text(encoding="utf-8")))
        return [nodes.literal_block(text, text, language="bibtex")]


def report_url(repository, site, page, title):
    """Return the address of a new issue that names a page."""
    body = f"Page: {site.rstrip('/')}/{page}.html\n\n{QUESTIONS}"
    return f"{repository}/issues/new?" + urlencode({"title": f"{title} ({page}): ", "body": body})


def add_links(app, pagename, templatename, context, doctree):
    """Put the links into the page's context and into the theme's button."""
    repository = app.config.html_theme_options.get("repository_url", "").rstrip("/")
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else pagename
    url = report_url(repository, app.config.html_baseurl, pagename, title)
    if pagename == app.config.notfound_pagename:
        body = "The page with the link:\n\n\nThe address that it leads to:\n\n"
        url = f"{repository}/issues/new?" + urlencode({"title": "Broken link: ", "body": body})
    context["report_url"], context["report_text"] = url, REPORT
    buttons = context.get("header_buttons", [])
    for button in [inner for b in buttons for inner in [b, *b.get("buttons", [])]]:
        if button.get("label") == "source-issues-button":
            button.update(url=url, text=REPORT, tooltip=REPORT)


def add_templates(app, config):
    """Let Sphinx find the templates beside this file."""
    config.templates_path.append(str(TEMPLATES))


def setup(app):
    """Called by Sphinx."""
    app.add_directive("citation", Citation)
    app.connect("config-inited", add_templates)
    app.connect("html-page-context", add_links, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
