"""Sphinx extension: pages of the companion's functions and classes, linked with the chapters.

`{api} PART`     every module of a part (`ground` for those of all parts), from its docstrings
`{api-table}`    all modules, with the first line of their docstring

Below an object stands where it is shown and used; at the end of a chapter stands the code it uses.
"""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.domains.python import PyObject
from sphinx.util.docutils import SphinxDirective

from tools import ROOT
from tools.pages import usage

GROUND = "ground"
# A line "name : type" of a docstring, whose name napoleon escapes itself.
HEADER = re.compile(r"^\s*[\w*, ]+ : ")
SPECIAL = re.compile(r"\*(?!\w[^*]*\w\*)(?<!\w\*)|\||(?<=\w)_(?!\w)")
PLACE = re.compile(r" (?:Chapter: `\w+`|Ground floor)\.$")  # the heading says it
NAMED = 4  # as many chapters are named below an object; the others are counted


def modules(part):
    """Return the dotted names of the modules of a part, sorted."""
    folder = ROOT / "companion"
    folders = [folder, folder / "data"] if part == GROUND else [folder / part]
    files = [p for f in folders for p in f.glob("*.py") if p.name != "__init__.py"]
    files += [p.parent for p in folder.glob("data/__init__.py") if part == GROUND]
    return sorted(".".join(p.relative_to(ROOT).with_suffix("").parts) for p in files)


def parts(pages):
    """Return `ground` and the parts that have modules, in the order of the pages."""
    names = dict.fromkeys(page.split("/")[1] for page in pages if page.count("/") == 2)
    return [GROUND, *(name for name in names if modules(name))]


class Api(SphinxDirective):
    """Every public function and class of the modules of a part."""

    required_arguments = 1

    def run(self):
        """Write a heading and an `automodule` for each module and parse them."""
        lines, found = [], modules(self.arguments[0])
        if not found:
            raise self.error(f"companion has no part {self.arguments[0]!r}")
        for name in found:
            lines += [f"## `{name.removeprefix('companion.')}`", "", "```{eval-rst}"]
            lines += [
                f".. automodule:: {name}",
                "   :members:",
                "   :ignore-module-all:",
                "```",
                "",
            ]
        return parsed(self, lines)


class ApiTable(SphinxDirective):
    """All modules with what they are for, a table a part."""

    def run(self):
        """Write the tables as Markdown and parse them."""
        lines = []
        for part in parts(list(usage.pages())):
            title = "The ground floor" if part == GROUND else part.capitalize()
            lines += [
                f"**{{doc}}`{title} <api_{part}>`**",
                "",
                "| module | what it is for |",
                "|:--|:--|",
            ]
            for name in modules(part):
                path = usage.file_of(name)
                self.env.note_dependency(str(path))
                text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n\n")[
                    0
                ]
                text = PLACE.sub("", " ".join(text.split()))
                text = re.sub(r"`([^`]+)`", r"``\1``", text)
                short = name.removeprefix("companion.")
                lines += [f"| {{py:mod}}`{short} <{name}>` | {text} |".replace("``", "`")]
            lines += [""]
        return parsed(self, lines)


def parsed(directive, lines):
    """Return the nodes that lines of Markdown stand for; they may hold headings."""
    node = nodes.section()
    node.document = directive.state.document
    content = StringList(lines, source=directive.env.docname)
    directive.state.nested_parse(content, directive.content_offset, node, match_titles=1)
    return node.children


@cache
def chapters():
    """Return where each object is shown and used, by the name under which it is documented."""
    found = {}
    for name, places in usage.chapters_by_object().items():
        known = found.setdefault(documented(name), {"shown": [], "used": []})
        for how, pages in places.items():
            known[how] += [page for page in pages if page not in known[how]]
    return found


def documented(name):
    """Return the name of an object in the module that defines it."""
    module, _, attribute = name.rpartition(".")
    if usage.is_module(name) or not usage.is_module(module):
        return name
    defined = getattr(getattr(importlib.import_module(module), attribute), "__module__", module)
    return f"{defined}.{attribute}"


def add_chapters(app, what, name, obj, options, lines):
    """Add to a docstring where the chapters show the object."""
    if what == "module":
        lines += borrowed(obj)
        places = module_places(name)
    else:
        places = chapters().get(name, {})
    parts = [
        f"{how} in {enumerated(pages)}"
        for how, pages in (("Shown", places.get("shown")), ("Used", places.get("used")))
        if pages
    ]
    if parts:
        lines += ["", ".. container:: chapters-of", "", f"   {'. '.join(parts)}.", ""]


def borrowed(module):
    """Return a line about the names that a module offers but does not define."""
    names = [
        f":py:obj:`{name} <{value.__module__}.{name}>`"
        for name in getattr(module, "__all__", [])
        if getattr(value := getattr(module, name), "__module__", module.__name__) != module.__name__
    ]
    return ["", f"It also offers {', '.join(names)}.", ""] if names else []


def module_places(name):
    """Return the pages that use a module."""
    return {"used": [page for page in usage.pages() if name in usage.modules_of(page)]}


def enumerated(pages):
    """Return links to pages, no more than `NAMED`."""
    links = [f":doc:`/{page}`" for page in pages[:NAMED]]
    more = len(pages) - len(links)
    return ", ".join(links) + (f" and {more} more" if more else "")


def escape(app, what, name, obj, options, lines):
    """Take stars, bars and last underscores literally: docstrings are prose, code in backticks."""
    literal = doctest = False
    for i, line in enumerate(lines):
        literal = literal and (not line or line.startswith(" "))
        doctest = bool(line.strip()) and (doctest or line.lstrip().startswith(">>>"))
        if literal or doctest:
            continue
        literal = line.rstrip().endswith("::")
        head, colon, rest = line.rpartition(" : ") if HEADER.match(line) else ("", "", line)
        pieces = re.split(r"(`+[^`]+`+)", rest)
        pieces[::2] = [SPECIAL.sub(r"\\\g<0>", piece) for piece in pieces[::2]]
        lines[i] = head + colon + "".join(pieces)


def skip_generated(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds to every estimator, and the docstrings of bare fields."""
    bare = (getattr(obj, "__doc__", None) or "").startswith("Alias for field number")
    return True if bare or re.fullmatch(r"set_\w+_request", name) else None


def add_code_line(app, doctree):
    """Write at the end of a chapter which modules its code comes from."""
    page = app.env.docname
    # A page of another book, such as a test's, has no code of ours.
    if page.count("/") != 2 or Path(app.env.doc2path(page)) != usage.source(page):
        return
    if not (names := usage.modules_of(page)):
        return
    line = nodes.paragraph("", "Code of this chapter: ", classes=["code-of-chapter"])
    for number, name in enumerate(names):
        line += nodes.Text(", " if number else "")
        link = addnodes.pending_xref(
            "", refdomain="py", reftype="mod", reftarget=name, refexplicit=True, refwarn=False
        )
        link += nodes.literal("", name.removeprefix("companion."))
        line += link
    doctree[-1 if isinstance(doctree[-1], nodes.section) else 0].append(line)


def setup(app):
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.add_directive("api", Api)
    app.add_directive("api-table", ApiTable)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", add_chapters, priority=600)  # and after it
    app.connect("autodoc-skip-member", skip_generated)
    app.connect("doctree-read", add_code_line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
