"""Every chapter that uses PyTorch runs on a pretended GPU, each in a process of its own."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from companion.train import fit
from tests.devices.run_chapter import few_steps_of, run, shortened
from tests.pretended_gpu import needs_pretended_gpu, pretended_gpu
from tools import ROOT
from tools.pages.chapters import ONE_THREAD, pages, text_of

DEEP = re.compile(r"^(import|from) torch\b|torch\.cuda\.is_available\(\)", re.MULTILINE)


def deep_chapters():
    """Pages that use PyTorch: found, not listed."""
    return [page for page in pages() if DEEP.search(text_of(page))]


def earliest():
    """Of each part the chapter whose device line comes first: the short run of it is short."""
    parts = defaultdict(list)
    for page in deep_chapters():
        if (place := text_of(page).find("torch.cuda.is_available()")) >= 0:
            parts[page.rpartition("/")[0]].append((place, page))
    return [min(places)[1] for places in parts.values()]


def failures(page, *options):
    """Run a page in a fresh process; return the cells that failed, described in a line each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.devices.run_chapter", page, *options],
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [
        "cell {cell} ({begins}): {error} {at}".format(**cell)
        for cell in json.loads(done.stdout.splitlines()[-1])
    ]


@needs_pretended_gpu
@pytest.mark.parametrize("page", earliest())
def test_a_chapter_of_each_part_runs_on_a_device(page):
    """As far as it has to do with the device."""
    failed = failures(page, "--short")
    assert not failed, "\n".join([f"{page} on a GPU:", *failed])


@pytest.mark.thorough
@needs_pretended_gpu
@pytest.mark.parametrize("page", deep_chapters())
def test_every_deep_chapter_runs_on_a_device(page):
    failed = failures(page)
    assert not failed, "\n".join([f"{page} on a GPU:", *failed])


@needs_pretended_gpu
def test_a_device_that_a_cell_forgets_is_reported_and_the_next_cell_runs():
    cells = ["import torch\nx = torch.ones(2, device='cuda')", "x + torch.ones(2)", "assert x is 1"]
    with pretended_gpu():
        (failed,) = run([*cells, "x = x + 1"])
    assert failed["cell"] == 1
    assert failed["begins"] == "x + torch.ones(2)"
    assert "expected all tensors on one device" in failed["error"]
    assert failed["at"] == ["cell 1:1"]


@needs_pretended_gpu
def test_a_short_run_ends_where_nothing_of_the_device_is_left():
    cells = [
        "import torch",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'",
        "model, bits = torch.nn.Linear(2, 2).to(device), [torch.ones(2)]",
        "wrong",
        "model = model.cpu()",
        "wrong, model, bits",
    ]
    with pretended_gpu():
        assert [failed["cell"] for failed in run(cells, to_the_end=False)] == [3]
        assert [failed["cell"] for failed in run(cells)] == [3, 5]


def test_a_short_training_leaves_a_history_of_full_length():
    steps, seen = [], []
    history = few_steps_of(fit)(
        lambda batch: steps.append(batch) or batch,
        itertools.count(),
        100,
        lambda record: seen.append(record["step"]),
    )
    assert steps == [0, 1, 2]
    assert [record["step"] for record in history] == seen == list(range(1, 101))
    assert history[-1]["loss"] == 2


def test_a_training_is_cut_however_it_is_told_its_length():
    def training(model, n_steps=100):
        return n_steps

    short = shortened(training)
    assert short(None) == short(None, 50) == short(None, n_steps=20) == 3
    assert short(None, 2) == 2
