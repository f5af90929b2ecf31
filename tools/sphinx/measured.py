"""Sphinx extension: directives that print what was measured, from the files in `results/`.

`{budget}`             time and memory of the chapter it stands in
`{budget-table}`       the same for every chapter
`{benchmark-table}`    our time beside the libraries'
`{results-table} PART`  figures of the models of a part that were trained for checkpoints
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).resolve().parents[2] / "results"


class Measured(SphinxDirective):
    """A directive whose content is Markdown made from a results file."""

    file = ""

    def run(self):
        """Parse what `markdown` returns in place of the directive."""
        path = RESULTS / (self.file or f"{self.arguments[0]}.json")
        self.env.note_dependency(str(path))
        lines = self.markdown(json.loads(path.read_text()))
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, node)
        return node.children


class Budget(Measured):
    """Measured seconds and memory of this chapter."""

    file = "budget.json"

    def markdown(self, results):
        """Return one line; a chapter that was not measured is an error."""
        page = self.env.docname
        if page not in results["chapters"]:
            raise self.error(f"{page} is not in results/{self.file}: run make budget")
        cost = results["chapters"][page]
        return [
            f"**Running time**: {cost['seconds']:.0f} s on one core, the slowest cell "
            f"{cost['slowest_cell']:.0f} s; {cost['memory_mb']} MB of memory at the peak."
        ]


class BudgetTable(Measured):
    """Measured seconds and memory of all chapters."""

    file = "budget.json"

    def markdown(self, results):
        """Return a table with a total."""
        rows = results["chapters"]
        total = sum(cost["seconds"] for cost in rows.values())
        return [
            "| chapter | seconds | slowest cell, seconds | peak memory, MB |",
            "|:--|--:|--:|--:|",
            *(
                f"| {{doc}}`/{page}` | {cost['seconds']:.1f} | {cost['slowest_cell']:.1f} "
                f"| {cost['memory_mb']} |"
                for page, cost in rows.items()
            ),
            f"| all | {total:.1f} | | |",
            "",
            f"Measured on {results['machine']}.",
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
    return {"parallel_read_safe": True, "parallel_write_safe": True}
