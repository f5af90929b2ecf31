"""Run exported chapters as a reader elsewhere does: one of each part, outside the book.

    python -m tools.release.check_notebooks            the quickest chapter of each part
    python -m tools.release.check_notebooks kmeans     this one

In a fresh environment with everything but the course's package, in an empty folder. The first cell
installs the package from the published repository; git is told to take this one for it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from tools.exports.notebooks import CONFIG, export
from tools.pages.chapters import ROOT, chapter_named
from tools.release import fresh

READER = ROOT / "tools" / "release" / "reader.py"


def this_repository_instead(url):
    """The variables that make git clone this repository where another address is asked for."""
    key = f"url.file://{ROOT}.insteadOf"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": url}


def write(pages, folder):
    """Export pages without results; return the files' names."""
    files = []
    for page in pages:
        path = folder / f"{page.removeprefix('book/')}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(export(page, clean=True), path)
        files.append(str(path.relative_to(folder)))
    return files


def main(names):
    """Run the chapters; stop at the first that fails."""
    pages = list(map(chapter_named, names)) or fresh.one_a_part()
    lines, _ = fresh.reachable_lines(fresh.pip_lines())
    lines.remove("-e .")
    scratch = Path(tempfile.mkdtemp(prefix="notebooks"))
    home, elsewhere = scratch / "home", scratch / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    variables = fresh.environment(scratch / "environment", home)
    variables |= this_repository_instead(CONFIG["repository"]["url"])
    python = scratch / "environment" / "bin" / "python"
    try:
        for made in fresh.make(scratch / "environment", lines, scratch, env=variables):
            print(*made, flush=True)
        command = [python, READER, *write(pages, elsewhere)]
        for step, seconds, peak in fresh.watch(command, cwd=elsewhere, env=variables):
            print(f"{step}: {seconds} s, {peak} MB", flush=True)
        installed = subprocess.run(
            [python, "-c", "import companion; print(companion.__file__)"],
            cwd=elsewhere,
            env=variables,
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout.strip()
        if not Path(installed).is_relative_to(scratch / "environment"):
            sys.exit(f"the package came from {installed}, not from the first cell")
    except RuntimeError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(sys.argv[1:])
