"""The build of a small book: strict every time, and only what changed is run again."""

import os
import subprocess
import sys

import pytest

from tests.tools import small_book
from tests.tools.buttons import buttons, has_live_code, remote_file

TOC = """format: jb-book
root: book/index
chapters: [{file: book/part/one}, {file: book/part/two}]
"""
CHAPTER = f"""{small_book.HEADER}---

# Chapter %(name)s

```{{code-cell}} ipython3
from companion.%(module)s import VALUE
print(VALUE)
```
"""


@pytest.fixture
def book(tmp_path):
    """A book of two chapters; the first reaches companion/a.py, the second companion/b.py."""
    root = tmp_path
    files = {
        "_toc.yml": TOC,
        "book/index.md": "# A small book\n",
        "book/part/one.md": CHAPTER % {"name": "one", "module": "a"},
        "book/part/two.md": CHAPTER % {"name": "two", "module": "b"},
        "companion/__init__.py": "",
        "companion/a.py": "VALUE = 1\n",
        "companion/b.py": "VALUE = 2\n",
        "results/budget.json": "{}",
    }
    small_book.write(root, files)
    config = (root / "_config.yml").read_text(encoding="utf-8")
    assert "jupyterhub_url: ''" in config, "the hub is left out until it is configured"
    config = config.replace("jupyterhub_url: ''", "jupyterhub_url: https://hub.example.org")
    (root / "_config.yml").write_text(config, encoding="utf-8")
    return root


def build(root):
    """Build; return the status and what was printed."""
    run = subprocess.run(
        [sys.executable, "-m", "tools.site.build"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return run.returncode, run.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_the_life_of_a_book(book, times):
    """What is broken is refused, however often it is built; then it is mended and changed."""
    two = book / "book" / "part" / "two.md"
    good = two.read_text(encoding="utf-8")

    two.write_text(
        good.replace("print(VALUE)", "raise RuntimeError('broken on purpose')"), encoding="utf-8"
    )
    for _ in range(times):
        status, out = build(book)
        assert status != 0, out
        assert "broken on purpose" in out

    two.write_text(good + "\nSee {doc}`nowhere`.\n", encoding="utf-8")
    for _ in range(times):
        status, out = build(book)
        assert status != 0, out
        assert "nowhere" in out

    two.write_text(good, encoding="utf-8")
    status, out = build(book)
    assert status == 0, out
    assert "Nothing has changed" in build(book)[1]

    (book / "companion" / "a.py").write_text("VALUE = 12345\n", encoding="utf-8")
    status, out = build(book)
    assert status == 0, out
    assert "2 chapters, 1 to run" in out
    assert "[1/1] book/part/one" in out
    assert "12345" in (book / "_build" / "html" / "book" / "part" / "one.html").read_text(
        encoding="utf-8"
    )

    page = book / "_build" / "html" / "book" / "part" / "one.html"
    found = buttons(page)
    for service in ("Colab", "JupyterHub"):
        assert remote_file(found[service])[1:] == ("notebooks", "part/one.ipynb")
    assert remote_file(found["Binder"])[1:] == ("main", "book/part/one.md")
    assert "12345" in (page.parent / found["Notebook with results"]).read_text(encoding="utf-8")
    assert "12345" not in (page.parent / found["Clean notebook"]).read_text(encoding="utf-8")
    source = (page.parent / found["Source in Markdown"]).read_text(encoding="utf-8")
    assert source == (book / "book" / "part" / "one.md").read_text(encoding="utf-8")
    assert has_live_code(page)
    assert not (book / "_build" / "html" / "_sources").exists(), "no second copies"
    assert "Binder" not in buttons(page.parents[1] / "index.html"), "a page without code"
