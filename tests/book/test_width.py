"""Code that is shown fits the page; what was wide before the rule is counted, and gets no wider."""

import pytest

from tools import read_results
from tools.checks import width
from tools.checks.width import RESULTS, WIDTH, wide, wide_lines
from tools.pages.chapters import chapters

KNOWN = read_results(RESULTS)


@pytest.mark.parametrize("page", chapters())
def test_shown_code_fits_the_page(page):
    found = [
        f"{name} has {len(lines)} lines of more than {WIDTH} characters, {KNOWN.get(name, 0)} "
        "before. Make them shorter, or end the last argument with a comma: the formatter joins "
        "what fits in 100. " + " ... ".join(line.strip() for line in lines)
        for name, lines in wide_lines(page).items()
        if len(lines) > KNOWN.get(name, 0)
    ]
    assert not found, "\n".join(found)


def test_what_is_counted_is_still_there():
    found = {name: len(ls) for page in chapters() for name, ls in wide_lines(page).items()}
    narrower = [name for name, n in KNOWN.items() if found.get(name, 0) < n]
    assert narrower == [], "well done; now: python -m tools.checks.width"


def test_a_wide_line_is_seen(tmp_path, monkeypatch):
    assert wide("x" * WIDTH) == []
    assert wide(f"{'x' * WIDTH}\n{'x' * (WIDTH + 1)}") == ["x" * (WIDTH + 1)]
    page = chapters()[-1]
    before = wide_lines(page).get(page, [])
    notebook = width.load(page)
    cell = next(
        c
        for c in notebook.cells
        if c.cell_type == "code" and not width.HIDDEN & set(c.metadata.get("tags", []))
    )
    cell.source += "\n" + "y" * (WIDTH + 1)
    monkeypatch.setattr(width, "load", lambda page: notebook)
    assert sorted(wide_lines(page)[page]) == sorted([*before, "y" * (WIDTH + 1)])
