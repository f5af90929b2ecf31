"""Sphinx extension: `{compare} ex-label`, something to compare with before a solution is opened.

A folded box with what the cells of that exercise's solution print and draw. Nothing in it is
written for it: it is what the run of the page gave.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import solution_node

TITLE = "To compare with: what a right answer gives"


class Compare(nodes.Admonition, nodes.Element):
    """The box, empty until the page is complete; `label` is the exercise's."""


class CompareDirective(SphinxDirective):
    """A folded box with the outputs of a solution."""

    required_arguments = 1

    def run(self):
        """Return the box; the solution comes later."""
        box = Compare(label=self.arguments[0], classes=["dropdown", "compare"])
        self.set_source_info(box)
        box += nodes.title("", TITLE)
        return [box]


def outputs(doctree, label):
    """Return what the cells of the solutions of an exercise give.

    Nothing in it has a name or a number: those are the solution's.
    """
    found = []
    for solution in doctree.findall(solution_node):
        if solution["target_label"] == label:
            found += [
                output.deepcopy()
                for output in solution.findall(nodes.container)
                if output.get("nb_element") == "cell_code_output"
            ]
    for output in found:
        for figure in list(output.findall(nodes.figure)):
            captions = [nodes.paragraph("", "", *c.children) for c in figure.findall(nodes.caption)]
            figure.replace_self([*figure.findall(nodes.image), *captions])
        for element in output.findall(nodes.Element):
            element["ids"], element["names"] = [], []
    return found


def fill(app, doctree):
    """Put the outputs into the boxes of a page."""
    for box in list(doctree.findall(Compare)):
        found = outputs(doctree, box["label"])
        if not found:
            raise ValueError(
                f"{app.env.docname}, line {box.line}: the solution of {box['label']} shows nothing "
                "to compare with: let one of its cells print or draw something"
            )
        made = nodes.admonition("", *box.children, *found, classes=box["classes"])
        box.replace_self(made)


def setup(app):
    """Called by Sphinx."""
    app.add_node(Compare)
    app.add_directive("compare", CompareDirective)
    app.connect("doctree-read", fill, priority=580)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
