"""What the site knows about the book: `_toc.yml`, `book/course.yml`, and each chapter's `course:`.

A chapter is a page of a numbered part. Its front matter says under `course:` what it answers, which
goals it serves, which methods it teaches and which of its figures stands for it.
"""

import re
from functools import cache

import yaml

from tools import ROOT
from tools.pages.chapters import text_of

FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.S)
HEADING = re.compile(r"^#{2,6} (.+?)\s*$", re.M)
LABEL = re.compile(r"^\s*(?::label:|name:|:name:)\s*([\w-]+)\s*$|^\(([\w-]+)\)=\s*$", re.M)
CODE = re.compile(r"^```\{code-cell\}.*?^```\s*$", re.M | re.S)
EXAMPLE = """course:
  question: Which few points stand for all the others?
  poster: fig-kmeans-voronoi
  goals: [groups]
  methods:
    - {name: K-means, kind: centres, at: What is minimised}"""


@cache
def loaded(text):
    """Return what a YAML text says; nobody may change it."""
    return yaml.safe_load(text)


def plan():
    """Return `book/course.yml`: goals, parts and the kinds of the map."""
    return loaded((ROOT / "book" / "course.yml").read_text(encoding="utf-8"))


def kinds(node):
    """Return the leaves of the map's tree, in order, each as its mapping."""
    if "kind" in node:
        return [node]
    children = node["map"] if "map" in node else node["kinds"]
    return [leaf for child in children for leaf in kinds(child)]


def files(node):
    """Yield the files below a node of `_toc.yml`, in order."""
    for entry in [*node.get("chapters", []), *node.get("sections", [])]:
        if "file" in entry:
            yield entry["file"]
        yield from files(entry)


def parts():
    """Return the numbered parts of `_toc.yml`: captions and the pages below them."""
    toc = loaded((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return {p["caption"]: list(files(p)) for p in toc.get("parts", []) if p.get("numbered")}


def part_of(page):
    """Return the caption of a page's part and the part's number; (None, None) without one."""
    for caption, pages in parts().items():
        if page in pages:
            return caption, [part["part"] for part in plan()["parts"]].index(caption) + 1
    return None, None


def title(page):
    """Return the heading of a page as plain text."""
    return re.search(r"^# (.+?)\s*$", CODE.sub("", text_of(page)), re.M)[1]


def course(page):
    """Return the mapping `course:` of a page's front matter, empty if it has none."""
    front = FRONT.match(text_of(page))
    return (loaded(front[1]) or {}).get("course") or {} if front else {}


def methods(page):
    """Return the methods of a page; those without goals of their own serve the chapter's."""
    about = course(page)
    return [{"goals": about.get("goals", [])} | method for method in about.get("methods", [])]


def places(page):
    """Return what `at` of a method can name: the page's headings and its labels."""
    text = text_of(page)
    named = {first or second for first, second in LABEL.findall(FRONT.sub("", text))}
    return named | set(HEADING.findall(CODE.sub("", text)))


def problems(page):
    """Return what is wrong with the `course:` of a chapter, as sentences for its author."""
    try:
        about, found = course(page), []
    except yaml.YAMLError as error:
        return [f"{page}.md: its front matter is no YAML (quote what has , : ? in it): {error}"]
    if not about:
        return [
            f"{page}.md says nothing under `course:` in its front matter. An example:\n{EXAMPLE}"
        ]
    known = {"goals": list(plan()["goals"]), "kind": [kind["kind"] for kind in kinds(plan())]}
    for key in ("question", "poster", "goals", "methods"):
        if not about.get(key):
            found.append(f"course: has no {key}")
    if about.get("question") and not about["question"].strip().endswith("?"):
        found.append(f"question: {about['question']!r} is no question")
    if about.get("poster") and about["poster"] not in places(page):
        found.append(f"poster: the page has no figure named {about['poster']!r}")
    for method in methods(page):
        name = method.get("name") or found.append(f"a method without a name: {method}") or "?"
        if method.get("kind") not in known["kind"]:
            found.append(
                f"{name}: kind {method.get('kind')!r} is none of {', '.join(known['kind'])}"
            )
        if method.get("at") not in places(page):
            found.append(f"{name}: `at` is {method.get('at')!r}, no heading or label of the page")
        if strangers := set(method) - {"name", "kind", "goals", "at"}:
            found.append(f"{name}: unknown {', '.join(sorted(strangers))}")
    for goal in [*about.get("goals", []), *(g for m in methods(page) for g in m["goals"])]:
        if goal not in known["goals"]:
            found.append(f"goal {goal!r} is none of {', '.join(known['goals'])}")
    return [
        f"{page}.md: {problem} (names are in book/course.yml)" for problem in dict.fromkeys(found)
    ]
