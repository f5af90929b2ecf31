"""A plugin of pytest: the chapters that nbval runs are kept, for the site to show.

    pytest -p tests.first_run --nbval-lax _build/fresh

A chapter whose cells all ran, and printed what they must, is written to `_build/ran` with its
outputs.
"""

import nbformat
import nbval.plugin
import pytest

from tools.site.compared import FRESH, RAN


def merge_neighbors(outputs):
    """Join streams of one name that follow each other, as nbclient does.

    nbval joins all of a name, so that text printed after a figure would come before it.
    """
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def pytest_configure():
    """Take the place of nbval's way to join streams."""
    nbval.plugin.coalesce_streams = merge_neighbors


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember that a cell failed."""
    if isinstance(item, nbval.plugin.IPyNbCell) and call.excinfo:
        item.parent.failed = True
    return (yield)


def pytest_runtest_teardown(item, nextitem):
    """Take what a cell showed; after the last one, write the chapter."""
    if not isinstance(item, nbval.plugin.IPyNbCell):
        return
    chapter = item.parent
    item.cell.outputs, item.cell.execution_count = item.test_outputs or [], item.cell_num + 1
    last = nextitem is None or nextitem.parent is not chapter
    if last and not getattr(chapter, "failed", False) and chapter.path.is_relative_to(FRESH):
        path = RAN / chapter.path.relative_to(FRESH)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(chapter.nb, path)
