"""What each chapter shows and uses of the companion, read from its source.

A chapter *shows* an object if it includes its code, and *uses* it if a cell imports it, or names it
as in ``data.digits`` after ``from companion import data``.
"""

import ast
import re
from collections import defaultdict
from functools import cache

from tools.chapters import ROOT, load, pages, source

INCLUDE = re.compile(r"^(?:`{3,}|:{3,})\{literalinclude\}[ \t]+(\S+)\n((?::.*\n)*)", re.M)
PYOBJECT = re.compile(r"^:pyobject:[ \t]*(\w+)", re.M)


def is_module(name):
    """Say whether a dotted name is a module of the companion."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists()


@cache
def shown(page):
    """Return the dotted names whose code a page includes."""
    found = {}
    for path, options in INCLUDE.findall(source(page).read_text()):
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
            found[name] = True
            if is_module(name):
                modules[alias] = name
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            found[f"{modules[node.value.id]}.{node.attr}"] = True
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
