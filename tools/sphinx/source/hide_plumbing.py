"""Sphinx extension: lines that keep numbers for the prose are not shown; checks are folded.

The downloads have all of it, and the kernel ran all of it.
"""

from docutils import nodes

from tools.pages.plumbing import only_plumbing, without_glue


def cells(doctree):
    """Yield the cells of a page, each with its source."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            source = next(
                (c for c in cell.children if c.get("nb_element") == "cell_code_source"), None
            )
            if source is not None:
                yield cell, source


def hide(app, doctree):
    """Take out what only keeps numbers; fold what only checks; drop what is empty then."""
    for cell, source in list(cells(doctree)):
        block = next(source.findall(nodes.literal_block))
        code = block.astext()
        shown = without_glue(code)
        if shown != code:
            block.rawsource, block.children = shown, []
            block += nodes.Text(shown)
        if not shown.strip():
            cell.remove(source)
            if not cell.children:
                cell.parent.remove(cell)
        elif only_plumbing(code) and not cell.get("hide_mode"):
            cell["hide_mode"] = "input"
            cell["prompt_show"], cell["prompt_hide"] = "Show the check", "Hide the check"


def setup(app):
    """Called by Sphinx."""
    app.connect("doctree-read", hide, priority=590)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
