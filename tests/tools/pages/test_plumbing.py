"""Lines that only keep or check a number are told from those that a reader should see."""

import pytest

from tools.pages.plumbing import only_plumbing, without_glue

CELL = """from companion.book import glue
x = 1
for name in "ab":  # both
    y = x
    glue(name, y)
glue(
    "long", x
)
for name in "cd":
    glue(name, x)
# and last
assert x == 1"""


def test_glue_goes_wherever_it_stands_and_all_else_stays():
    assert without_glue(CELL) == (
        'x = 1\nfor name in "ab":  # both\n    y = x\n# and last\nassert x == 1'
    )
    plain = "a = 1\n\n\ndef f():\n    return a"
    assert without_glue(plain) == plain
    assert without_glue('glue("a", 1)') == ""


@pytest.mark.parametrize(
    ("code", "folded"),
    [
        ("assert f(1) == 2", True),
        ("torch.testing.assert_close(a, b)\nglue('x', 1)", True),
        ("for a in b:\n    assert a\n    glue('x', a)", True),
        ("with torch.no_grad():\n    np.testing.assert_allclose(a, b)", True),
        ("x = 1\nassert x", False),
        ("for a in b:\n    x = a\n    assert x", False),
        ("for a in b:\n    assert a\nelse:\n    print(1)", False),
        ("print(1)", False),
        ("", False),
    ],
)
def test_a_cell_that_only_checks_is_known(code, folded):
    assert only_plumbing(code) == folded


def test_a_branch_that_is_left_empty_is_no_branch():
    code = "if a:\n    glue('x', 1)\nelse:\n    b = 1"
    assert without_glue(code) == code
