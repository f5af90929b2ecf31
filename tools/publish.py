"""Put a built folder on a branch of its own, without touching the working tree.

    python -m tools.publish notebooks            the exported notebooks, on the branch `notebooks`
    python -m tools.publish site                 the site, on the branch `gh-pages`
    python -m tools.publish site --to origin     and push that branch

The branch holds the folder and nothing else. A new commit follows the one that the branch, or the
remote's branch, has already; where nothing changed there is none.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import build, notebooks
from tools.chapters import ROOT

WHAT = {"notebooks": (notebooks.TARGET, notebooks.BRANCH), "site": (build.SITE, "gh-pages")}
README = """# Exported notebooks

The chapters of [{title}]({site}) as notebooks with their results. Each runs outside the book: its
first cell installs the package. This branch is written by `make publish-notebooks`; the sources are
the Markdown files in `book/` on the branch `main`.
"""


def git(*words, repository=ROOT, check=True, **environment):
    """Run git; return what it prints."""
    run = subprocess.run(
        ["git", "-C", str(repository), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and run.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {run.stderr.strip()}")
    return run.stdout.strip() if run.returncode == 0 else ""


def tree_of(folder, repository):
    """Write all files of a folder into the repository's objects; return the tree's name."""
    with tempfile.TemporaryDirectory() as scratch:
        index = {"repository": repository, "GIT_INDEX_FILE": f"{scratch}/index"}
        where = git("rev-parse", "--absolute-git-dir", repository=repository)
        add = ("--git-dir", where, "--work-tree", ".", "add", "--all", "--force", ".")
        git(*add, **index | {"repository": folder})
        # Hidden files of the build (stamps, lists of hashes) stay here.
        if hidden := [p for p in git("ls-files", **index).split("\n") if p.startswith(".")]:
            git("update-index", "--force-remove", "--", *hidden, **index)
        # Without this file GitHub Pages leaves out the folders whose names begin with _.
        nothing = git("hash-object", "-w", "--stdin", repository=repository)
        git("update-index", "--add", "--cacheinfo", f"100644,{nothing},.nojekyll", **index)
        return git("write-tree", **index)


def publish(folder, branch, *, repository=ROOT, remote=None):
    """Commit a folder to a branch and push it if a remote is named; return the commit.

    Raises
    ------
    ValueError
        If the folder is empty, or if the branch is checked out somewhere.
    """
    if not any(Path(folder).glob("*")):
        raise ValueError(f"there is nothing in {folder}: build it first")
    if f"branch refs/heads/{branch}" in git(
        "worktree", "list", "--porcelain", repository=repository
    ):
        raise ValueError(f"the branch {branch} is checked out: publish to another")
    name, parent = f"refs/heads/{branch}", ""
    if remote and git("ls-remote", "--heads", remote, name, repository=repository):
        git("fetch", "--quiet", remote, name, repository=repository)
        parent = git("rev-parse", "FETCH_HEAD", repository=repository)
    parent = parent or git("rev-parse", "--verify", name, repository=repository, check=False)
    tree = tree_of(folder, repository)
    commit = parent
    if not parent or git("rev-parse", f"{parent}^{{tree}}", repository=repository) != tree:
        source = git("rev-parse", "--short", "HEAD", repository=repository)
        parents = ["-p", parent] if parent else []
        message = f"Built from {source}"
        commit = git("commit-tree", tree, *parents, "-m", message, repository=repository)
    git("update-ref", name, commit, repository=repository)
    if remote:
        git("push", "--quiet", remote, f"{commit}:{name}", repository=repository)
    return commit


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
        (folder / "README.md").write_text(text)
    try:
        commit = publish(folder, branch, remote=arguments.to)
    except (ValueError, RuntimeError) as error:
        sys.exit(str(error))
    where = f"{arguments.to}, branch {branch}" if arguments.to else f"the local branch {branch}"
    print(f"{commit[:10]} is on {where}")
    if not arguments.to:
        print(f"git push REMOTE {branch} puts it on a server")


if __name__ == "__main__":
    main()
