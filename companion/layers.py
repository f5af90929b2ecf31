"""Layers that several models share, and weights that come from a generator. Ground floor."""

import math

import torch
from torch import nn
from torch.nn import functional

from companion.distributions import uniform
from companion.validation import check_choice, check_integer, check_real


def initialize(module, *, generator):
    """Draw all weights of `module` anew, as PyTorch would, from `generator`; return the module.

    Every layer's ``reset_parameters`` is called, the inner ones first, so that a block can overrule
    the layers inside. The global random state is left alone. Call it before the module moves to
    another device.

    >>> model = initialize(nn.Linear(3, 2), generator=torch.Generator().manual_seed(0))
    """

    def reset(part):
        # nn.MultiheadAttention has the second name.
        for name in ("reset_parameters", "_reset_parameters"):
            if hasattr(part, name):
                getattr(part, name)()

    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return module.apply(reset)


def dropout(x, rate, *, training=True, generator=None):
    """Set each entry to 0 with probability `rate` and divide the others by ``1 - rate``.

    The mean stays the same. With ``training=False`` nothing happens.
    """
    check_real("rate", rate, 0, 1)
    if not training or rate == 0:
        return x
    kept = uniform(x.shape, generator=generator, like=x) >= rate
    return x * kept / (1 - rate) if rate < 1 else torch.zeros_like(x)


def sinusoidal_embedding(positions, n_dims, *, max_period=10_000.0):
    """Write positions (or times) as sines and cosines, (B,) to float (B, n_dims).

    Column i is ``sin(t w_i)``, column ``n_dims / 2 + i`` is ``cos(t w_i)``; the frequencies fall
    from 1 to nearly ``1 / max_period`` (Vaswani et al., 2017). A shift of t is a rotation.
    """
    if check_integer("n_dims", n_dims, low=2) % 2:
        raise ValueError(f"n_dims={n_dims} must be even: one sine and one cosine a frequency.")
    check_real("max_period", max_period, 0, inclusive=False)
    exponent = torch.arange(n_dims // 2, device=positions.device) / (n_dims // 2)
    angles = positions[:, None].float() * torch.exp(-math.log(max_period) * exponent)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def gate(x):
    """``tanh(a) * sigmoid(b)`` of the two halves of the channels, (B, 2 C, ...) to (B, C, ...)."""
    signal, opening = x.chunk(2, dim=1)
    return signal.tanh() * opening.sigmoid()


class MaskedLinear(nn.Linear):
    """Linear layer in which only the connections of a mask exist.

    Parameters
    ----------
    mask : tensor (n_outputs, n_inputs)
        1 where an output may see an input, 0 elsewhere.
    bias : bool
    """

    def __init__(self, mask, *, bias=True):
        super().__init__(mask.shape[1], mask.shape[0], bias=bias)
        # Made anew with the layer, hence in no checkpoint.
        self.register_buffer("mask", mask.to(self.weight.dtype), persistent=False)

    def forward(self, x):
        return functional.linear(x, self.weight * self.mask, self.bias)


def causal_mask(kernel_size, kind):
    """Where a square kernel may look: the rows above, and what is to the left in its own row.

    Kind "A" leaves out the centre and is for the first layer, which sees the pixels themselves.
    Kind "B" lets the centre in: later layers see features that have left it out already.

    >>> causal_mask(3, "A").int().tolist()
    [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    """
    check_choice("kind", kind, ("A", "B"))
    if check_integer("kernel_size", kernel_size) % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size} must be odd: a kernel has a centre.")
    place = torch.arange(kernel_size**2).view(kernel_size, kernel_size)
    return (place < kernel_size**2 // 2 + (kind == "B")).float()


class MaskedConv2d(nn.Conv2d):
    """Convolution in which only the connections of a mask exist; the image keeps its size.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels.
    mask : tensor (height, width), or (n_outputs, n_inputs, height, width)
        1 where the kernel may look, 0 elsewhere; its height and width, both odd, are the kernel's.
    **kwargs
        Passed on to ``nn.Conv2d``.
    """

    def __init__(self, n_inputs, n_outputs, mask, **kwargs):
        kernel_size = tuple(mask.shape[-2:])
        super().__init__(n_inputs, n_outputs, kernel_size, padding="same", **kwargs)
        mask = mask.to(self.weight.dtype).expand_as(self.weight).clone()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class CausalConv1d(nn.Conv1d):
    """Convolution over time that sees the present and the past: (B, C, T) to (B, n_outputs, T).

    Output t depends on inputs ``t, t - dilation, ..., t - (kernel_size - 1) dilation``.
    """

    def __init__(self, n_inputs, n_outputs, kernel_size, *, dilation=1, bias=True):
        super().__init__(n_inputs, n_outputs, kernel_size, dilation=dilation, bias=bias)
        self.n_past = (kernel_size - 1) * dilation

    def forward(self, x):
        return super().forward(functional.pad(x, (self.n_past, 0)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity, (B, C, H, W) to the same shape (He et al., 2016).

    ``x + conv(silu(norm(conv(silu(norm(x))) + W c)))``. The last convolution starts at zero:
    a new block is the identity.

    Parameters
    ----------
    n_channels : int
    n_context : int
        Size of the vector c that every pixel is told, 0 for none.
    n_groups : int
        Of the group normalisation; divides `n_channels`.
    """

    def __init__(self, n_channels, *, n_context=0, n_groups=1):
        super().__init__()
        check_integer("n_channels", n_channels)
        self.norm1 = nn.GroupNorm(n_groups, n_channels)
        self.conv1 = nn.Conv2d(n_channels, n_channels, 3, padding=1)
        self.context = nn.Linear(n_context, n_channels) if n_context else None
        self.norm2 = nn.GroupNorm(n_groups, n_channels)
        self.conv2 = nn.Conv2d(n_channels, n_channels, 3, padding=1)
        self.reset_parameters()

    def reset_parameters(self):
        """Make the block the identity."""
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, context=None):
        """Map `x` (B, C, H, W), with `context` (B, n_context) where the block has one."""
        if (context is None) != (self.context is None):
            raise ValueError(
                f"context is {'missing' if context is None else 'given'}, but the block was made "
                f"with{'out' if self.context is None else ''} n_context: change one of them."
            )
        hidden = self.conv1(functional.silu(self.norm1(x)))
        if context is not None:
            hidden = hidden + self.context(context)[:, :, None, None]
        return x + self.conv2(functional.silu(self.norm2(hidden)))
