"""Publishing puts a folder on a branch, here and on a remote, and leaves everything else alone."""

import subprocess

import pytest

from tools.release.publish import git, publish


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A repository with a commit and work in progress, a bare remote, a built folder."""
    for name, value in {"NAME": "A Tester", "EMAIL": "tester@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    here, remote, built = (tmp_path / name for name in ("here", "remote.git", "built"))
    subprocess.run(["git", "init", "-q", "-b", "main", here], check=True)
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    (here / ".git" / "info" / "exclude").write_text("_static/\n*.html\n", encoding="utf-8")
    (here / "work.txt").write_text("committed", encoding="utf-8")
    git("add", ".", repository=here)
    git("commit", "-q", "-m", "first", repository=here)
    (here / "work.txt").write_text("in progress", encoding="utf-8")
    (here / "staged.txt").write_text("staged", encoding="utf-8")
    git("add", "staged.txt", repository=here)
    (built / "_static").mkdir(parents=True)
    (built / "_static" / "style.css").write_text("a {}", encoding="utf-8")
    (built / "index.html").write_text("one", encoding="utf-8")
    (built / ".built").write_text("a stamp", encoding="utf-8")
    return here, remote, built


def files(branch, repository):
    return git("ls-tree", "-r", "--name-only", branch, repository=repository).split()


def test_the_branch_holds_the_folder_and_the_working_tree_is_left_alone(places):
    here, _, built = places
    before = git("status", "--porcelain=v2", "--branch", repository=here)
    commit = publish(built, "pages", repository=here)
    assert files("pages", here) == [".nojekyll", "_static/style.css", "index.html"]
    assert git("status", "--porcelain=v2", "--branch", repository=here) == before
    assert git("show", "pages:index.html", repository=here) == "one"
    assert publish(built, "pages", repository=here) == commit, "nothing changed: no commit"


def test_a_new_commit_follows_the_old_one_and_what_is_gone_goes(places):
    here, _, built = places
    first = publish(built, "pages", repository=here)
    (built / "_static" / "style.css").unlink()
    (built / "new.html").write_text("two", encoding="utf-8")
    second = publish(built, "pages", repository=here)
    assert files("pages", here) == [".nojekyll", "index.html", "new.html"]
    assert git("rev-parse", f"{second}^", repository=here) == first


def test_the_remote_gets_the_branch_and_what_others_published_is_kept_in_its_history(places):
    here, remote, built = places
    first = publish(built, "pages", repository=here, remote=str(remote))
    assert files("pages", remote) == files("pages", here)
    # Somebody else publishes from another clone.
    other = here.parent / "other"
    subprocess.run(["git", "clone", "-q", here, other], check=True)
    (built / "theirs.html").write_text("theirs", encoding="utf-8")
    theirs = publish(built, "pages", repository=other, remote=str(remote))
    (built / "theirs.html").unlink()
    (built / "index.html").write_text("two", encoding="utf-8")
    ours = publish(built, "pages", repository=here, remote=str(remote))
    history = git("rev-list", "pages", repository=remote).split()
    assert history == [ours, theirs, first]


def test_what_cannot_be_published_is_said(places):
    here, _, built = places
    with pytest.raises(ValueError, match="main is checked out"):
        publish(built, "main", repository=here)
    with pytest.raises(ValueError, match="build it first"):
        publish(built / "nowhere", "pages", repository=here)
    assert git("branch", "--format=%(refname:short)", repository=here) == "main"
