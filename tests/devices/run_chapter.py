"""Run a chapter as on a machine with a GPU, which is pretended: only its use of devices is tried.

    python -m tests.devices.run_chapter book/autoencoders/vae

Trainings end after a few steps and assertions are left out, so that the figures mean nothing. With
`--short` it stops where the rest of the chapter has nothing to do with the device. It prints the
cells that fail, as JSON: number, first line, error, and where it was raised.
"""

import ast
import contextlib
import functools
import inspect
import json
import os
import re
import sys
import time
import traceback
import warnings

import matplotlib.pyplot as plt
import torch
from torch.utils._pytree import tree_leaves

from companion import train
from tests.pretended_gpu import DeviceTensor, pretended_gpu
from tools.pages.chapters import source

N_STEPS = 3


class WithoutAssertions(ast.NodeTransformer):
    """What a model says after a few steps is not what the chapter claims."""

    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)


def shortened(training):
    """Return the same function, whose `n_steps` is small whatever it is called with."""
    signature = inspect.signature(training)

    @functools.wraps(training)
    def few_steps(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        call.arguments["n_steps"] = min(call.arguments["n_steps"], N_STEPS)
        return training(*call.args, **call.kwargs)

    return few_steps


def few_steps_of(fit):
    """Return the training loop, which only counts after a few steps: the last loss stays.

    So the history has its length, and a callback that looks at every hundredth step sees some.
    """

    def few_steps(step, batches, n_steps, callback=None):
        results = []

        def step_or_not(batch):
            if len(results) < N_STEPS:
                results.append(step(batch))
            return results[-1]

        return fit(step_or_not, batches, n_steps, callback)

    return few_steps


def shorten_trainings():
    """Cut the loops of the companion, before the chapter imports any of them."""
    train.fit = few_steps_of(train.fit)
    from companion.autoencoders import autoencoder, latent

    autoencoder.converge = shortened(autoencoder.converge)
    latent.amortization_gap = shortened(latent.amortization_gap)


def failure(number, code, error):
    """Describe what went wrong in a cell."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        for frame in frames
        if "companion" in frame.filename or frame.filename.startswith("cell")
    ]
    return {
        "cell": number,
        "begins": code.strip().partition("\n")[0],
        "error": f"{type(error).__name__}: {error}",
        "at": places[-3:],
    }


def on_device(value):
    """Tell whether a variable of a chapter has anything on the device."""
    for leaf in tree_leaves(value):
        parts = leaf.state_dict().values() if isinstance(leaf, torch.nn.Module) else [leaf]
        if any(isinstance(part, DeviceTensor) for part in parts):
            return True
    return False


def is_over(rest, space):
    """Tell whether none of the cells to come has to do with the device."""
    code = "\n".join(rest)
    words = set(re.findall(r"\w+", code))
    here = {name for name in words & space.keys() if on_device(space[name])}
    return not here and not words & {"device", "cuda"}


def run(cells, *, to_the_end=True):
    """Run code cells one after the other; return a list of the failures.

    If not `to_the_end`, stop where the cells to come have nothing to do with the device.
    """
    space, failures = {"__name__": "__main__"}, []
    for number, code in enumerate(cells):
        if not to_the_end and is_over(cells[number:], space):
            break
        tree = ast.fix_missing_locations(WithoutAssertions().visit(ast.parse(code)))
        start = time.process_time()
        try:
            exec(compile(tree, f"cell {number}", "exec"), space)
        except Exception as error:
            failures.append(failure(number, code, error))
        plt.close("all")  # as in a notebook, where a cell begins with no figure
        print(f"cell {number}: {time.process_time() - start:.1f} s", flush=True)
    return failures


def main(page, *, to_the_end):
    """Run the code cells of a page, in its folder; return the failures."""
    import jupytext

    plt.switch_backend("Agg")
    warnings.simplefilter("ignore")  # of models that have hardly been trained
    shorten_trainings()
    notebook = jupytext.read(source(page))
    os.chdir(source(page).parent)
    with pretended_gpu():
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        return run(cells, to_the_end=to_the_end)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        failures = main(sys.argv[1], to_the_end="--short" not in sys.argv)
    print(json.dumps(failures))
