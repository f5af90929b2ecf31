"""A pretended GPU: real numbers, computed on the CPU, under the rules of CUDA's devices.

It tries a program's use of devices where there is no GPU: a pretended tensor refuses what a CUDA
tensor refuses, which is arithmetic with tensors of the CPU, generators of the CPU, `.numpy()`, and
matrix products of whole numbers. It says nothing about speed or rounding.

```python
with pretended_gpu() as device:
    model.to(device).loss(x.to(device), generator=generator_on_device(0))
```

PyTorch starts the threads of its devices with the first backward pass of a process: import this
module before that, as `tests/contracts.py` does.
"""

from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch
from weakref import WeakValueDictionary

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration

NAME, CPU = "pretend", torch.device("cpu")
HOOK = "_setup_privateuseone_for_python_backend"
# PyTorch asks this of a device that is registered, entered or not: there is none to take care of.
MODULE = SimpleNamespace(
    is_available=lambda: False,
    device_count=lambda: 0,
    _is_in_bad_fork=lambda: False,
    manual_seed_all=lambda seed: None,
)
if hasattr(backend_registration, HOOK):
    getattr(backend_registration, HOOK)(NAME, MODULE)
    HERE, WHY_NOT = torch.device(NAME, 0), ""
else:
    HERE = None
    WHY_NOT = f"PyTorch {torch.__version__} lets no device be written in Python ({HOOK})"
needs_pretended_gpu = pytest.mark.skipif(HERE is None, reason=WHY_NOT)

aten = torch.ops.aten

