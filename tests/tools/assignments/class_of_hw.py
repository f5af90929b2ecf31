"""A class that hands in all that a class can hand in: what, the score of the checks, and the log.

The checks of `small_set` are worth 2 and 3 points for `nearest` and 1 for `mean`; 4 more are given
by hand for the answer in words.
"""

import copy
import json

from tests.tools.assignments.small_set import HIDDEN, MEAN, NEAREST, cell_of, hand_in
from tools.assignments.grading.run import flags

WRONG = NEAREST.replace("argmin", "argmax")
BAD_MEAN = "def mean(x):\n    return 0\n"
UNCERTAIN = ("bomb", "loop_catches")  # it is not certain that their kernels reach the second answer
SECONDS = 5  # of a cell: enough on a machine that does other things too
STOPPED = f"the cell was stopped after {SECONDS} seconds"

# name: (work, points, words of the log)
CODE = {
    "right": (
        NEAREST,
        6,
        ["nearest-check: 2 of 2", "nearest-hidden: 3 of 3", "mean-check: 1 of 1"],
    ),
    "partial": (
        "def nearest(x, centers):\n    return np.arange(len(x))\n",
        3,
        ["nearest-check: 2 of 2", "nearest-hidden: 0 of 3", HIDDEN],
    ),
    "wrong": (WRONG, 1, ["AssertionError: every centre is nearest to itself"]),
    "raises": ("def nearest(x, centers):\n    raise ValueError('boom')\n", 1, ["ValueError: boom"]),
    "syntax": ("def nearest(x, centers:\n   return\n", 1, ["SyntaxError", "NameError"]),
    "crash": (NEAREST + "import os\nos._exit(1)\n", 0, ["the kernel died", "not run"]),
    "loop": (NEAREST + "while True:\n    pass\n", 6, [STOPPED]),
    "loop_inside": ("def nearest(x, centers):\n    while True: pass\n", 1, [STOPPED]),
    "loop_catches": (
        WRONG + "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
        0,
        [STOPPED],
    ),
    "loop_ignores": (
        NEAREST + "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass\n",
        0,
        [STOPPED, "not run"],
    ),
    "memory": (NEAREST + "big = np.ones(25 * 10**7)\n", 6, ["MemoryError"]),
    "children": (
        NEAREST + "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "for _ in range(6):\n    if os.fork() == 0:\n"
        "        big = np.ones(3 * 10**7); time.sleep(30); os._exit(0)\ntime.sleep(30)\n",
        0,
        ["it used more than 750 MB of memory"],
    ),
    "bomb": (
        WRONG + "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n",
        0,
        ["nearest-check: 0 of 2"],
    ),
    "network": (
        NEAREST + "import socket\nsocket.create_connection(('192.0.2.1', 80))\n",
        6,
        ["Network is unreachable"],
    ),
    "numpy": (
        WRONG + "np.array_equal = np.isclose = lambda *a, **k: True\nabs = print\n",
        1,
        ["put back: numpy.array_equal, numpy.isclose", "nearest-check: 0 of 2"],
    ),
    "code": (
        WRONG
        + "np.array_equal.__wrapped__.__code__ = (lambda a1, a2, equal_nan=False: True).__code__\n"
        "__builtins__.__build_class__ = print\n",
        1,
        ["builtins.__build_class__", "numpy.array_equal"],
    ),
    "traceback": (
        WRONG + "get_ipython().showtraceback = lambda *a, **k: None\n",
        1,
        ["nearest-check: 0 of 2"],
    ),
    "transformer": (
        WRONG + "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])\n",
        0,
        ["the guard did not run", "the check did not run to its end"],
    ),
    "last_line": (
        WRONG + "get_ipython().input_transformers_cleanup.append(lambda lines: lines[-1:])\n",
        0,
        ["nearest-check: 0 of 2", "NameError"],
    ),
    "tree": (
        WRONG + "import ast\nclass NoAssert(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(NoAssert())\n",
        1,
        ["nearest-check: 0 of 2"],
    ),
    "run_code": (
        WRONG + "async def nothing(*a, **k): return False\nget_ipython().run_code = nothing\n",
        0,
        ["the check did not run to its end"],
    ),
    "exit": ("def nearest(x, centers):\n    raise SystemExit\n", 1, ["SystemExit"]),
    "flood": (
        NEAREST + "for _ in range(10**5): print('x' * 100)\n",
        6,
        ["nearest printed more than 50000"],
    ),
    "disk": (
        NEAREST + "for i in range(10**6): open(f'x{i}', 'wb').write(bytes(10**6))\n",
        0,
        ["it wrote more than 20 MB"],
    ),
    "deep": (
        NEAREST + "import os, time\nfor _ in range(1200): os.mkdir('d'); os.chdir('d')\n"
        "time.sleep(20)\n",
        0,
        ["it wrote more than 20 MB"],
    ),
    "letters": (NEAREST + r"raise ValueError('\ud800')", 6, ["Error"]),
    "odd_output": (NEAREST + "display({'text/plain': 5}, raw=True)\n", 6, []),
    "gradebook": (
        WRONG + "import os, sqlite3\n"
        "found = [os.path.join(d, n) for d, _, names in os.walk(os.getcwd()) for n in names]\n"
        "print('DATABASES', [path for path in found if path.endswith('.db')])\n"
        "db = sqlite3.connect('gradebook.db')\n"
        "db.execute('create table grade (manual_score)'); db.commit()\n",
        1,
        [],
    ),
}


