"""Every deep model of the companion is held to a contract."""

import ast

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state

from tests.contracts import seeded
from tools.chapters import ROOT

# Bases that are no models by themselves.
ABSTRACT = {"Autoregressive", "PixelModel", "Autoencoder", "LatentVariableModel"}


def classes(paths):
    """Yield the class definitions of some files."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield node


def bases(node):
    """Last names of the base classes."""
    return {getattr(base, "attr", getattr(base, "id", "")) for base in node.bases}


def deep_models():
    """Names of the companion's classes that have a loss, by themselves or by inheritance."""
    nodes = {node.name: node for node in classes((ROOT / "companion").rglob("*.py"))}
    assert set().union(*map(bases, nodes.values())) >= ABSTRACT, "not a base of anything"

    def has_loss(name):
        node = nodes.get(name)
        own = node is not None and any(getattr(f, "name", "") == "loss" for f in node.body)
        return own or (node is not None and any(map(has_loss, bases(node))))

    return {name for name in nodes if has_loss(name)} - ABSTRACT


def names_under_contract():
    """Names that stand in the body of a test class that keeps a contract, directly or not."""
    nodes = list(classes((ROOT / "tests").rglob("test_*.py")))
    signed = {"DeepContract", "GenerativeContract", "AutoregressiveContract"}
    while new := {node.name for node in nodes if bases(node) & signed} - signed:
        signed |= new
    for node in nodes:
        if node.name in signed:
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def test_every_model_with_a_loss_has_signed():
    unsigned = deep_models() - set(names_under_contract())
    assert unsigned == set(), "subclass a contract of tests/contracts.py for these"


@pytest.mark.parametrize("again", range(2))
def test_a_test_without_a_seed_draws_what_it_draws_alone(again):
    """tests/conftest.py: no random network depends on the tests that ran before."""
    assert torch.equal(torch.rand(3), torch.rand(3, generator=seeded()))
    assert np.array_equal(check_random_state(None).rand(3), check_random_state(0).rand(3))
