"""Sphinx extension: the chapters of the book and the map of its methods, from their front matter.

`{chapter-list}`            the parts and chapters in reading order, with questions and pictures
`{method-map}`              all methods by kind of model; buttons pick those that serve a goal
`{method-map} Groups, ...`  these branches of the map alone

Both are plain HTML and CSS: no script is needed.
"""

import posixpath
import re
from html import escape

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools.pages.front_matter import ROOT, course, kinds, methods, parts, plan, problems
from tools.sphinx.html.social_cards import SMALL

LOGGER = logging.getLogger(__name__)
ICONS = {
    "density": '<path d="M1 13.5C5.5 13.5 5 2.5 8 2.5s2.5 11 7 11"/>',
    "groups": '<g fill="currentColor"><circle cx="3" cy="4" r="1.6"/>'
    '<circle cx="7" cy="2.8" r="1.6"/><circle cx="5.6" cy="6.8" r="1.6"/></g>'
    '<circle cx="9.4" cy="12" r="1.5"/><circle cx="13.4" cy="13.2" r="1.5"/>'
    '<circle cx="12.6" cy="9" r="1.5"/>',
    "fewer": '<path d="M1.5 3h13M4.5 8h7M6.8 13h2.4"/>',
    "representation": '<path d="M5 1.8H2.2v12.4H5M11 1.8h2.8v12.4H11"/>'
    '<g fill="currentColor"><circle cx="8" cy="4.6" r="1"/><circle cx="8" cy="8" r="1"/>'
    '<circle cx="8" cy="11.4" r="1"/></g>',
    "generate": '<path d="M8 1l1.7 5.3L15 8l-5.3 1.7L8 15l-1.7-5.3L1 8l5.3-1.7z"/>',
}


class Placeholder(nodes.General, nodes.Element):
    """Stands for generated HTML until all pages have been read."""


class Generated(SphinxDirective):
    """A directive that is made from the front matter of all chapters."""

    optional_arguments = 1
    final_argument_whitespace = True
    make = ""

    def run(self):
        """Leave a placeholder; the page is read again when anything that it shows has changed."""
        sources = [f"{page}.md" for pages in parts().values() for page in pages]
        for name in ("_toc.yml", "book/course.yml", *sources):
            self.env.note_dependency(str(ROOT / name))
        only = [name.strip() for name in self.arguments[0].split(",")] if self.arguments else []
        if strangers := set(only) - {branch["name"] for branch in plan()["map"]}:
            raise self.error(f"the map has no branch {', '.join(sorted(strangers))}")
        return [Placeholder(make=self.make, only=only)]


class ChapterList(Generated):
    """The parts and chapters in reading order."""

    make = "chapters"


class MethodMap(Generated):
    """The methods of all chapters by kind of model."""

    make = "map"


def words(text):
    """Return the words of a heading: its source and its rendering differ in quotes and marks."""
    return re.findall(r"\w+", text)


def anchor(env, page, at):
    """Return the id of a heading or label of a page, None if the page has neither."""
    for domain in ("std", "math"):
        known = env.get_domain(domain).data
        if at in known.get("anonlabels", {}) and known["anonlabels"][at][0] == page:
            return known["anonlabels"][at][1]
        if at in known.get("objects", {}) and known["objects"][at][0] == page and domain == "math":
            return f"equation-{at}"
    for entry in env.tocs[page].findall(nodes.reference):
        if entry["anchorname"] and words(entry.astext()) == words(at):
            return entry["anchorname"].lstrip("#")
    return None


def icon(goal):
    """Return the drawing of a goal, for eyes only."""
    return f'<svg class="goal-icon" viewBox="0 0 16 16" aria-hidden="true">{ICONS[goal]}</svg>'


def chip(builder, here, page, method, goals):
    """Return the list item of a method: a link to where it is taught, with the goals it serves."""
    env = builder.env
    place = anchor(env, page, method["at"])
    if place is None:
        LOGGER.warning("%s: %r is no heading or label of the page", page, method["at"])
    served = [goal for goal in goals if goal in method["goals"]]
    link = f"{builder.get_relative_uri(here, page)}#{place}"
    spoken = ", ".join(goals[goal].lower() for goal in served)
    where = env.titles[page].astext()
    return (
        f'<li class="{" ".join("for-" + goal for goal in served)}">'
        f'<a href="{escape(link)}" title="{escape(where)}: {escape(spoken)}">'
        f"{escape(method['name'])} "
        f'<span class="goal-icons">{"".join(map(icon, served))}</span>'
        f'<span class="visually-hidden"> ({escape(spoken)})</span></a></li>'
    )