def change(notebook):
    """Make checks weak and dear."""
    for name in ("nearest-check", "nearest-hidden"):
        cell = cell_of(notebook, name)
        cell.source = "assert True"
        cell.metadata.nbgrader.points = 50


def delete(notebook):
    """Take the checks out."""
    notebook.cells = [
        cell for cell in notebook.cells if not flags(cell).get("grade_id", "").endswith("-check")
    ]


def double(notebook):
    """Put a copy of an answer, with something else in it, above it."""
    place = notebook.cells.index(cell_of(notebook, "nearest"))
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    notebook.cells[place] |= {"id": "copy", "source": "x = 1"}


def strip(notebook):
    """Lose all marks."""
    for cell in notebook.cells:
        cell.metadata = {}


def other_kernel(notebook):
    """Name a kernel that is not there."""
    notebook.metadata.kernelspec = {"name": "julia-1.9", "display_name": "Julia"}
    notebook.metadata.language_info = {"name": "julia"}


def to_text(notebook):
    """Turn a check into text."""
    cell = cell_of(notebook, "nearest-check")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


def odd_marks(notebook):
    """Put nonsense where nbgrader's marks are."""
    cell_of(notebook, "nearest").metadata.nbgrader.grade_id = ["nearest"]
    cell_of(notebook, "mean").metadata["nbgrader"] = "mean"
    notebook.cells[0].metadata["nbgrader"] = None


EDITS = {
    "changed": (change, WRONG, 1, ["nearest-check was changed: the original was used"]),
    "deleted": (delete, NEAREST, 6, ["nearest-check was deleted or has lost its mark"]),
    "doubled": (double, NEAREST, 6, ["2 cells are called nearest: the last one counts"]),
    "stripped": (strip, NEAREST, 6, ["the cell of nearest had lost its mark"]),
    "kernel": (other_kernel, NEAREST, 6, []),
    "text": (to_text, WRONG, 1, ["nearest-check: 0 of 2"]),
    "odd_marks": (odd_marks, NEAREST, 6, ["the cell of mean had lost its mark"]),
}


def link(place):
    """A link to somebody else's notebook."""
    path = place / "small.ipynb"
    path.unlink()
    path.symlink_to(place.parents[1] / "right" / "hw" / "small.ipynb")


def rename(place):
    """Another file name."""
    (place / "small.ipynb").rename(place / "my work (2).ipynb")


def halves(place):
    """JSON with half a character in the answer and nothing of the kind that Python can write."""
    path = place / "small.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][0]["source"] = "\ud800"
    path.write_text(json.dumps(notebook), encoding="utf-8")


FILES = {
    "link": (link, 0, ["small.ipynb is a link to another file: it was not read"]),
    "broken": (
        lambda place: (place / "small.ipynb").write_text("{", encoding="utf-8"),
        0,
        ["small.ipynb cannot be read as a notebook"],
    ),
    "name": (rename, 6, ["my work (2).ipynb was taken for small.ipynb"]),
    "nothing": (lambda place: (place / "small.ipynb").unlink(), 0, ["was not handed in"]),
    "halves": (halves, 6, []),
    "time": (
        lambda place: (place / "timestamp.txt").write_text("yesterday?", encoding="utf-8"),
        6,
        [],
    ),
}


def chosen(table, some):
    """Return the rows of a table whose names are among some; all if it is None."""
    return [(name, row) for name, row in table.items() if some is None or name in some]


def spy(course):
    """Return an answer that looks for the work of others."""
    return (
        f"{WRONG}import os\nprint('OTHERS', os.path.exists({str(course.root)!r}))\n"
        f"print('HIDDEN', 'HIDDEN TESTS' in str(globals().get('In')))\n"
        f"open({str(course.root / 'submitted' / 'right' / 'hw' / 'small.ipynb')!r})\n"
    )


# One of each kind, for every day: right and wrong, without end, too large, changed, curious.
SOME = ("right", "wrong", "crash", "loop_ignores", "children", "bomb", "network", "flood")
SOME += ("gradebook", "changed", "stripped", "link", "nothing", "spy", "blank")


def hand_in_all(course, some=None):
    """Hand in what a class does, or only what `some` of it do.

    Returns the expected points and words of the log for each student.
    """
    expected = {}
    for student, (code, points, words) in chosen(CODE, some):
        hand_in(course, student, nearest=code, mean=BAD_MEAN if student in UNCERTAIN else MEAN)
        expected[student] = points, words
    for student, (edit, code, points, words) in chosen(EDITS, some):
        hand_in(course, student, nearest=code, edit=edit)
        expected[student] = points, words
    for student, (move, points, words) in chosen(FILES, some):
        move(hand_in(course, student))
        expected[student] = points, words
    hand_in(course, "spy", nearest=spy(course))
    hand_in(course, "blank", nearest=None, mean=None, words=None)
    return expected | {"spy": (1, ["FileNotFoundError"]), "blank": (0, ["NotImplementedError"])}
