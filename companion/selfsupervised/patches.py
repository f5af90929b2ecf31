"""Images as rows of small squares, which of these are seen, and networks that read and draw them.

Chapter: `pretext`.
"""

import torch
from torch import nn

from companion.autoregressive.transformer import Block
from companion.distributions import uniform
from companion.validation import check_integer


def check_divides(name, size, lengths):
    """Return `size`, or raise a `ValueError` if it does not divide the sides of an image."""
    size = check_integer(name, size)
    if any(length % size for length in lengths):
        raise ValueError(f"{name}={size} must divide the sides {tuple(lengths)}: choose another.")
    return size


def patch(images, size):
    """Cut images (B, C, H, W) into squares, (B, H W / size^2, C size^2), row by row."""
    check_divides("size", size, images.shape[-2:])
    rows = images.unfold(2, size, size).unfold(3, size, size)  # (B, C, rows, columns, size, size)
    return rows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def unpatch(patches, event_shape):
    """Put the squares of `patch` together again: images (B, *event_shape)."""
    channels, height, width = event_shape
    size = round((patches.shape[-1] / channels) ** 0.5)
    if patches.shape[1] * patches.shape[2] != channels * height * width:
        raise ValueError(
            f"patches has shape {tuple(patches.shape)}, which is no image of shape "
            f"{tuple(event_shape)}: pass what patch returns."
        )
    grid = patches.unflatten(2, (channels, size, size))
    grid = grid.unflatten(1, (height // size, width // size))  # (B, rows, columns, C, size, size)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, *event_shape)


def choose_patches(n, n_patches, n_kept, *, generator=None, like=None):
    """Which patches of each image are seen, drawn anew for each.

    Returns
    -------
    kept : int tensor (n, n_kept)
        Places of the patches that are seen, in random order.
    back : int tensor (n, n_patches)
        ``cat([seen, hidden]).gather(back)`` puts the seen ones, in the order of `kept`, and the
        hidden ones in their places.
    """
    check_integer("n_kept", n_kept, high=n_patches)
    order = uniform((n, n_patches), generator=generator, like=like).argsort(dim=1)
    return order[:, :n_kept], order.argsort(dim=1)


def take(tokens, places):
    """Rows of tokens (B, T, D) at places (B, n): (B, n, D)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[-1]))


def hidden_patches(kept, n_patches):
    """True where a patch is not among the kept ones, bool (B, n_patches)."""
    hidden = torch.ones(len(kept), n_patches, dtype=torch.bool, device=kept.device)
    return hidden.scatter(1, kept, False)


class PatchEncoder(nn.Module):
    """A transformer that is given the patches that are seen, and nothing else.

    Parameters
    ----------
    n_patches, n_pixels, n_units, n_heads, n_layers : int
    """

    def __init__(self, n_patches, n_pixels, n_units, *, n_heads=4, n_layers=2):
        super().__init__()
        self.embed, self.places = nn.Linear(n_pixels, n_units), nn.Embedding(n_patches, n_units)
        self.blocks = nn.ModuleList(Block(n_units, n_heads, causal=False) for _ in range(n_layers))
        self.norm = nn.LayerNorm(n_units)
        self.reset_parameters()

    def reset_parameters(self):
        """Small embeddings."""
        nn.init.normal_(self.places.weight, std=0.2)

    def forward(self, patches, kept):
        """Codes (B, n, n_units) of the patches (B, T, n_pixels) at places `kept` (B, n)."""
        tokens = self.embed(take(patches, kept)) + self.places(kept)
        for block in self.blocks:
            tokens, _ = block(tokens)
        return self.norm(tokens)


class PatchDecoder(nn.Module):
    """A transformer that draws all patches: the codes in their places, one blank in all others.

    Parameters
    ----------
    n_patches, n_pixels, n_units, n_heads, n_layers : int
    """

    def __init__(self, n_patches, n_pixels, n_units, *, n_heads=4, n_layers=1):
        super().__init__()
        self.blank, self.places = (nn.Embedding(n, n_units) for n in (1, n_patches))
        self.blocks = nn.ModuleList(Block(n_units, n_heads, causal=False) for _ in range(n_layers))
        self.norm, self.head = nn.LayerNorm(n_units), nn.Linear(n_units, n_pixels)
        self.reset_parameters()

    def reset_parameters(self):
        """Small embeddings."""
        for table in (self.places, self.blank):
            nn.init.normal_(table.weight, std=0.2)

    def forward(self, codes, back):
        """Pixels (B, T, n_pixels) from codes (B, n, n_units); `back` as from `choose_patches`."""
        n_hidden = back.shape[1] - codes.shape[1]
        blanks = self.blank.weight.expand(len(codes), n_hidden, -1)
        tokens = take(torch.cat([codes, blanks], dim=1), back) + self.places.weight
        for block in self.blocks:
            tokens, _ = block(tokens)
        return self.head(self.norm(tokens))