# What may meet tensors of the CPU: copies, and an index, which may lie on either side.
COPIES = {aten._to_copy.default, aten.copy_.default, aten.copy.default}
LOOKUPS = {
    aten.index.Tensor,
    aten._unsafe_index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
# What takes no scalar of the CPU either.
STRICT = {aten.cat.default, aten.stack.default}
PRODUCTS = {
    getattr(aten, name).default
    for name in ("mm", "mv", "dot", "vdot", "bmm", "addmm", "addmv", "baddbmm")
}


class DeviceTensor(torch.Tensor):
    """A tensor that says it is on the device; `inner` is where its numbers really are."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        new = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            dtype=inner.dtype,
            device=HERE,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
        )
        new.inner = inner.detach()
        return new

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return run(operation, *args, **(kwargs or {}))

    def numpy(self, *, force=False):
        if force:
            return self.inner.numpy()
        raise TypeError("can't convert a tensor of the device to numpy: use Tensor.cpu() first.")

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def tolist(self):
        return self.inner.tolist()

    def __deepcopy__(self, memo):
        new = DeviceTensor(self.inner.clone())
        if isinstance(self, torch.nn.Parameter):
            new = torch.nn.Parameter(new, requires_grad=self.requires_grad)
        return new.requires_grad_(self.requires_grad)

    def __repr__(self):
        return f"DeviceTensor({self.inner!r})"


class DeviceGenerator(torch.Generator):
    """A generator that says it is on the device; it draws what one of the CPU would draw."""

    @property
    def device(self):
        return HERE


# PyTorch hands an operation a new object for the same generator in C++: known by its address.
GENERATORS = WeakValueDictionary()


def generator_on_device(seed):
    """Return a generator of the device; torch.Generator("cuda") needs a real one."""
    generator = DeviceGenerator()
    generator.manual_seed(seed)
    GENERATORS[generator._cdata] = generator
    return generator


class Found:
    """What lies in the arguments of an operation, and these without the pretence."""

    def __init__(self, args, kwargs):
        self.here, self.strangers, self.generators = [], [], []
        self.args = self.bare(args)
        self.kwargs = {name: self.bare(value) for name, value in kwargs.items()}

    def bare(self, value):
        kind = type(value)
        if kind is DeviceTensor:
            self.here.append(value)
            return value.inner
        if kind is list or kind is tuple:
            return kind(map(self.bare, value))
        if kind is torch.device:
            return CPU if value == HERE else value
        if isinstance(value, torch.Generator):
            self.generators.append(value)
        elif isinstance(value, torch.Tensor):
            self.strangers.append(value)
        return value

    def check(self, operation, args):
        """Raise the `RuntimeError` that CUDA would raise."""
        strangers = [part for part in self.strangers if part.dim() or operation in STRICT]
        if operation in LOOKUPS and isinstance(args[0], DeviceTensor):
            strangers = [s for s in strangers if not any(s is part for part in args[1])]
        if self.here and strangers and operation not in COPIES:
            raise RuntimeError(
                f"{operation}: expected all tensors on one device, but found {NAME}:0 and cpu "
                f"(of shape {tuple(strangers[0].shape)})."
            )
        if operation in PRODUCTS and not (args[0].is_floating_point() or args[0].is_complex()):
            raise RuntimeError(f"{operation}: CUDA has no matrix product of whole numbers.")
        if any(generator._cdata not in GENERATORS for generator in self.generators):
            raise RuntimeError(
                f"{operation}: expected a generator of the device, found one of cpu."
            )


def run(operation, *args, **kwargs):
    """Run an operation that has to do with the device: on the CPU, if the rules allow it."""
    found, target = Found(args, kwargs), kwargs.get("device")
    found.check(operation, args)
    out = OTHERWISE.get(operation, operation)(*found.args, **found.kwargs)
    returns = operation._schema.returns
    if returns and returns[0].alias_info is not None and returns[0].alias_info.is_write:
        return kwargs["out"] if "out" in kwargs else args[0]  # in place
    is_there = found.here if target is None else target == HERE
    return dressed(out) if is_there else out


def dressed(out):
    """Put the results of an operation on the device."""
    if type(out) in (list, tuple):
        return type(out)(map(dressed, out))
    return DeviceTensor(out) if type(out) is torch.Tensor else out


def translated(value):
    """Write the pretended device in place of "cuda"."""
    if type(value) is torch.device:
        return HERE if value.type == "cuda" else value
    return HERE if type(value) is str and value.split(":")[0] == "cuda" else value


class CudaMeansPretended(TorchFunctionMode):
    """Let "cuda" stand for the pretended device, as the chapters write it."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        args = tuple(map(translated, args))
        kwargs = {name: translated(value) for name, value in kwargs.items()} if kwargs else {}
        if function in MAKERS:
            return made(function, *args, **kwargs)
        out = function(*args, **kwargs)
        if type(kwargs.get("generator")) is DeviceGenerator and type(out) is torch.Tensor:
            raise RuntimeError(f"{function}: expected a generator of cpu, found the device's.")
        return out


MAKERS = {torch.tensor, torch.as_tensor, torch.asarray}


def made(function, values, **options):
    """Make a tensor of numbers: on the CPU first, which PyTorch does in C++."""
    if isinstance(values, list | tuple):
        values = [v.item() if type(v) is DeviceTensor else v for v in values]
    if options.get("device") == HERE:
        return function(values, **(options | {"device": CPU})).to(HERE)
    return function(values, **options)


@contextmanager
def pretended_gpu():
    """Make "cuda" available, pretended, until the end of the block; gives the device."""
    with patch.object(torch.cuda, "is_available", lambda: True), CudaMeansPretended():
        yield HERE


# An LSTM has operations of its own on a GPU, which the CPU lacks.


def lstm_cell(inputs, hidden, cell, *biases):
    """Gates (B, 4 C), from the input and from the state, to h, c and what backward needs."""
    gates = sum((bias for bias in biases if bias is not None), inputs + hidden)
    i, f, g, o = gates.chunk(4, 1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    new = f * cell + i * g
    return o * new.tanh(), new, torch.cat([i, f, g, o], 1)


def lstm_cell_backward(grad_hidden, grad_cell, cell, new, saved, has_bias):
    """Gradients of the gates, of the old cell and of the bias."""
    i, f, g, o = saved.chunk(4, 1)
    grad_hidden, grad_cell = (
        torch.zeros_like(new) if grad is None else grad for grad in (grad_hidden, grad_cell)
    )
    inner = grad_hidden * o * (1 - new.tanh() ** 2) + grad_cell
    gates = [
        inner * g * i * (1 - i),
        inner * cell * f * (1 - f),
        inner * i * (1 - g**2),
        grad_hidden * new.tanh() * o * (1 - o),
    ]
    gates = torch.cat(gates, 1)
    return gates, inner * f, gates.sum(0) if has_bias else None


OTHERWISE = {
    aten._thnn_fused_lstm_cell.default: lstm_cell,
    aten._thnn_fused_lstm_cell_backward_impl.default: lstm_cell_backward,
}

if HERE is not None:  # New tensors are made by operations that no tensor stands behind.
    LIBRARY = torch.library.Library("_", "IMPL")
    LIBRARY.fallback(run, "PrivateUse1")
