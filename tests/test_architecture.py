"""The tree keeps its promises: imports point backwards, modules are short, each has its test."""

import ast
import re

import pytest

from tools.chapters import ROOT, chapters, pages, source
from tools.notebooks import labels

MAX_LINES = 300
MODULES = sorted(p for p in (ROOT / "companion").rglob("*.py") if p.name != "__init__.py")
PARTS = list(dict.fromkeys(page.split("/")[1] for page in pages() if page.count("/") == 2))


def companion_imports(tree, package):
    """Yield the dotted names below ``companion`` that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").split(".")]
            yield from (".".join([*filter(None, base), alias.name]) for alias in node.names)


def forbidden_imports(text, part, parts):
    """Names imported from a part that is taught after `part` (None: the ground floor)."""
    allowed = [] if part is None else parts[: parts.index(part) + 1]
    package = ["companion"] + ([part] if part else [])
    for name in companion_imports(ast.parse(text), package):
        place = name.split(".")
        is_part = place[0] == "companion" and place[1] in parts
        if is_part and place[1] not in allowed:
            yield name


def part_of(path):
    """The part of a companion module, None for the ground floor."""
    place = path.relative_to(ROOT / "companion").parts
    return place[0] if len(place) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_uses_only_what_has_been_taught(path):
    assert part_of(path) in [None, *PARTS], "a part that _toc.yml does not list"
    assert list(forbidden_imports(path.read_text(), part_of(path), PARTS)) == []


def test_an_import_of_a_later_part_is_seen():
    parts = ["earlier", "clustering"]
    for text in ("from companion.clustering import kmeans", "import companion.clustering.kmeans"):
        assert list(forbidden_imports(text, "earlier", parts))
        assert list(forbidden_imports(text, None, parts))
        assert not list(forbidden_imports(text, "clustering", parts))
    assert list(forbidden_imports("from .clustering.kmeans import KMeans", None, parts))
    assert list(forbidden_imports("from ..clustering.kmeans import KMeans", "earlier", parts))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_short_and_has_its_test(path):
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES, f"{lines} lines: split it"
    place = path.relative_to(ROOT / "companion")
    test = ROOT / "tests" / place.parent / f"test_{place.name}"
    assert "def test_" in test.read_text()


def test_all_pages_are_listed():
    paths = [p.relative_to(ROOT) for p in (ROOT / "book").rglob("*.md")]
    visible = [p for p in paths if not any(part.startswith(".") for part in p.parts)]
    assert {str(p.with_suffix("")) for p in visible} == set(pages())  # JupyterLab leaves copies


@pytest.mark.parametrize("page", chapters())
def test_labels_and_glued_names_start_with_the_chapter(page):
    text, name = source(page).read_text(), page.split("/")[-1]
    strangers = [x for x in labels(text) if not re.match(rf"(eq|fig|ex|tab)-{name}-", x)]
    strangers += [x for x in re.findall(r"\bglue\(\s*f?\"([^\"]+)", text) if not x.startswith(name)]
    assert strangers == []


def undescribed_figures(text):
    """Yield what the figures of a chapter lack: name, caption, a text instead of the picture."""
    for cell in re.findall(r"```\{code-cell\}.*?\n```", text, re.S):
        control = "interactive.slider(" in cell
        if not control and not re.search(r"plt\.show\(\)|^\s*figure:\s*$", cell, re.M):
            continue
        wanted = {"a figure": r"^\s*figure:\s*$", "name": r"^\s*name:\s*\S"}
        wanted["caption"] = r"^\s*caption:\s*\S"
        if not control:  # a control takes its alt text as an argument, and refuses to have none
            wanted["alt text"] = r"^\s*alt:\s*\S"
        for what, pattern in wanted.items():
            if not re.search(pattern, cell, re.M):
                yield f"no {what}: {cell}"


def test_a_figure_without_a_description_is_seen():
    start = "```{code-cell} ipython3\n---\nmystnb:\n"
    figure = "  figure:\n    name: fig-a-b\n    caption: Look.\n"
    image = "  image:\n    alt: A dot.\n"
    assert not list(undescribed_figures(f"{start}{image}{figure}---\nplt.show()\n```"))
    assert not list(undescribed_figures(f"{start}{figure}---\ninteractive.slider(a, b)\n```"))
    for bad in (
        f"{start}{figure}---\nplt.show()\n```",
        f"{start}{image}---\nplt.show()\n```",
        f"{start}{image}  figure:\n    name: fig-a-b\n---\nplot()\n```",
        "```{code-cell} ipython3\ninteractive.slider(a, b)\n```",
    ):
        assert list(undescribed_figures(bad))


@pytest.mark.parametrize("page", chapters())
def test_every_figure_has_a_name_a_caption_and_alt_text(page):
    text = source(page).read_text()
    assert list(undescribed_figures(text)) == []


def lost_lines(text):
    """Lines of prose that begin with a percent sign, which MyST takes for a comment."""
    prose = re.sub(r"\A---\n.*?\n---\n|^(`{3,}).*?^\1$", "", text, flags=re.M | re.S)
    return re.findall(r"^\s*%.*", prose, re.M)


def test_a_line_that_is_lost_is_seen():
    assert lost_lines("---\na: b\n---\nIt is 94\n% of all.") == ["% of all."]
    assert not lost_lines("```{code-cell}\n% python\n```\nIt is 94 %\nof all.")


@pytest.mark.parametrize("page", pages())
def test_no_line_of_prose_is_a_comment(page):
    assert lost_lines(source(page).read_text()) == []


@pytest.mark.parametrize("page", chapters())
def test_a_chapter_runs_as_a_plain_script(page):
    text = source(page).read_text()
    for cell in re.findall(r"```\{code-cell\}[^\n]*\n(.*?)\n```", text, re.S):
        assert not re.search(r"^\s*[%!]", cell, re.M), f"magic or shell escape in: {cell}"
