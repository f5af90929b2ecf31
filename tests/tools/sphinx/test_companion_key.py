"""The cache key of a chapter follows the companion code that it reaches, and nothing else."""

import pytest

from tools.pages import chapters  # noqa: F401  puts the extensions on the path
from tools.sphinx.source import companion_key

CHAPTER = "---\nkernelspec:\n  name: python3\n---\n```{code-cell}\nfrom companion.a import b\n```\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small package: a.b imports c; d stands alone."""
    files = {
        "companion/__init__.py": "",
        "companion/a/__init__.py": "",
        "companion/a/b.py": "from companion import c\n",
        "companion/c.py": "X = 1\n",
        "companion/d.py": "Y = 1\n",
        "companion/checkpoints/c/weights.pt": "1",
        "requirements.lock": "numpy==1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(companion_key, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "companion/a/b.py",
        "companion/c.py",
        "companion/a/__init__.py",
        "companion/checkpoints/c/weights.pt",
        "requirements.lock",
    ],
)
def test_an_edit_of_what_is_reached_changes_the_key(root, name):
    before = companion_key.key(CHAPTER)
    (root / name).write_text("Z = 2\n", encoding="utf-8")
    assert companion_key.key(CHAPTER) != before


def test_an_edit_elsewhere_does_not(root):
    before = companion_key.key(CHAPTER)
    (root / "companion/d.py").write_text("Z = 2\n", encoding="utf-8")
    assert companion_key.key(CHAPTER) == before


def test_a_tool_that_no_chapter_reaches_does_not(root):
    before = companion_key.key(CHAPTER)
    (root / "requirements.lock").write_text(
        "jupyterlab_myst==1\nnumpy==1\nplaywright==1\n", encoding="utf-8"
    )
    assert companion_key.key(CHAPTER) == before
    (root / "requirements.lock").write_text(
        "jupyterlab_myst==1\nnumpy==2\nplaywright==1\n", encoding="utf-8"
    )
    assert companion_key.key(CHAPTER) != before


def test_all_forms_of_import_are_seen(root):
    for line in (
        "from companion import d",
        "import companion.d",
        "from companion.d import Y",
        "from companion import (\n    d,\n)",
    ):
        before = companion_key.key(line)
        (root / "companion/d.py").write_text(f"Z = {len(line)}\n", encoding="utf-8")
        assert companion_key.key(line) != before, line


def test_the_key_stands_in_the_kernelspec_and_a_missing_header_is_an_error():
    stamped = companion_key.stamp(CHAPTER)
    assert stamped.split("\n")[2].startswith("  companion_key: '")
    with pytest.raises(ValueError, match="kernelspec"):
        companion_key.stamp("```{code-cell}\n```\n")
