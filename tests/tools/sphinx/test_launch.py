"""Every chapter's head: study times, and buttons that lead to files that exist."""

import json
import subprocess
import sys

import nbformat
import pytest

from tests.tools.buttons import buttons, has_live_code, remote_file
from tools.checks.budget import RESULTS as BUDGET
from tools.exports.notebooks import BRANCH, CONFIG
from tools.pages.chapters import ROOT, chapters, text_of
from tools.pages.study import Study
from tools.release.publish import git, publish
from tools.site import build
from tools.sphinx.directives.measured import cost_line, study_line
from tools.sphinx.html.launch import FILES, notebook_url, write_files

REPOSITORY = CONFIG["repository"]["url"]
SERVICES = {"Binder", "Colab"} | (
    {"JupyterHub"} if CONFIG["launch_buttons"]["jupyterhub_url"] else set()
)


def test_a_branch_has_every_file_that_a_button_of_the_site_names(tmp_path, monkeypatch):
    if not build.STAMP.exists():
        pytest.skip("the site is not built: make book")
    for name, value in {"NAME": "A Tester", "EMAIL": "tester@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    clone, exported = tmp_path / "clone.git", tmp_path / "notebooks"
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, clone], check=True)
    command = [sys.executable, "-m", "tools.exports.notebooks", "--to", exported]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    publish(exported, BRANCH, repository=clone)
    main = git("ls-files", "--cached", "--others", "--exclude-standard").split("\n")
    trees = {
        CONFIG["repository"]["branch"]: set(main),
        BRANCH: set(git("ls-tree", "-r", "--name-only", BRANCH, repository=clone).split("\n")),
    }
    for page in chapters():
        path = build.SITE / f"{page}.html"
        assert path.exists(), f"{page} is not in the site: make book"
        found = buttons(path)
        assert set(FILES) | SERVICES <= set(found), page
        assert has_live_code(path), page
        for service in SERVICES:
            repository, branch, file = remote_file(found[service])
            assert repository == REPOSITORY
            assert file in trees[branch], f"{page}: {service} looks for {file} on {branch}"
        for name in FILES:
            assert (path.parent / found[name]).resolve().is_file(), f"{page}: {found[name]}"


def test_the_files_of_the_download_menu(tmp_path):
    page = chapters()[1]
    assert write_files(page, tmp_path)
    stem = tmp_path / page.removeprefix("book/")
    executed, clean = (nbformat.read(f"{stem}{e}.ipynb", 4) for e in ("", "-clean"))
    assert any(cell.get("outputs") for cell in executed.cells)
    assert not any(cell.get("outputs") for cell in clean.cells)
    assert [c.source for c in executed.cells] == [c.source for c in clean.cells]
    assert stem.with_suffix(".md").read_text(encoding="utf-8") == text_of(page)
    assert not write_files("book/references", tmp_path), "a page without code has no notebook"


def test_colab_and_a_hub_look_for_the_export_on_its_branch():
    launch = {"colab_url": "https://colab.example/", "jupyterhub_url": "https://hub.example/x/"}
    options = {"repository_url": "https://github.com/who/what", "launch_buttons": launch}
    colab = notebook_url("Colab", "book/part/one", options, BRANCH)
    assert colab == "https://colab.example/github/who/what/blob/notebooks/part/one.ipynb"
    hub = notebook_url("JupyterHub", "book/part/one", options, BRANCH)
    assert hub == (
        "https://hub.example/x/hub/user-redirect/git-pull?repo=https%3A//github.com/who/what"
        "&branch=notebooks&urlpath=lab/tree/what/part/one.ipynb"
    )
    for url in (colab, hub):
        assert remote_file(url) == ("https://github.com/who/what", BRANCH, "part/one.ipynb")


def test_the_head_of_a_chapter_says_how_long_it_takes():
    two = study_line(Study(27.2, (10, 13), 54))
    assert two == (
        "**Study time**: 28 minutes for the core, 51 for everything and 54 for the exercises."
    )
    assert study_line(Study(71, (), 34)) == "**Study time**: 75 minutes and 34 for the exercises."
    assert study_line(Study(29, (), 0)) == "**Study time**: 29 minutes."
    line = cost_line(Study(29, (), 0), {"seconds": 12.3, "slowest_cell": 4.5, "memory_mb": 300})
    assert "minutes. **Running time**: 12 s on one core, the slowest cell 4 s; 300 MB" in line


@pytest.mark.parametrize("page", [page for page in chapters() if page.count("/") == 2])
def test_every_chapter_has_that_line(page):
    assert "```{budget}\n```" in text_of(page), "put {budget} at its head"
    assert page in json.loads(BUDGET.read_text(encoding="utf-8"))["chapters"], "run make budget"
