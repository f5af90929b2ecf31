"""Every chapter says under `course:` what the site needs to list it, and says it rightly."""

import re

import pytest
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from tools.pages import chapters, front_matter
from tools.pages.chapters import ROOT, load, text_of

CHAPTERS = [page for pages in front_matter.parts().values() for page in pages]
CSS = (ROOT / "book" / "_static" / "landing.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_says_what_the_site_needs(page):
    assert front_matter.problems(page) == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_of_a_part_has_code_that_is_found(page):
    assert load(page) is not None, "no code cells, or a front matter that is no YAML"


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Return a function that writes a chapter with a front matter and tells its problems."""
    (tmp_path / "book").mkdir()
    for name in ("_toc.yml", "book/course.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    for module in (front_matter, chapters):
        monkeypatch.setattr(module, "ROOT", tmp_path)

    def write(old="", new=""):
        text = front_matter.EXAMPLE
        assert old in text
        body = "# K-means\n\n## What is minimised\n\n```{code-cell}\n# no heading\n---\nname: fig-"
        text = f"---\n{text.replace(old, new)}\n---\n{body}kmeans-voronoi\n---\n```\n"
        (tmp_path / "book/kmeans.md").write_text(text, encoding="utf-8")
        return front_matter.problems("book/kmeans")

    return write


def test_the_example_of_the_error_message_is_right(chapter):
    assert chapter() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (front_matter.EXAMPLE, "", "says nothing under `course:`"),
        ("  question: Which few points stand for all the others?\n", "", "no question"),
        ("others?", "others", "is no question"),
        ("  poster: fig-kmeans-voronoi\n", "", "no poster"),
        ("fig-kmeans-voronoi", "fig-kmeans-other", "no figure named 'fig-kmeans-other'"),
        ("  goals: [groups]\n", "", "no goals"),
        ("[groups]", "[riches]", "goal 'riches' is none of density, groups"),
        ("kind: centres, ", "", "kind None is none of"),
        ("centres", "center", "kind 'center' is none of"),
        ("What is minimised", "no heading", "'no heading', no heading or label"),
        ("at: What", "where: 1, at: What", "unknown where"),
        ("minimised}", "minimised?}", "no YAML"),
    ],
)
def test_what_is_missing_or_wrong_is_said(chapter, old, new, said):
    (problem,) = chapter(old, new)
    assert said in problem
    assert "book/kmeans.md" in problem


def test_the_parts_of_the_toc_are_known_and_in_order():
    planned = [part["part"] for part in front_matter.plan()["parts"]]
    listed = list(front_matter.parts())
    assert [part for part in planned if part in listed] == listed, (
        "_toc.yml against book/course.yml"
    )


def test_every_part_to_come_has_a_question_and_a_known_place_on_the_map():
    plan = front_matter.plan()
    known = [kind["kind"] for kind in front_matter.kinds(plan)]
    assert len(known) == len(set(known))
    for part in plan["parts"]:
        assert part["question"].endswith("?")
        assert set(part.get("map", {})) <= set(known)


def test_every_goal_and_every_branch_has_its_style_and_its_sign():
    from tools.sphinx.directives import method_map

    plan = front_matter.plan()
    assert list(method_map.ICONS) == list(plan["goals"])
    for goal in plan["goals"]:
        assert f'[value="{goal}"]:checked) .methods .for-{goal} > a' in CSS
    for branch in plan["map"]:
        assert f".branch-{branch['color']} " in CSS


def test_an_edit_of_the_front_matter_runs_nothing_again(tmp_path, monkeypatch):
    import tools.pages.chapters
    import tools.site.execute

    text = text_of(CHAPTERS[0])
    first = load(CHAPTERS[0])
    cache = get_cache(tmp_path / "cache")
    bundle = CacheBundleIn(first, "chapter.md")
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    for module in (tools.pages.chapters, tools.site.execute):
        monkeypatch.setattr(module, "source", lambda page: tmp_path / "chapter.md")
    for old, new, kept in [
        ("question:", "question: Why? Or", True),
        ("import ", "import  ", False),
    ]:
        assert old in text
        (tmp_path / "chapter.md").write_text(text.replace(old, new), encoding="utf-8")
        assert tools.site.execute.is_cached(cache, "chapter") is kept


def test_a_save_in_jupyterlab_keeps_the_front_matter(tmp_path):
    from jupyter_server.services.contents.largefilemanager import LargeFileManager
    from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

    page = CHAPTERS[0]
    (tmp_path / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    path = tmp_path / "chapter.md"
    path.write_text(text_of(page), encoding="utf-8")
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))
    model = manager.get("chapter.md")
    manager.save(model, "chapter.md")
    front = re.match(r"---\n(.*?)\n---\n", path.read_text(encoding="utf-8"), re.S)[1]
    assert yaml.safe_load(front)["course"] == front_matter.course(page)
