"""PixelCNN: convolutions that look only at pixels that came before. Chapter: `pixelcnn`."""

from functools import partial

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from companion.autoregressive.ancestral import Autoregressive
from companion.layers import MaskedConv2d, causal_mask, dropout, gate

KEEP = nn.Identity()  # a dropout that drops nothing

# An order of pixels is the same as another picture of the image, read as usual.
ORDERS = {
    "as we read": lambda x: x,
    "right to left": lambda x: x.flip(-1),
    "column by column": lambda x: x.transpose(-1, -2),
    "from the end": lambda x: x.flip(-1, -2),
}


class PixelModel(Autoregressive):
    """Grey images (B, 1, H, W), pixel by pixel as we read: what the PixelCNNs share.

    A subclass writes `features`; ``self.head`` reads the logits off them.
    """

    def __init__(self, shape, n_levels):
        super().__init__((1, *shape), n_levels)

    def features(self, x, context, drop):
        """Embedded pixels (B, n_features, H, W) to what is known of each before it is seen.

        `context` is None or (B, n_context, 1, 1); `drop` is the dropout.
        """
        raise NotImplementedError

    def readout(self, hidden):
        """Features (B, n_channels, H, W) to logits (B, 1, H, W, n_levels)."""
        return self.head(hidden).movedim(1, -1)[:, None]

    def hidden(self, inputs, context=None, *, generator=None):
        """Features of embedded images (B, 1, H, W, n_features), as `readout` takes them."""
        x = inputs[:, 0].movedim(-1, 1)  # (B, n_features, H, W)
        if context is not None and context.ndim == 2:
            context = context[:, :, None, None]  # the same for all pixels
        return self.features(x, context, partial(self.drop, generator=generator))

    def drop(self, features, generator):
        """Dropout of whole channels, another set for each image: neighbours cannot stand in."""
        channels = features.new_ones(*features.shape[:2], *[1] * (features.ndim - 2))
        return features * dropout(
            channels, self.dropout, training=self.training, generator=generator
        )

    def conditionals(self, inputs, context=None, *, generator=None):
        return self.readout(self.hidden(inputs, context, generator=generator))

    forward = conditionals  # what torch.func calls


class PixelCNN(PixelModel):
    """Masked convolutions (van den Oord, Kalchbrenner and Kavukcuoglu, 2016), with a blind spot.

    One layer with mask A, then residual layers with mask B.

    Parameters
    ----------
    shape : (height, width)
    n_levels : int
    n_channels, n_layers, kernel_size : int
    n_context : int
        Size of a vector that all pixels are told, 0 for none.
    dropout : float
    """

    def __init__(
        self,
        shape=(8, 8),
        n_levels=17,
        *,
        n_channels=32,
        n_layers=5,
        kernel_size=3,
        n_context=8,
        dropout=0.25,
    ):
        super().__init__(shape, n_levels)
        self.dropout = dropout
        self.first = MaskedConv2d(n_levels, n_channels, causal_mask(kernel_size, "A"))
        mask = causal_mask(kernel_size, "B")
        self.layers = nn.ModuleList(
            MaskedConv2d(n_channels, n_channels, mask) for _ in range(n_layers)
        )
        self.context = nn.Conv2d(n_context, n_channels, 1, bias=False) if n_context else None
        self.head = readout_layers(n_channels, n_levels)

    def features(self, x, context, drop):
        hidden = self.first(x)
        if context is not None:
            hidden = hidden + self.context(context)
        for layer in self.layers:
            hidden = hidden + drop(layer(functional.silu(hidden)))
        return hidden


def readout_layers(n_channels, n_outputs):
    """Two layers that see one pixel's features each."""
    return nn.Sequential(
        nn.SiLU(),
        nn.Conv2d(n_channels, n_channels, 1),
        nn.SiLU(),
        nn.Conv2d(n_channels, n_outputs, 1),
    )


class GatedBlock(nn.Module):
    """One layer of both stacks; the horizontal one listens to the vertical one, never back."""

    def __init__(self, n_channels, n_context=0):
        super().__init__()
        # The row above and its own; the pixel to the left and its own.
        self.down = nn.Conv2d(n_channels, 2 * n_channels, (2, 3))
        self.right = nn.Conv2d(n_channels, 2 * n_channels, (1, 2))
        self.link = nn.Conv2d(n_channels * 2, 2 * n_channels, 1)
        self.mix = nn.Conv2d(n_channels, n_channels, 1)
        self.context = nn.Conv2d(n_context, 2 * n_channels, 1, bias=False) if n_context else None

    def forward(self, v, h, context=None, drop=KEEP):
        """Both stacks for whole images, (B, n_channels, H, W) each."""
        s = self.down(functional.pad(v, (1, 1, 1, 0)))  # zeros around
        if context is not None:
            s = s + self.context(context)
        t = self.right(functional.pad(h, (1, 0))) + self.link(s)  # zeros left
        return v + drop(gate(s)), h + self.mix(drop(gate(t)))


