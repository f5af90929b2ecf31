"""Sphinx extension: directives that print what was measured, from the files in `results/`.

`{budget}`             study times of the chapter it stands in, seconds and memory of its run
`{budget-table}`       the same for every chapter
`{binder-table}`       what starting and running on Binder takes
`{benchmark-table}`    our time beside the libraries'
`{results-table} PART`  figures of the models of a part that were trained for checkpoints
"""

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tools import ROOT, read_results
from tools.pages.study import (
    EXERCISE,
    FIGURE,
    FORMULA,
    INLINE,
    LINE,
    WORDS_A_MINUTE,
    rounded,
    study,
)

RESULTS = ROOT / "results"


def study_line(found):
    """Return how long a page takes to study, as a sentence."""
    times = [f"{rounded(found.core)} minutes"]
    if found.deeper:
        times = [f"{times[0]} for the core", f"{rounded(found.everything)} for everything"]
    if found.exercises:
        times.append(f"{rounded(found.exercises)} for the exercises")
    return f"**Study time**: {', '.join(times[:-1])}{' and ' * (len(times) > 1)}{times[-1]}."


def cost_line(found, cost):
    """Return the line at the head of a chapter: its study times and what a run costs."""
    return (
        f"{study_line(found)} "
        f"**Running time**: {cost['seconds']:.0f} s on one core, the slowest cell "
        f"{cost['slowest_cell']:.0f} s; {cost['memory_mb']} MB of memory at the peak."
    )


class Measured(SphinxDirective):
    """A directive whose content is Markdown made from a results file."""

    file = ""

    def run(self):
        """Parse what `markdown` returns in place of the directive."""
        path = RESULTS / (self.file or f"{self.arguments[0]}.json")
        self.env.note_dependency(str(path))
        lines = self.markdown(read_results(path))
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, node)
        return node.children


class Budget(Measured):
    """Study times of this chapter, measured seconds and memory."""

    file = "budget.json"

    def markdown(self, results):
        """Return one line; a chapter that was not measured is an error."""
        page = self.env.docname
        if page not in results["chapters"]:
            raise self.error(f"{page} is not in results/{self.file}: run make budget")
        return [cost_line(study(page), results["chapters"][page])]


class BudgetTable(Measured):
    """Study times of each chapter, measured seconds and memory."""

    file = "budget.json"

    def markdown(self, results):
        """Return a table with totals and a line that says how it was made."""
        rows, studies = results["chapters"], {}
        for page in rows:
            self.env.note_dependency(self.env.doc2path(page))
            studies[page] = study(page)
        columns = ("core", "everything", "exercises")
        minutes = {
            page: [rounded(getattr(found, name)) for name in columns]
            for page, found in studies.items()
        }
        total = sum(cost["seconds"] for cost in rows.values())
        sums = " | ".join(map(str, map(sum, zip(*minutes.values(), strict=True))))
        return [
            "| chapter | core, minutes | everything | exercises | running, seconds "
            "| slowest cell, seconds | peak memory, MB |",
            "|:--|--:|--:|--:|--:|--:|--:|",
            *(
                f"| {{doc}}`/{page}` | {' | '.join(map(str, minutes[page]))} "
                f"| {cost['seconds']:.1f} | {cost['slowest_cell']:.1f} | {cost['memory_mb']} |"
                for page, cost in rows.items()
            ),
            f"| all | {sums} | {total:.1f} | | |",
            "",
            f"Running was measured on {results['machine']}. Study times are computed: "
            f"{WORDS_A_MINUTE} words a minute, {FORMULA} minutes for a formula of its own line, "
            f"{INLINE} for one in the text, {LINE} for a shown line of code, {FIGURE} a figure; "
            f"{', '.join(map(str, EXERCISE.values()))} minutes for a warm-up, a core and a hard "
            "exercise. A chapter of one speed has no core of its own yet.",
        ]


class BinderTable(Measured):
    """Seconds and peak memory of each step of `make binder`."""

    file = "binder.json"

    def markdown(self, results):
        """Return a row a step and a line about how it was measured."""
        links = {
            row["step"]: f"{{doc}}`/{row['step']}`"
            for row in results["steps"]
            if row["step"].startswith("book/")
        }
        notes = [
            f"Measured on {results['machine']}; {results['packages']} packages, "
            f"{results['environment_mb']:,} MB on disk."
        ]
        if not results["pytorch_index"]:
            notes += ["PyTorch's own index was out of reach, so PyTorch came from another one."]
        if results["network"] == "off":
            notes += ["JupyterLab and the chapters ran with the network off"]
        else:
            notes += ["The network could not be turned off here; JupyterLab and the chapters ran"]
        notes[-1] += f", all in {results['limit_mb']:,} MB."
        return [
            "| step | seconds | peak memory, MB |",
            "|:--|--:|--:|",
            *(
                f"| {links.get(row['step'], row['step'])} | {row['seconds']:.1f} "
                f"| {row['memory_mb']} |"
                for row in results["steps"]
            ),
            "",
            " ".join(notes),
        ]


class BenchmarkTable(Measured):
    """Our time, the library's and their ratio, one table a part."""

    file = "benchmarks.json"

    def markdown(self, results):
        """Return a table for each part and a line about the machine."""
        lines = []
        for part in dict.fromkeys(row["part"] for row in results["cases"]):
            lines += [
                f"**{part.capitalize()}**",
                "",
                "| case | library | ours, s | theirs, s | ratio | at most |",
                "|:--|:--|--:|--:|--:|--:|",
            ]
            rows = [row for row in results["cases"] if row["part"] == part]
            lines += [
                f"| {row['name']} | {row['library']} | {row['ours']:.3f} | {row['theirs']:.3f} "
                f"| **{row['ratio']:.2f}** | {row['bar']} |"
                for row in rows
            ]
            lines += [""]
            lines += [f"- {row['name']}: {row['note']}" for row in rows if row["note"]]
            lines += [""]
        return [*lines, f"Measured on {results['machine']}."]


class ResultsTable(Measured):
    """Figures of the models of a part, those with the same unit in one table, best first."""

    required_arguments = 1
    option_spec = {"unit": directives.unchanged_required}  # noqa: RUF012

    def markdown(self, results):
        """Return a row a model."""
        unit = self.options.get("unit")
        rows = [(name, row) for name, row in results.items() if unit in (None, row["unit"])]
        if not rows:
            raise self.error(f"no model of {self.arguments[0]} has the unit {unit!r}")
        judged = any("frechet" in row for _, row in rows)
        head = ["model", unit or "figure", *([] if unit else ["unit"])]
        head += [*(["Fréchet distance"] if judged else []), "parameters", "steps", "training, s"]
        lines = [f"| {' | '.join(head)} |", "|:--|" + "--:|" * (len(head) - 1)]
        for name, row in sorted(rows, key=lambda pair: pair[1]["figure"]):
            cells = [name, f"{row['figure']:.3f}", *([] if unit else [row["unit"]])]
            if judged:
                cells.append(f"{row['frechet']:.1f}" if "frechet" in row else "")
            cells += [f"{row['parameters']:,}", f"{row['steps']:,}", f"{row['seconds']:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
        return lines


def setup(app):
    """Called by Sphinx."""
    app.add_directive("budget", Budget)
    app.add_directive("results-table", ResultsTable)
    app.add_directive("budget-table", BudgetTable)
    app.add_directive("benchmark-table", BenchmarkTable)
    app.add_directive("binder-table", BinderTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
