"""Sphinx extension: mark an error where it is shown, and list all of them.

`{erratum}`       a mark in a chapter, with an anchor and a label: see `tools/pages/errata.py`
`{errata} KIND`   the table of all marks of a kind, with links to them
"""

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools.pages import chapters, errata
from tools.pages.front_matter import title


class Mark(SphinxDirective):
    """A small label above a paragraph: it leads to the table, and the table leads to it."""

    required_arguments = 1
    option_spec = dict.fromkeys(("printed", "right", "kind", "see"), directives.unchanged_required)

    def run(self):
        """Return the anchor and the label."""
        page = self.env.docname
        try:
            kind = errata.checked(page, self.arguments[0], self.options)["kind"]
        except ValueError as error:
            raise self.error(str(error)) from None
        number = self.env.temp_data["errata"] = self.env.temp_data.get("errata", 0) + 1
        anchor = errata.anchor(page, number)
        target = nodes.target("", "", ids=[anchor], names=[anchor])
        self.state.document.note_explicit_target(target)
        list_of = f"book/{errata.PAGES[kind]}"
        text = {"wrong": "Erratum"}.get(kind, kind.capitalize())
        text = f"[{text}](/{list_of}.md)" if list_of in self.env.found_docs else text
        label = nodes.container(classes=["erratum"])
        self.state.nested_parse(StringList([text], source=page), self.content_offset, label)
        return [target, label]


class Table(SphinxDirective):
    """All marks of a kind, in reading order."""

    required_arguments = 1

    def run(self):
        """Write the table as Markdown and parse it."""
        for page in chapters.pages():
            self.env.note_dependency(str(chapters.source(page)))
        found = [e for e in errata.collect() if e.kind == self.arguments[0]]
        lines = [
            "| what is printed | what holds | shown in |",
            "|:--|:--|:--|",
            *(row(erratum, title(erratum.page), errata.SOURCES) for erratum in found),
        ]
        node = nodes.container()
        self.state.nested_parse(
            StringList(lines if found else [], source=__file__), self.content_offset, node
        )
        for table in node.findall(nodes.table):
            table["classes"].append("errata")
        return node.children


def row(erratum, title, sources):
    """Return a line of the table; the title is the chapter's."""
    shown = f"{{ref}}`{title} <{erratum.anchor}>`"
    if erratum.see:
        shown += f", {{{'eq' if erratum.see.startswith('eq-') else 'numref'}}}`{erratum.see}`"
    printed = f"*{sources.get(erratum.source, erratum.source)}*: {erratum.printed}"
    cells = [printed, erratum.right, shown]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def setup(app):
    """Called by Sphinx."""
    app.add_directive("erratum", Mark)
    app.add_directive("errata", Table)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
