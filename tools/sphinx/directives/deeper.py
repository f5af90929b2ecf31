"""Sphinx extension: `{deeper}`, which folds the rest of the section that it begins.

    ## How loose is the bound?

    :::{deeper}
    One sentence, which is seen: what the section finds.
    :::

Everything below, up to the next heading of the same or a higher level, is folded: text, cells,
headings. The page shows the sentence and the minutes that the rest takes. `fold.js` opens it for a
link to a place inside, for print, and by a button.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools.pages.study import rounded, study

CLASS = "deeper"
RULE = "write {deeper} once, directly below a heading, and not inside another deeper section"


class Mark(nodes.General, nodes.Element):
    """Where a section begins to be deeper; its children are the teaser."""


class Fold(nodes.General, nodes.Element):
    """What is folded; `minutes` says how long it takes."""


class Deeper(SphinxDirective):
    """A sentence about what follows, which is folded."""

    has_content = True

    def run(self):
        """Return the mark; the section around it is not complete yet."""
        self.assert_has_content()
        mark = Mark()
        self.set_source_info(mark)
        self.state.nested_parse(self.content, self.content_offset, mark)
        return [mark]


def is_first(mark):
    """Say whether nothing but targets stands between a heading and a mark below it."""
    section = mark.parent
    if not isinstance(section, nodes.section):
        return False
    above = section.children[1 : section.index(mark)]
    return all(isinstance(node, nodes.target | nodes.comment | Mark) for node in above)


def is_alone(mark):
    """Say whether no section around a mark is deeper, and it has one mark."""
    around, node = [], mark.parent
    while node is not None:
        around += [child for child in node.children if isinstance(child, Mark | Fold)]
        node = node.parent if isinstance(node.parent, nodes.section) else None
    return around == [mark]


def fold(app, doctree):
    """Fold the rest of every section that a mark begins, after the contents are collected."""
    marks = list(doctree.findall(Mark))
    if not marks:
        return
    minutes = study(app.env.docname).deeper
    for mark in marks:
        if not (is_first(mark) and is_alone(mark)):
            raise ValueError(f"{app.env.docname}, line {mark.line}: {RULE}")
    for number, mark in enumerate(marks):
        section, place = mark.parent, mark.parent.index(mark)
        teaser = nodes.container("", *mark.children, classes=[CLASS])
        folded = Fold("", *section.children[place + 1 :], minutes=rounded(minutes[number]))
        section.children[place:] = []
        section += [teaser, folded]


def visit(self, node):
    """Open the fold."""
    minutes = node["minutes"]
    says = f"Deeper: {minutes} minute{'s' * (minutes > 1)}"
    self.body.append(f'<details class="{CLASS}-fold"><summary>{says}</summary>\n')


def depart(self, node):
    """Close the fold."""
    self.body.append("</details>\n")


def setup(app):
    """Called by Sphinx."""
    app.add_node(Mark)
    app.add_node(Fold, html=(visit, depart))
    app.add_directive("deeper", Deeper)
    app.connect("doctree-read", fold, priority=600)
    app.add_js_file("fold.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
