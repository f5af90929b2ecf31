"""Make lecture slides of a chapter: `_build/slides/NAME.slides.html`.

    python -m tools.slides.slides kmeans

Every heading begins a slide. Pictures, formulas, lists and code stand on it; of a paragraph its
first sentence does, and all of it is among the speaker's notes (key S), unless a formula is next to
it. Set-up cells, exercises, deeper sections and what is folded are left out. What does not fit goes
on below, on the next slide: `slides.js` measures it. Tags of a cell change this: `slide` begins a
new one, `fragment` waits for a key, `skip` leaves out.

reveal.js and MathJax lie beside the slides, so that they need no network.
"""

import argparse
import importlib.util
import re
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
from pygments.formatters import HtmlFormatter

from tools.exports.notebooks import CONFIG, DEEPER, export
from tools.pages.chapters import ROOT, chapter_named
from tools.pages.plumbing import only_plumbing, without_glue

TARGET = ROOT / "_build" / "slides"
HERE = Path(__file__)
ASIDE = {"install", "setup", "skip"}  # tags of cells that are no part of a lecture
HIDDEN = {"hide-input", "remove-input", "hide-cell"}
FONT = ROOT / "book" / "_static" / "fonts" / "source-sans-3-latin-wght-normal.woff2"
MATHJAX = ("tex-chtml.js", "output/chtml", "input/tex")
LINES = 22  # of code on a slide
DOCSTRING = re.compile(r'"""([^"\n]+)\n[^"]*?"""')
CAPTION = re.compile(r"\*(Figure|Table) \d+\. ")
# What no sentence ends in: code, formulas, links.
WHOLE = re.compile(r"`[^`]*`|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|\([^()]*\)")
END = re.compile(r"[.?!:][*”\"]*\s+(?=[*“\"]*[A-Z$`\[])")


def blocks(text):
    """Return the blocks of a Markdown text: what blank lines divide, fences and formulas whole."""
    found, open_until = [[]], None
    for line in text.split("\n"):
        if not line.strip() and open_until is None:
            found.append([])
            continue
        found[-1].append(line)
        mark = line.strip()
        if open_until is None and mark.startswith(("```", "$$", "<details>")):
            closing = {"`": "```", "$": "$$", "<": "</details>"}[mark[0]]
            open_until = None if mark != closing and mark.endswith(closing) else closing
        elif open_until and mark.endswith(open_until):
            open_until = None
    return joined(["\n".join(lines) for lines in found if lines])


def joined(found):
    """Return blocks with the items of a list together: blank lines may stand between them."""
    out = []
    for block in found:
        goes_on = kind(block) == "list" or block.startswith("  ")
        if out and goes_on and kind(out[-1]) == "list":
            out[-1] += f"\n\n{block}"
        else:
            out.append(block)
    return out


def kind(block):
    """Say what a block of Markdown is."""
    if block.startswith("#"):
        return "heading"
    if block.startswith("$$"):
        return "formula"
    if block.startswith("<details>"):
        return "folded"
    if CAPTION.match(block):
        return "caption"
    if re.match(r"([-*]|\d+\.) ", block):
        return "list"
    return "paragraph" if re.match(r"[\w*_$`“\"'(\[]", block) else "block"


def first_sentence(text):
    """Return the first sentence of a paragraph."""
    masked = WHOLE.sub(lambda match: "x" * len(match[0]), text)
    end = END.search(masked)
    return text[: end.end()].rstrip() if end else text


def portions(code):
    """Return code in portions that fit on a slide, divided at blank lines where there are some.

    Of a docstring the first line stays.
    """
    out = []
    for part in re.split(r"\n\n+", DOCSTRING.sub(r'"""\1"""', code)):
        if out and len(f"{out[-1]}\n\n{part}".split("\n")) <= LINES:
            out[-1] += f"\n\n{part}"
        else:
            out.append(part)
    return out


def cell(text, slide_type="-", tags=()):
    """Return a Markdown cell of a slide show."""
    metadata = {"slideshow": {"slide_type": slide_type}, "tags": list(tags)}
    return nbformat.v4.new_markdown_cell(text, metadata=metadata)