class GatedPixelCNN(PixelModel):
    """Two stacks of gated convolutions, without a blind spot (van den Oord et al., 2016).

    The vertical stack has seen the rows above a pixel, all of them; the horizontal one what is to
    its left in its own row, and what the vertical stack says.

    Parameters
    ----------
    shape : (height, width)
    n_levels : int
    n_features, n_outputs : int, optional
        Numbers in and out of the network for each pixel, if not `n_levels`.
    n_channels, n_layers : int
        Of each stack.
    n_context : int
        Size of a vector that all pixels are told, 0 for none.
    dropout : float
    """

    REACH = 3  # rows above, pixels on either side, and to the left that the first layer sees

    def __init__(
        self,
        shape=(8, 8),
        n_levels=17,
        *,
        n_features=None,
        n_outputs=None,
        n_channels=32,
        n_layers=5,
        n_context=8,
        dropout=0.25,
    ):
        super().__init__(shape, n_levels)
        self.dropout, reach = dropout, self.REACH
        n_features = n_features or n_levels
        self.above = nn.Conv2d(n_features, n_channels, (reach, 2 * reach + 1))
        self.left = nn.Conv2d(n_features, n_channels, (1, reach))
        self.position = nn.Parameter(torch.zeros(n_channels, *shape))
        self.blocks = nn.ModuleList(GatedBlock(n_channels, n_context) for _ in range(n_layers))
        self.head = readout_layers(n_channels, n_outputs or n_levels)

    def reset_parameters(self):
        """Start as if all positions were alike."""
        nn.init.zeros_(self.position)

    def enter(self, x):
        """First layer of both stacks, from embedded pixels (B, n_features, H, W)."""
        reach = self.REACH
        # Without the last row, or column: everything moves down, or right, by one.
        v = self.above(functional.pad(x[:, :, :-1], (reach, reach, reach, 0))) + self.position
        return v, self.left(functional.pad(x[..., :-1], (reach, 0)))

    def features(self, x, context, drop):
        v, h = self.enter(x)
        for block in self.blocks:
            v, h = block(v, h, context, drop)
        return h


def receptive_field(model, row, column):
    """How much the conditional of one pixel reacts to each pixel, by autograd: tensor (H, W).

    ``|d logits(row, column) / d x(i, j)|``, summed over levels; exactly 0 where it cannot see. The
    derivative is taken at an empty image.
    """
    inputs = model.embed(model.blank(1)).requires_grad_()
    logits = model.conditionals(inputs)[0, 0, row, column]  # (n_levels,)
    slopes = [torch.autograd.grad(logit, inputs, retain_graph=True)[0] for logit in logits]
    return torch.stack(slopes).abs().sum(dim=(0, -1))[0, 0]


def fisher_score(model, x, parameters="head", *, chunk_size=64):
    """Gradient of ``log p(x)`` for some of the parameters, one row for each image.

    The chain rule gives no code z; this gradient says how the model would change to make x more
    likely, and serves as one (Jaakkola and Haussler, 1999).

    Parameters
    ----------
    model : Autoregressive
        In evaluation mode.
    x : tensor (B, *event)
    parameters : str
        Those whose name starts so.
    chunk_size : int
        Images differentiated together.

    Returns
    -------
    tensor (B, n_parameters)
    """
    fixed = {name: weight.detach() for name, weight in model.named_parameters()}
    chosen = {name: weight for name, weight in fixed.items() if name.startswith(parameters)}
    if not chosen:
        names = ", ".join(name for name, _ in model.named_children())
        raise ValueError(f"parameters={parameters!r} starts no parameter's name: try {names}.")
    x = model.check(x)

    def log_prob(weights, inputs, levels):
        logits = functional_call(model, fixed | weights, (inputs[None],))[0]
        return logits.log_softmax(dim=-1).gather(-1, levels[..., None]).sum()

    per_image = vmap(grad(log_prob), in_dims=(None, 0, 0), chunk_size=chunk_size)
    scores = per_image(chosen, model.embed(x).detach(), x)
    return torch.cat([score.flatten(1) for score in scores.values()], dim=1)
