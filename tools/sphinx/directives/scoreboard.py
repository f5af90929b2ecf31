"""Sphinx extension: the `{scoreboard}` directive, tables of every score of the book, and a picture.

Nothing is listed here: see `tools/pages/scores.py` for where the scores come from. A heading of a
`{scoreboard}` table is a button that sorts it (`book/_static/sort.js`).
"""

import math
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools import ROOT
from tools.pages.chapters import EXECUTED

PICTURE = "_build/figures/scoreboard.png"
# Labels are tried at these places, in points from their dot, until one is free.
PLACES = [(7, 0), (0, 8), (0, -8), (-7, 0), (6, 7), (6, -7), (-6, 7), (-6, -7), (0, 18), (0, -18)]


class Scoreboard(SphinxDirective):
    """A section and a table for each kind of score that the book has."""

    def run(self):
        """Write the tables as Markdown and parse them."""
        from tools.pages import scores

        found = scores.collect(ROOT / "results")
        for path in [*(ROOT / "results").glob("*.json"), *EXECUTED.rglob("*.ipynb")]:
            self.env.note_dependency(str(path))
        lines = picture_lines(found, Path(self.env.srcdir) / PICTURE)
        return [*self.parsed(lines), *self.sections(found, scores)]

    def sections(self, found, scores):
        """Yield a section for each kind of score, and one for what is of no kind."""
        rest = list(found)
        for title, (text, columns) in scores.TABLES.items():
            if rows := [score for score in found if score.metric in columns]:
                yield self.section(title, [text, "", *table(rows, columns, scores.METRICS)])
                rest = [score for score in rest if score not in rows]
        if rest:
            lines = ["| model | figure | unit |", "|:--|--:|:--|"]
            lines += [f"| {named(score)} | {score.value:.3f} | {score.metric} |" for score in rest]
            yield self.section("Other figures", lines)

    def section(self, title, lines):
        """Return a section whose table can be sorted."""
        section = nodes.section(
            ids=[nodes.make_id(title)], names=[nodes.fully_normalize_name(title)]
        )
        section += [nodes.title(title, title), *self.parsed(lines)]
        self.state.document.note_implicit_target(section)
        for made in section.findall(nodes.table):
            made["classes"].append("sortable")
        return section

    def parsed(self, lines):
        """Return the nodes that lines of Markdown stand for."""
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=__file__), self.content_offset, node)
        return node.children


def table(scores, columns, metrics):
    """Return the lines of a table, a row a model, the best in the first column on top."""
    columns = [name for name in columns if any(s.metric == name for s in scores)]
    rows = {}
    for score in scores:
        rows.setdefault((score.model, score.page), {})[score.metric] = score
    facts = [f for f in ("parameters", "seconds") if any(getattr(s, f) for s in scores)]
    best = {
        name: metrics[name].better(row[name].value for row in rows.values() if name in row)
        for name in columns
    }
    heads = ["model", *(metrics[name].head for name in columns)]
    heads += facts
    lines = [f"| {' | '.join(heads)} |", "|:--|" + "--:|" * (len(heads) - 1)]

    def rank(row):
        first = next(name for name in columns if name in row)
        value = row[first].value
        return columns.index(first), -value if metrics[first].better is max else value

    for row in sorted(rows.values(), key=rank):
        some = next(iter(row.values()))
        cells = [named(some)]
        cells += [shown(row[n], metrics[n], best[n]) if n in row else "" for n in columns]
        cells += [fact_text(fact, row.values()) for fact in facts]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def named(score):
    """Return a model's name, linked to the chapter that explains it, and the note beside it."""
    name = f"{{doc}}`{score.model} </{score.page}>`" if score.page else score.model
    return f"{name}, {score.note}" if score.note else name


def shown(score, metric, best):
    """Return a number as it is printed; the best of its column is bold and has a star."""
    text = format(score.value, metric.form).replace("%", " %")
    text = f"≤ {text}" if score.bound else text
    text = f"**{text}** ★" if score.value == best else text
    return f"{text} ({score.ends})" if score.ends else text


