"""What students hand in is read in whatever form of Unicode, and under either spelling."""

import nbformat
import pytest

from tools.assignments.grading.grade import handed_in
from tools.assignments.grading.submission import read

CELL = nbformat.v4.new_code_cell("x = 'é'")
TEXT = nbformat.writes(nbformat.v4.new_notebook(cells=[CELL]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_notebook_is_read_in_any_unicode(tmp_path, encoding):
    path = tmp_path / "hw.ipynb"
    path.write_bytes(TEXT.encode(encoding))
    ((name, cell),) = read(path)
    assert name is None
    assert cell.source == "x = 'é'"


@pytest.mark.parametrize("data", [b"", b"{", TEXT.encode("cp1252")])
def test_what_is_no_notebook_is_named(tmp_path, data):
    path = tmp_path / "hw.ipynb"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"hw\.ipynb cannot be read as a notebook"):
        read(path)


@pytest.mark.parametrize("name", ["hw.ipynb", "hw.IPYNB", "hw.Ipynb"])
def test_capitals_in_the_suffix_do_not_matter(tmp_path, name):
    (tmp_path / name).write_text(TEXT, encoding="utf-8")
    (tmp_path / "notes.txt").touch()
    found, notes = handed_in(tmp_path, ["hw"])
    assert found == {"hw": tmp_path / name}
    assert notes == []