def filled(node, chips, depth=0):
    """Return the box of a node of the map's tree, an empty string if there is nothing in it."""
    inner = "".join(filled(child, chips, depth + 1) for child in node.get("kinds", []))
    if "kind" in node and chips.get(node["kind"]):
        inner = f'<ul class="methods">{"".join(chips[node["kind"]])}</ul>'
    if not inner:
        return ""
    leaf, level = "kind" in node, 3 + min(depth, 3)
    says = escape(node["says"])
    return (
        f'<div class="{"kind" if leaf else "kinds"} depth-{depth}'
        f'{" branch-" + node["color"] if depth == 0 else ""}">'
        f"<h{level}>{escape(node['name'])}</h{level}><p>{says}</p>"
        + (inner if leaf else f'<div class="inside">{inner}</div>')
        + "</div>"
    )


def goal_filter(goals, counts):
    """Return the radio buttons that pick a goal."""
    buttons = [
        ("all", "Everything", sum(counts.values())),
        *((g, goals[g], counts[g]) for g in goals),
    ]
    return (
        '<fieldset class="goal-filter"><legend>Show what helps to</legend>'
        + "".join(
            f'<label><input type="radio" name="goal" value="{goal}"'
            f"{' checked' if goal == 'all' else ''}>"
            f"<span>{icon(goal) if goal in ICONS else ''}{escape(name)}</span></label>"
            for goal, name, count in buttons
            if count
        )
        + "</fieldset>"
    )


def method_map(builder, here, only):
    """Return the map as HTML; a part that is to come stands where its methods will be."""
    book, listed = plan(), parts()
    chips = {kind["kind"]: [] for kind in kinds(book)}
    counts = dict.fromkeys(book["goals"], 0)
    for page in (page for pages in listed.values() for page in pages if course(page)):
        if wrong := problems(page):
            LOGGER.warning("%s", "; ".join(wrong))
            continue
        for method in methods(page):
            chips[method["kind"]].append(chip(builder, here, page, method, book["goals"]))
            for goal in method["goals"]:
                counts[goal] += 1
    for part in book["parts"]:
        if part["part"] not in listed:
            for kind, names in part.get("map", {}).items():
                chips[kind] += [
                    f'<li class="to-come"><span>{escape(name.strip())}'
                    f'<span class="visually-hidden"> (to come)</span></span></li>'
                    for name in names.split(",")
                ]
    branches = [branch for branch in book["map"] if not only or branch["name"] in only]
    boxes = "".join(filled(branch, chips) for branch in branches)
    dashed = '<span class="to-come">Dashed</span>: to come.' if 'class="to-come"' in boxes else ""
    key = "Every name leads to where the book teaches it; the signs say what it is good for."
    top = "" if only else goal_filter(book["goals"], counts)
    key = (
        f'<p class="map-key">{dashed if only else f"{key} {dashed}"}</p>'
        if not only or dashed
        else ""
    )
    whole = "" if only else " whole"
    return f'<div class="method-map{whole}">{top}{key}<div class="branches">{boxes}</div></div>'


def chapter_list(builder, here, only=()):
    """Return the parts and chapters as HTML."""
    book, listed, out = plan(), parts(), []
    for number, part in enumerate(book["parts"], 1):
        if part["part"] not in listed:
            continue
        items = []
        for page in listed[part["part"]]:
            up = posixpath.relpath(f"_cards/{page}.small.png", posixpath.dirname(here) or ".")
            width, height = SMALL
            drawn = f'<img src="{up}" alt="" loading="lazy" width="{width}" height="{height}">'
            items.append(
                f'<li><a href="{builder.get_relative_uri(here, page)}">'
                f"{drawn if course(page).get('poster') else ''}"
                f"<strong>{escape(builder.env.titles[page].astext())}</strong>"
                f"<span>{escape(course(page).get('question', ''))}</span></a></li>"
            )
        out.append(
            f'<section class="book-part"><h3 id="part-{number}"><span>Part {number}</span> '
            f"{escape(part['part'])}</h3><p>{escape(part['question'])}</p>"
            f'<ol class="chapter-cards">{"".join(items)}</ol></section>'
        )
    to_come = [
        f'<li value="{number}"><strong>{escape(part["part"])}</strong> '
        f"{escape(part['question'])}</li>"
        for number, part in enumerate(book["parts"], 1)
        if part["part"] not in listed
    ]
    if to_come:
        out.append(
            '<section class="book-part"><h3 id="parts-to-come">To come</h3>'
            "<p>These parts are being written. The numbers say where they will stand.</p>"
            f'<ol class="parts-to-come">{"".join(to_come)}</ol></section>'
        )
    return f'<div class="chapter-list">{"".join(out)}</div>'


MAKERS = {"map": method_map, "chapters": chapter_list}


def resolve(app, doctree, docname):
    """Put the HTML in the place of the placeholders."""
    for node in list(doctree.findall(Placeholder)):
        html = ""
        if app.builder.format == "html":
            html = MAKERS[node["make"]](app.builder, docname, node["only"])
        node.replace_self(nodes.raw("", html, format="html"))


def setup(app):
    """Called by Sphinx."""
    app.add_node(Placeholder)
    app.add_directive("chapter-list", ChapterList)
    app.add_directive("method-map", MethodMap)
    app.connect("doctree-resolved", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
