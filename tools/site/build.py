"""Build the site: run the chapters that changed, then render every page strictly.

python -m tools.site.build
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from tools.pages.chapters import ROOT, use_one_thread
from tools.site.complete import problems

SITE = ROOT / "_build" / "html"
STAMP = SITE / ".built"
INPUTS = ("book", "companion", "tools", "results", "CITATION.cff", "_config.yml", "_toc.yml")
INPUTS += ("requirements.lock",)
STRICT = ("--all", "-W", "-n", "--keep-going")


def site_and_target(description, target):
    """Read from the command line which built site to make a file of, and where to put it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--site", type=Path, default=SITE, help="folder")
    parser.add_argument("--to", type=Path, default=target, help="file")
    arguments = parser.parse_args()
    if not (arguments.site / "index.html").exists():
        sys.exit(f"there is no site in {arguments.site}: make book")
    return arguments.site, arguments.to


def fingerprint():
    """Return a hash of the names and contents of everything that the site is made of."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = ROOT / name
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" not in file.parts and ".ipynb_checkpoints" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def main():
    """Build unless the last build that succeeded was made of the same files; return a status."""
    inputs = fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == inputs:
        print("Nothing has changed since the site was built.")
        return 0
    from tools.site import execute

    STAMP.unlink(missing_ok=True)
    use_one_thread()
    if execute.main([]):
        return 1
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT), *STRICT]
    if status := subprocess.run(command, check=False).returncode:
        return status
    if found := problems(SITE):
        print("The site is built, but not all of it is there:", *found, sep="\n  ")
        return 1
    STAMP.write_text(inputs, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
