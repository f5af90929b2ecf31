"""The pretended GPU keeps CUDA's rules, computes what the CPU computes, and is gone afterwards."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.contracts import seeded
from tests.pretended_gpu import (
    DeviceTensor,
    generator_on_device,
    needs_pretended_gpu,
    pretended_gpu,
)

pytestmark = needs_pretended_gpu

FORBIDDEN = {
    "sum": (lambda x: x + torch.ones(2), "all tensors on one device"),
    "stack with a scalar": (
        lambda x: torch.stack([x.sum(), torch.tensor(1.0)]),
        "all tensors on one device",
    ),
    "layer": (lambda x: nn.Linear(2, 1)(x), "all tensors on one device"),
    "index of the device": (lambda x: torch.ones(9)[x.long()], "all tensors on one device"),
    "values put": (
        lambda x: x.index_put_((torch.tensor([0, 1]),), torch.ones(2, 2)),
        "all tensors on one device",
    ),
    "generator": (lambda x: x.normal_(generator=seeded()), "found one of cpu"),
    "generator of new numbers": (
        lambda x: torch.rand(2, device=x.device, generator=seeded()),
        "found one of cpu",
    ),
    "generator of the device": (
        lambda x: torch.rand(2, generator=generator_on_device(0)),
        "found the device's",
    ),
    "numpy": (lambda x: x.numpy(), "use Tensor.cpu"),
    "array": (np.asarray, "use Tensor.cpu"),
    "whole product": (lambda x: x.long() @ x.long().T, "no matrix product of whole numbers"),
}

ALLOWED = {
    "copy": lambda x: x.copy_(torch.ones(3, 2)),
    "index of the cpu": lambda x: x[torch.tensor([0, 2])],
    "scalar": lambda x: x + torch.tensor(1.0),
    "assignment": lambda x: x.clone().fill_(0).index_fill_(0, torch.arange(2).to(x.device), 2.0),
    "numbers": lambda x: torch.tensor([x.sum(), 2.0], device=x.device),
    "draws": lambda x: torch.rand(2, device=x.device, generator=generator_on_device(0)) + 0 * x[0],
    "there and back": lambda x: torch.as_tensor(x.cpu().numpy(), device=x.device),
    "float product": lambda x: x @ x.T,
}


def numbers(device):
    return torch.arange(6.0).view(3, 2).to(device)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_cuda_refuses_is_refused(name):
    action, words = FORBIDDEN[name]
    with pretended_gpu() as device, pytest.raises((RuntimeError, TypeError), match=words):
        action(numbers(device))


@pytest.mark.parametrize("name", ALLOWED)
def test_what_cuda_allows_gives_the_numbers_of_the_cpu(name):
    with pretended_gpu() as device:
        there = ALLOWED[name](numbers(device))
        assert isinstance(there, DeviceTensor)
        there = there.cpu()
    if name != "draws":
        assert torch.equal(there, ALLOWED[name](numbers("cpu")))
    else:
        assert torch.equal(there, torch.rand(2, generator=seeded()))


@pytest.mark.parametrize("bias", [True, False])
def test_the_lstm_of_a_gpu_has_the_outputs_and_gradients_of_the_cpu(bias):
    """PyTorch gives a GPU other operations for it, written anew in tests/pretended_gpu.py."""

    def answers(device):
        model, x = nn.LSTM(2, 4, num_layers=2, bias=bias, batch_first=True), numbers(device)
        with torch.no_grad():
            for place, weight in enumerate(model.parameters()):
                weight.copy_(torch.linspace(-1, 1, weight.numel()).view_as(weight).roll(place))
        model, x = model.to(device), x[None].requires_grad_()
        out, (hidden, cell) = model(x)
        (out.square().sum() + (hidden * cell).sum()).backward()
        return [v.cpu() for v in (out, cell, x.grad, *(w.grad for w in model.parameters()))]

    with pretended_gpu() as device:
        there = answers(device)
    torch.testing.assert_close(there, answers("cpu"))


def test_the_name_of_the_gpu_stands_for_it_and_only_inside():
    available = torch.cuda.is_available()
    with pretended_gpu() as device:
        assert torch.cuda.is_available()
        for name in ("cuda", "cuda:0", torch.device("cuda")):
            assert torch.ones(2, device=name).device == device
            assert nn.Linear(2, 2).to(name).weight.device == device
    assert torch.cuda.is_available() == available
    assert torch.ones(2).device.type == "cpu"
    if not available:
        with pytest.raises((RuntimeError, AssertionError), match="CUDA"):
            torch.ones(2, device="cuda")


def test_it_is_gone_after_an_error_too():
    available = torch.cuda.is_available()
    with pytest.raises(KeyError), pretended_gpu():
        raise KeyError
    assert torch.cuda.is_available() == available


@pytest.mark.filterwarnings("error")
def test_the_random_state_of_the_cpu_is_kept_and_seeded_as_without_it():
    """PyTorch asks a device that is registered, entered or not, for its random state too."""
    torch.manual_seed(0)
    with torch.random.fork_rng():
        inside = torch.rand(3)
    assert torch.equal(inside, torch.rand(3))
    assert torch.equal(inside, torch.rand(3, generator=seeded()))