def fact_text(fact, scores):
    """Return the number of parameters, or the seconds of training, that one of the scores knows."""
    value = next((getattr(s, fact) for s in scores if getattr(s, fact) is not None), None)
    return "" if value is None else f"{value:,.0f}"


def picture_lines(found, path):
    """Draw bits per dimension against training seconds and parameters; return the figure."""
    points = [s for s in found if s.metric == "bits/dim" and s.parameters and s.seconds]
    if len(points) < 2:
        return []
    best = min(points, key=lambda s: s.value)
    high = best.value + 0.25
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(points, high, path)
    beyond = [f"{s.model} ({s.value:.2f})" for s in points if s.value > high]
    outside = f" Above the frame: {', '.join(beyond)}." if beyond else ""
    return [
        f"```{{figure}} /{PICTURE}",
        ":name: fig-scoreboard",
        ":alt: A dot a model, bits per dimension against seconds of training. The lowest is "
        f"{best.model}.",
        "Bits per dimension of the models that were trained for the book, against the seconds that "
        "training took on one core. Lower is better. Circles are exact, triangles are upper "
        f"bounds.{outside}",
        "```",
        "",
    ]


def draw(points, high, path):
    """Draw a panel into a file, in the look of the book."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from companion import plots

    with mpl.rc_context():
        plots.use_style()
        fig = Figure(figsize=(7.6, 5.2), dpi=200)
        FigureCanvasAgg(fig)  # without pyplot, which belongs to the chapters
        ax = fig.subplots()
        inside = [s for s in points if s.value <= high]
        for bound, marker in ((False, "o"), (True, "v")):
            some = [s for s in inside if s.bound == bound]
            x, y = [s.seconds for s in some], [s.value for s in some]
            ax.scatter(x, y, marker=marker, s=46, color=plots.COLORS[bound * 3], zorder=3)
        ax.set(xlabel="training on one core, seconds", ylabel="bits per dimension")
        ax.margins(x=0.14, y=0.06)
        fig.canvas.draw()
        label(ax, [(s.seconds, s.value, s.model) for s in inside])
        fig.savefig(path)


def label(ax, points):
    """Write each name beside its dot, at the first place where it covers nothing."""
    renderer = ax.figure.canvas.get_renderer()
    frame = ax.get_window_extent(renderer)
    dots = [ax.transData.transform(point[:2]) for point in points]
    taken = []
    for x, y, name in sorted(points, key=lambda p: p[1]):
        costs = []
        for place in PLACES:
            text = annotate(ax, x, y, name, place)
            box = text.get_window_extent(renderer).expanded(1.02, 1.1)
            text.remove()
            hidden = sum(box.padded(10).contains(*dot) for dot in dots) + sum(
                map(box.overlaps, taken)
            )
            outside = not (frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1))
            costs.append((hidden + 3 * outside, math.hypot(*place), place, box))
        *_, place, box = min(costs, key=lambda cost: cost[:2])
        annotate(ax, x, y, name, place)
        taken.append(box)


def annotate(ax, x, y, name, place):
    """Write a name at a distance from its dot, away from it."""
    across, up = place
    return ax.annotate(
        name,
        (x, y),
        place,
        textcoords="offset points",
        fontsize=9,
        ha={1: "left", 0: "center", -1: "right"}[(across > 0) - (across < 0)],
        va={1: "bottom", 0: "center", -1: "top"}[(up > 0) - (up < 0)],
    )


def add_sorting(app, pagename, templatename, context, doctree):
    """Load the script on pages that have a table to sort."""
    if doctree is not None and any(
        "sortable" in table["classes"] for table in doctree.findall(nodes.table)
    ):
        app.add_js_file("sort.js", defer="defer")


def setup(app):
    """Called by Sphinx."""
    app.add_directive("scoreboard", Scoreboard)
    app.connect("html-page-context", add_sorting)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
