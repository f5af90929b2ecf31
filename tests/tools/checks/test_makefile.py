"""What make does where it could go wrong: a path with a space, the lock, a list of one screen."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.pages.chapters import ROOT

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="there is no make")
TOLD = '#!/bin/sh\necho "$(basename "$0") $* in $JUPYTER_CONFIG_DIR"\n'


def make(folder, *words):
    """Run make in a folder, as if no make had called us; return what it printed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    run = subprocess.run(
        [MAKE, *words], cwd=folder, env=own, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_lab_starts_in_a_path_with_a_space(tmp_path):
    folder = tmp_path / "a course"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("jupytext-config", "jupyter"):
        (programs / name).write_text(TOLD, encoding="utf-8")
        (programs / name).chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / ".ready").touch()
    os.utime(folder / ".venv" / ".ready", (2**31 - 1, 2**31 - 1))
    said = make(folder, "lab", f"PYTHON={sys.executable}")
    settings = folder / "_build" / "jupyter"
    assert f"jupyter lab book in {settings}" in said
    assert settings.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["a course"]


def test_the_lock_is_installed_as_it_stands():
    said = make(ROOT, "-n", "-B", "setup")
    installs = [line for line in said.splitlines() if "pip install" in line]
    assert installs
    assert all("--no-deps" in line for line in installs), "a resolver would choose other versions"


def test_the_list_of_commands_fits_a_screen():
    lines = make(ROOT, "help").splitlines()
    assert len(lines) <= 23, "a screen has 24 lines: leave one for the prompt"
    assert max(map(len, lines)) <= 100
