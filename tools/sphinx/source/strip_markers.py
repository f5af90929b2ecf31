"""Sphinx extension: hide the lines that mark a solution for the assignment builder."""

import re

MARKER = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n", re.M)


def strip(text):
    """Return the text without its marker lines."""
    return MARKER.sub("", text)


def setup(app):
    """Called by Sphinx."""

    def read(app, name, source):
        source[0] = strip(source[0])

    app.connect("source-read", read, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
