"""Every deep model of the companion is held to a contract."""

import ast

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state
from torch import nn

from companion.distributions import standard_normal
from tests.contracts import (
    DeepContract,
    DeviceContract,
    GenerativeContract,
    no_generator,
    seeded,
)
from tests.pretended_gpu import generator_on_device, needs_pretended_gpu
from tools.pages.chapters import ROOT

# Bases that are no models by themselves.
ABSTRACT = {
    "Autoregressive",
    "PixelModel",
    "Autoencoder",
    "LatentVariableModel",
    "Flow",
    "TwoViews",
}
# What they change is an image: without weights to learn, of the contracts only devices apply.
OF_AN_IMAGE = {"StyleTransfer"}


def classes(paths):
    """Yield the class definitions of some files."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


def names_under_contract(*contracts):
    """Names that stand in the body of a test class that keeps a contract, directly or not.

    A class of a test file that is derived from a model stands for the model.
    """
    nodes = list(classes((ROOT / "tests").rglob("*.py")))
    signed = set(contracts)
    while new := {node.name for node in nodes if bases(node) & signed} - signed:
        signed |= new
    inside = {
        n.id
        for node in nodes
        if node.name in signed
        for n in ast.walk(node)
        if isinstance(n, ast.Name)
    }
    return inside.union(*(bases(node) for node in nodes if node.name in inside))


def test_every_model_with_a_loss_has_signed():
    signed = names_under_contract("DeepContract", "GenerativeContract", "AutoregressiveContract")
    signed |= OF_AN_IMAGE & names_under_contract("DeviceContract")
    assert deep_models() - signed == set(), "subclass a contract of tests/contracts.py for these"


class Honest(nn.Module):
    """A model that is where it was put; each of the others breaks one rule of devices."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.arange(3.0))
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0]))

    def noise(self, shape, generator):
        return standard_normal(shape, generator=generator, like=self.mean)

    def loss(self, x, *, generator=None):
        noise = self.noise(x.shape, generator)
        return ((x + 0.1 * noise - self.mean) / self.scale).square().sum(dim=1).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        return self.mean + self.scale * self.noise((n, 3), generator)


class ConstantOfTheCPU(Honest):
    def loss(self, x, *, generator=None):
        return super().loss(x / torch.full((3,), 2.0), generator=generator)


class GeneratorOfTheCPU(Honest):
    def noise(self, shape, generator):
        device = self.mean.device
        return torch.randn(shape, generator=torch.Generator().manual_seed(0), device=device)


class IgnoresWhereTheGeneratorIs(Honest):
    def noise(self, shape, generator):
        return torch.randn(shape, generator=generator).to(self.mean)


class ThroughNumpy(Honest):
    def loss(self, x, *, generator=None):
        return super().loss(x, generator=generator) + x.numpy().mean().item()


class HiddenPart(Honest):
    def __init__(self):
        super().__init__()
        self.hidden = (nn.Linear(3, 3, bias=False).requires_grad_(False),)

    def loss(self, x, *, generator=None):
        return super().loss(self.hidden[0](x), generator=generator)


class SamplesOfTheCPU(Honest):
    def sample(self, n, *, generator=None):
        return super().sample(n, generator=generator).cpu()


class OtherNumbers(Honest):
    def noise(self, shape, generator):
        return super().noise(shape, None)


def contract_of(model):
    """The contract that a test file would sign for a model."""

    class Signed(GenerativeContract):
        def make(self):
            return model()

        def batch(self):
            return torch.linspace(-1, 1, 12).view(4, 3)

    return Signed()


def check_devices(contract):
    """Everything that a contract says of devices."""
    for make_generator in (seeded, generator_on_device, no_generator):
        contract.test_on_the_device_it_says_what_it_says_on_the_cpu(make_generator)
    contract.test_on_the_device_it_draws_what_it_draws_on_the_cpu()


@needs_pretended_gpu
def test_a_model_that_is_where_it_was_put_keeps_the_contract_of_devices():
    check_devices(contract_of(Honest))


@needs_pretended_gpu
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ConstantOfTheCPU, "all tensors on one device"),
        (GeneratorOfTheCPU, "a generator of the device, found one of cpu"),
        (IgnoresWhereTheGeneratorIs, "a generator of cpu, found the device's"),
        (ThroughNumpy, "use Tensor.cpu"),
        (HiddenPart, "all tensors on one device"),
        (SamplesOfTheCPU, "sample is on cpu"),
        (OtherNumbers, "loss: "),
    ],
)
def test_a_model_that_forgets_its_device_breaks_the_contract(model, words):
    with pytest.raises((AssertionError, RuntimeError, TypeError), match=words):
        check_devices(contract_of(model))


def test_every_deep_class_signs_what_is_said_of_devices():
    assert issubclass(DeepContract, DeviceContract)


@pytest.mark.parametrize("again", range(2))
def test_a_test_without_a_seed_draws_what_it_draws_alone(again):
    """tests/conftest.py: no random network depends on the tests that ran before."""
    assert torch.equal(torch.rand(3), torch.rand(3, generator=seeded()))
    assert np.array_equal(check_random_state(None).rand(3), check_random_state(0).rand(3))
