"""Every check of one chapter, in a minute or two: what to run after each change of it.

    python -m tools.checks.chapter kmeans

Formats and lints, runs the chapter and compares what it prints, then tests the modules whose code
it shows and the page itself: its structure, exercises, export and budget.
"""

import subprocess
import sys

from tools import ROOT
from tools.pages import usage
from tools.pages.chapters import chapter_named, use_one_thread
from tools.site import compared, execute

LINT = (["format", "."], ["check", "."])
PAGE_TESTS = ("tests/book", "tests/tools/pages", "tests/tools/exports", "tests/tools/sphinx")


def module_tests(page):
    """Return the test files of the modules whose code a page shows."""
    names = [n if usage.is_module(n) else n.rpartition(".")[0] for n in usage.shown(page)]
    found = dict.fromkeys(test_file(name) for name in names)
    return [path for path in found if (ROOT / path).exists()]


def test_file(module):
    """Return where the tests of a module are: those of the ground floor are in tests/ground."""
    _, *folder, name = module.split(".")
    part = folder[0] if folder and folder[0] != "data" else "ground"
    return f"tests/{part}/test_{name}.py"


def tested(*arguments):
    """Run pytest; return its status."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def options(page):
    """What pytest is told to test a page and its modules."""
    found = ["-n", "auto", "--dist", "loadfile", "-m", "not thorough"]
    return [*found, "-p", "tests.one_page", "--page", page, *module_tests(page), *PAGE_TESTS]


def main(names):
    """Check the chapter that is named; return the status of the first command that fails."""
    if len(names) != 1:
        sys.exit("name one chapter, as in kmeans")
    page = chapter_named(names[0])
    for words in LINT:
        if status := subprocess.run([sys.executable, "-m", "ruff", *words], check=False).returncode:
            return status
    use_one_thread()
    compared.write([page])
    notebook = str(compared.place(compared.FRESH, page).relative_to(ROOT))
    if status := tested("-p", "tests.first_run", "--nbval-lax", notebook):
        print(f"If a compared cell is new, or is meant to print this: make outputs NAME={names[0]}")
        return status
    if execute.main(names):
        return 1
    if status := tested(*options(page)):
        return status
    print(f"{page}: all of it holds. Look at it: make chapter NAME={names[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
