"""Pictures that were made beforehand, kept like weights.

Chapter: `style_transfer`.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import nn

from companion.validation import check_event


class Gallery(nn.Module):
    """Pictures by name; each is a buffer with the bytes of a JPEG file.

    An empty one takes whatever a checkpoint holds: ``load_weights(Gallery(), "style/posters")``.

    Parameters
    ----------
    quality : int
        Of the JPEG, 1 to 95.

    Examples
    --------
    >>> gallery = Gallery()
    >>> gallery["grey"] = torch.full((1, 3, 8, 8), 0.5)
    >>> list(gallery), gallery["grey"].shape
    (['grey'], torch.Size([1, 3, 8, 8]))
    """

    def __init__(self, quality=92):
        super().__init__()
        self.quality = quality

    def __iter__(self):
        return iter(self._buffers)

    def __len__(self):
        return len(self._buffers)

    def __setitem__(self, name, image):
        """Keep an image (1, 3, H, W) with values in [0, 1]."""
        file, pixels = io.BytesIO(), to_bytes(check_image("image", image))
        Image.fromarray(pixels).save(file, "JPEG", quality=self.quality, subsampling=0)
        self.register_buffer(name, torch.tensor(list(file.getvalue()), dtype=torch.uint8))

    def __getitem__(self, name):
        """Return a picture as float (1, 3, H, W) in [0, 1]."""
        if name not in self._buffers:
            raise ValueError(f"name={name!r} is not kept here: choose one of {', '.join(self)}.")
        file = io.BytesIO(bytes(self._buffers[name].tolist()))
        return to_image(np.array(Image.open(file).convert("RGB"))).to(self._buffers[name].device)

    def _load_from_state_dict(self, state, prefix, *arguments):
        """Make room for what the checkpoint holds."""
        self._buffers.clear()
        for key, value in state.items():
            self.register_buffer(key.removeprefix(prefix), torch.zeros_like(value))
        super()._load_from_state_dict(state, prefix, *arguments)


def to_image(pixels):
    """Turn a uint8 array (H, W, 3) into a float tensor (1, 3, H, W) with values in [0, 1]."""
    return torch.tensor(np.asarray(pixels)).permute(2, 0, 1)[None].contiguous() / 255


def to_bytes(image):
    """Turn an image (1, 3, H, W) with values in [0, 1] into a uint8 array (H, W, 3)."""
    return (255 * image[0].detach().cpu()).round().byte().permute(1, 2, 0).numpy()


def check_image(name, image):
    """Return colour images (B, 3, H, W) in [0, 1], or raise a `ValueError`."""
    check_event(name, image, (3, None, None))
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} has values from {low:g} to {high:g} but must be in [0, 1]: divide bytes "
            "by 255, and subtract no means, the network does that."
        )
    return image
