"""Put a built folder on a branch of its own, without touching the working tree.

    python -m tools.release.publish notebooks          exported notebooks, on the branch notebooks
    python -m tools.release.publish site               the site, on the branch gh-pages
    python -m tools.release.publish site --to origin   and push that branch

The branch holds the folder and nothing else; ghp-import writes it. A new commit follows the one
that the branch, or the remote's branch, has already; where nothing changed there is none.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.exports import notebooks
from tools.pages.chapters import ROOT
from tools.site import build

WHAT = {"notebooks": (notebooks.TARGET, notebooks.BRANCH), "site": (build.SITE, "gh-pages")}
README = """# Exported notebooks

The chapters of [{title}]({site}) as notebooks with their results. Each runs outside the book: its
first cell installs the package. This branch is written by `make publish-notebooks`; the sources are
the Markdown files in `book/` on the branch `main`.
"""


def git(*words, repository=ROOT, check=True):
    """Run git; return what it prints."""
    run = subprocess.run(
        ["git", "-C", str(repository), *words], capture_output=True, encoding="utf-8", check=False
    )
    if check and run.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {run.stderr.strip()}")
    return run.stdout.strip() if run.returncode == 0 else ""


def commit_folder(folder, branch, repository):
    """Commit a folder to a branch that is checked out nowhere, without its hidden files."""
    message = f"Built from {git('rev-parse', '--short', 'HEAD', repository=repository)}"
    with tempfile.TemporaryDirectory() as scratch:
        # Stamps of the build and lists of hashes stay here.
        copy = shutil.copytree(
            folder, Path(scratch) / "copy", ignore=shutil.ignore_patterns(".*"), symlinks=True
        )
        # The remote is this repository: ghp-import would follow another one's branch unasked.
        command = ["-m", "ghp_import", "--no-jekyll", "-r", ".", "-b", branch, "-m", message]
        subprocess.run([sys.executable, *command, str(copy)], cwd=repository, check=True)


def publish(folder, branch, *, repository=ROOT, remote=None):
    """Commit a folder to a branch and push it if a remote is named; return the commit.

    Raises
    ------
    ValueError
        If the folder is empty, or if the branch is checked out somewhere.
    """
    if not any(Path(folder).glob("*")):
        raise ValueError(f"there is nothing in {folder}: build it first")
    name = f"refs/heads/{branch}"
    if (
        f"branch {name}"
        in git("worktree", "list", "--porcelain", repository=repository).splitlines()
    ):
        raise ValueError(f"the branch {branch} is checked out: publish to another")
    if remote and git("ls-remote", "--heads", remote, name, repository=repository):
        git("fetch", "--quiet", remote, name, repository=repository)
        git("update-ref", name, "FETCH_HEAD", repository=repository)
    before = git("rev-parse", "--verify", name, repository=repository, check=False)
    commit_folder(folder, branch, repository)
    if before and not git("diff", "--name-only", before, name, repository=repository):
        git("update-ref", name, before, repository=repository)
    if remote:
        git("push", "--quiet", remote, f"{name}:{name}", repository=repository)
    return git("rev-parse", name, repository=repository)


def main():
    """Publish what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--to", metavar="REMOTE", help="push the branch there, as to origin")
    arguments = parser.parse_args()
    folder, branch = WHAT[arguments.what]
    if "/ORG/" in notebooks.CONFIG["repository"]["url"]:
        print(
            "Links still contain the placeholder ORG: see README.md, Publish under your own name."
        )
    if arguments.what == "notebooks":
        text = README.format(title=notebooks.CONFIG["title"], site=notebooks.SITE)
        (folder / "README.md").write_text(text, encoding="utf-8")
    try:
        commit = publish(folder, branch, remote=arguments.to)
    except (ValueError, RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    where = f"{arguments.to}, branch {branch}" if arguments.to else f"the local branch {branch}"
    print(f"{commit[:10]} is on {where}")
    if not arguments.to:
        print(f"git push REMOTE {branch} puts it on a server")


if __name__ == "__main__":
    main()