def shown(text):
    """Yield the cells that stand for a Markdown text."""
    found = blocks(text)
    kinds = [kind(block) for block in found]
    for i, block in enumerate(found):
        beside = kinds[max(i - 1, 0) : i + 2]
        if kinds[i] == "heading":
            deep = len(block) - len(block.lstrip("#")) > 2
            yield cell(block, "subslide" if deep else "slide")
        elif kinds[i] == "caption":
            yield cell(block, tags=["caption"])
        elif block.startswith("```"):
            first, *body, last = block.split("\n")
            for portion in portions("\n".join(body)):
                yield cell(f"{first}\n{portion}\n{last}")
        elif kinds[i] == "paragraph" and "formula" not in beside:
            start = first_sentence(block)
            yield cell(start)
            if start != block:
                yield cell(block, "notes")
        elif kinds[i] != "folded":
            yield cell(re.sub(r"(?m)^>\s*\n> Study and running times: .*$", "", block))


def code(given, tags):
    """Yield what stands for a code cell: its code and its outputs, if they are to be seen."""
    metadata = {"slideshow": {"slide_type": "-"}, "tags": sorted(tags)}
    if not tags & HIDDEN and not only_plumbing(given.source):
        for portion in portions(without_glue(given.source)):
            yield nbformat.v4.new_code_cell(portion, metadata=deepcopy(metadata))
    if outputs := [output for output in given.outputs if output.get("name") != "stderr"]:
        metadata = deepcopy(metadata) | {"transient": {"remove_source": True}}
        yield nbformat.v4.new_code_cell(metadata=metadata, outputs=outputs)


def deck(notebook):
    """Return an exported chapter as a notebook of slides."""
    cells, exercises, deeper = [], False, 0  # the level of the deeper section around us
    for given in notebook.cells:
        tags = set(given.metadata.get("tags", []))
        made = []
        if given.cell_type == "markdown":
            for part in re.split(r"(?m)^(?=#{2,6} )", given.source):
                if level := len(re.match(r"#*", part)[0]):
                    deeper = deeper if deeper and level > deeper else 0
                    deeper = deeper or level * (f"\n{DEEPER}" in part)
                if part.startswith("## "):
                    exercises = part.startswith("## Exercises")
                made += [] if exercises or deeper else shown(part)
        elif not (exercises or deeper or tags & ASIDE):
            made = list(code(given, tags))
        if tags & ASIDE or not made:
            continue
        if told := tags & {"slide", "fragment"}:
            made[0].metadata["slideshow"]["slide_type"] = told.pop()
        cells += made
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def package(name, folder):
    """Return a folder inside an installed package, whatever its name is."""
    found = importlib.util.find_spec(name)
    if found is None:
        sys.exit(f"slides need {name}: pip install -e '.[book,instructor]'")
    return Path(found.submodule_search_locations[0], folder)


def write_assets(target):
    """Copy reveal.js, the part of MathJax that slides need, and the letters."""
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(FONT, target / "fonts")
    reveal = package("sphinx_revealjs", "_static/revealjs")
    for name in ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE"):
        path = target / "reveal" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reveal / name, path)
    mathjax = package("sphinx-mathjax-offline", "static/mathjax")
    for name in MATHJAX:
        path = target / "mathjax" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (mathjax / name).is_dir():
            shutil.copytree(mathjax / name, path, dirs_exist_ok=True)
        else:
            shutil.copy(mathjax / name, path)


def slides(notebook, title):
    """Return the HTML of a chapter's slides."""
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        raw_template=HERE.with_name("slides.html.j2").read_text(encoding="utf-8")
    )
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    made = deck(notebook)
    made.metadata["title"] = title
    more = {
        "style": HtmlFormatter(style="tango").get_style_defs(".highlight")
        + HERE.with_name("slides.css").read_text(encoding="utf-8"),
        "script": HERE.with_name("slides.js").read_text(encoding="utf-8"),
        "macros": CONFIG["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"],
    }
    return exporter.from_notebook_node(made, resources={"course": more})[0]


def write(page, target=TARGET):
    """Write the slides of a chapter and what they need; return the file."""
    notebook = export(page)
    title = re.search(r"(?m)^# (.+)$", "\n".join(c.source for c in notebook.cells))[1]
    path = target / f"{page.split('/')[-1]}.slides.html"
    target.mkdir(parents=True, exist_ok=True)
    path.write_text(slides(notebook, title), encoding="utf-8")
    write_assets(target)
    return path


def main():
    """Write the slides of the chapters that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="as in kmeans")
    names = parser.parse_args().names
    for page in map(chapter_named, names):
        print(write(page).relative_to(ROOT))


if __name__ == "__main__":
    main()
