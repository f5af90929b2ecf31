"""The tools lie in drawers: few files each, one purpose, no two of one name, tests beside them."""

import ast
from collections import Counter

import pytest

from tools.pages.chapters import ROOT

MOST = 8
TOOLS = ROOT / "tools"
DRAWERS = sorted(path.parent for path in TOOLS.rglob("__init__.py"))


def files(drawer):
    """Return the files of a drawer, its title page aside."""
    return [p for p in drawer.iterdir() if p.is_file() and p.name != "__init__.py"]


@pytest.mark.parametrize("drawer", DRAWERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_drawer_holds_few_files_and_says_what_for(drawer):
    name = drawer.relative_to(ROOT)
    assert len(files(drawer)) <= MOST, f"{name} has more than {MOST} files: make a drawer of some"
    title = ast.get_docstring(ast.parse((drawer / "__init__.py").read_text(encoding="utf-8")))
    assert title, f"say in the docstring of {name}/__init__.py what the drawer is for"


def test_no_two_files_have_one_name():
    names = Counter(path.name for drawer in DRAWERS for path in files(drawer))
    twice = [name for name, count in names.items() if count > 1]
    assert twice == [], "rename one of each pair"


def test_every_drawer_has_its_tests():
    drawers = [p for p in DRAWERS if p.parent == TOOLS]
    without = [p.name for p in drawers if not list((ROOT / "tests/tools" / p.name).rglob("test_*"))]
    assert without == [], "write tests/tools/<drawer>/test_<file>.py for these"
