"""What each chapter shows and uses of the companion, read from its source.

A chapter *shows* an object if it includes its code, and *uses* it if a cell imports it, or names it
as in ``data.digits`` after ``from companion import data``.
"""

import ast
import re
from collections import defaultdict
from functools import cache

from tools.pages.chapters import ROOT, load, pages, source, text_of

INCLUDE = re.compile(r"^(?:`{3,}|:{3,})\{literalinclude\}[ \t]+(\S+)\n((?::.*\n)*)", re.M)
PYOBJECT = re.compile(r"^:pyobject:[ \t]*(\w+)", re.M)


def file_of(name):
    """Return the file of a module or package, or None if the companion has none of that name."""
    path = ROOT.joinpath(*name.split("."))
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in found if file.exists()), None)


def is_module(name):
    """Say whether a dotted name is a module or a package of the companion."""
    return file_of(name) is not None


@cache
def offered(package):
    """Return the names that a package offers from its modules, each with its place."""
    path = file_of(package)
    if path is None or path.name != "__init__.py":
        return {}
    return {
        alias.name: f"{node.module}.{alias.name}"
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def resolved(name):
    """Return where an object is defined that a package offers: data.text is data.text.text."""
    package, _, attribute = name.rpartition(".")
    return offered(package).get(attribute, name)


@cache
def shown(page):
    """Return the dotted names whose code a page includes."""
    found = {}
    for path, options in INCLUDE.findall(text_of(page)):
        place = (source(page).parent / path).resolve().relative_to(ROOT)
        module = ".".join(place.with_suffix("").parts)
        if module.startswith("companion."):
            name = PYOBJECT.search(options)
            found[f"{module}.{name[1]}" if name else module] = True
    return list(found)


@cache
def used(page):
    """Return the dotted names, modules and their members, that the cells of a page use."""
    notebook, found, modules = load(page), {}, {}
    trees = (
        [ast.parse(c.source) for c in notebook.cells if c.cell_type == "code"] if notebook else []
    )
    for node in (node for tree in trees for node in ast.walk(tree)):
        for name, alias in imported(node):
            found[resolved(name)] = True
            if is_module(name):
                modules[alias] = name
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            found[resolved(f"{modules[node.value.id]}.{node.attr}")] = True
    return list(found)


def imported(node):
    """Yield the dotted companion names that a node imports, each with its local name."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.startswith("companion."):
                yield alias.name, alias.asname or alias.name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "companion":
        for alias in node.names:
            yield f"{node.module}.{alias.name}", alias.asname or alias.name


@cache
def modules_of(page):
    """Return the companion modules that a page shows or uses, sorted."""
    names = {*shown(page), *used(page)}
    return sorted({name if is_module(name) else name.rpartition(".")[0] for name in names})


def chapters_by_object():
    """Return for each dotted name the pages that show it, and those that only use it, in order."""
    found = defaultdict(lambda: {"shown": [], "used": []})
    for page in pages():
        for name in shown(page):
            found[name]["shown"].append(page)
        for name in set(used(page)) - set(shown(page)):
            found[name]["used"].append(page)
    return dict(found)
