"""The tree keeps its promises: imports point backwards, modules are short, each has its test.

Every assertion here compares a list of sentences with an empty one: what is wrong, and the remedy.
"""

import ast
import re

import pytest

from tools.exports.notebooks import labels
from tools.pages.chapters import ROOT, chapters, pages, text_of

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
    """The part of a companion module, None for the ground floor with its package of data."""
    folder = path.parent.name
    return folder if folder not in ("companion", "data") else None


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_uses_only_what_has_been_taught(path):
    part = part_of(path)
    assert part in [None, *PARTS], (
        f"_toc.yml has no chapter of the part {part}: list one, or move the module"
    )
    found = [
        f"{path.relative_to(ROOT)} imports {name}, taught later: move what it needs to an earlier "
        "part or to the ground floor"
        for name in forbidden_imports(path.read_text(encoding="utf-8"), part, PARTS)
    ]
    assert found == []


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
    name, lines = path.relative_to(ROOT), len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{name} has {lines} lines: split it, {MAX_LINES} at most"
    test = ROOT / "tests" / (part_of(path) or "ground") / f"test_{path.name}"
    has_test = test.exists() and "def test_" in test.read_text(encoding="utf-8")
    assert has_test, f"write {test.relative_to(ROOT)}, with an oracle that is not ours"


CHAPTER = re.compile(r"Chapter: `(\w+)`\.")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path):
    """Its docstring ends with its chapter, or says that it belongs to all."""
    text, name = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.stem
    if part_of(path) is None:
        assert "Ground floor." in (text or ""), f"{name}: write `Ground floor.` into its docstring"
        return
    own = [page.split("/")[-1] for page in pages() if page.startswith(f"book/{part_of(path)}/")]
    assert CHAPTER.findall(text or "") in [[name] for name in own], (
        f"{path.relative_to(ROOT)}: end its docstring with Chapter: `NAME`., NAME one of {own}"
    )


def test_all_pages_are_listed():
    paths = [p.relative_to(ROOT) for p in (ROOT / "book").rglob("*.md")]
    visible = [p for p in paths if not any(part.startswith(".") for part in p.parts)]
    found = {p.with_suffix("").as_posix() for p in visible}  # JupyterLab leaves copies
    wrong = [f"{page}.md is in no part of _toc.yml: list it" for page in found - set(pages())]
    wrong += [f"_toc.yml lists {page}: write {page}.md" for page in set(pages()) - found]
    assert wrong == []


@pytest.mark.parametrize("page", chapters())
def test_labels_and_glued_names_start_with_the_chapter(page):
    text, name = text_of(page), page.split("/")[-1]
    found = [
        f"the label {label}: call it eq-, fig-, ex- or tab-{name}-..."
        for label in labels(text)
        if not re.match(rf"(eq|fig|ex|tab)-{name}-", label)
    ]
    found += [
        f"the glued name {key}: call it {name}-..."
        for key in re.findall(r"\bglue\(\s*f?\"([^\"]+)", text)
        if not key.startswith(name)
    ]
    assert found == []


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
                yield f"write {what} into the head of this cell (see Contributing): {cell}"


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
    text = text_of(page)
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
    lost = lost_lines(text_of(page))
    assert lost == [], "MyST takes these lines for comments: break the line before elsewhere"


@pytest.mark.parametrize("page", chapters())
def test_a_chapter_runs_as_a_plain_script(page):
    text = text_of(page)
    for cell in re.findall(r"```\{code-cell\}[^\n]*\n(.*?)\n```", text, re.S):
        assert not re.search(r"^\s*[%!]", cell, re.M), (
            f"a magic or a shell escape does not run in a plain script, write Python: {cell}"
        )
