"""Pictures that took longer to make than a page may, kept as a checkpoint.

Chapter: `deep_dream`.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import nn

from companion.train import load_weights
from companion.validation import check_choice


class KeptPictures(nn.Module):
    """Named pictures as the bytes of JPEG files, in the buffers of a module without weights.

    A picture of 256 x 256 pixels takes some 50 kB; grey levels change by about 2 of 255.

    Parameters
    ----------
    names : sequence of str
        Words of letters, digits and underscores.

    Examples
    --------
    >>> kept = KeptPictures(["black"])
    >>> kept.put("black", torch.zeros(3, 20, 30))
    >>> kept.picture("black").shape
    (20, 30, 3)
    """

    def __init__(self, names):
        super().__init__()
        self.names = list(names)
        for name in self.names:
            self.register_buffer(f"{name}_jpeg", torch.zeros(0, dtype=torch.uint8))

    def put(self, name, image, *, quality=90):
        """Keep an image (3, H, W) with values in [0, 1]."""
        check_choice("name", name, self.names)
        if image.ndim != 3 or image.shape[0] != 3 or image.min() < 0 or image.max() > 1:
            raise ValueError(
                f"image has shape {tuple(image.shape)} and values from {image.min():.3g} to "
                f"{image.max():.3g} but must be (3, H, W) in [0, 1]: clamp it first."
            )
        levels = (255 * image.detach().cpu().permute(1, 2, 0)).round().to(torch.uint8)
        file = io.BytesIO()
        Image.fromarray(levels.numpy()).save(file, "JPEG", quality=quality, subsampling=0)
        self._buffers[f"{name}_jpeg"] = torch.frombuffer(
            bytearray(file.getvalue()), dtype=torch.uint8
        )

    def picture(self, name):
        """Return a picture, uint8 (H, W, 3)."""
        check_choice("name", name, self.names)
        raw = getattr(self, f"{name}_jpeg").cpu().numpy().tobytes()
        if not raw:
            raise ValueError(f"name={name!r} is still empty: load the checkpoint or put it in.")
        return np.array(Image.open(io.BytesIO(raw)))

    @classmethod
    def load(cls, checkpoint, names):
        """Return the pictures of a committed checkpoint, ``make results PART=style``."""
        return load_weights(cls(names), checkpoint)

    def _load_from_state_dict(self, state_dict, prefix, *arguments):
        """Take the length that a file has."""
        for name in self.names:
            raw = state_dict.get(f"{prefix}{name}_jpeg")
            if raw is not None:
                self._buffers[f"{name}_jpeg"] = torch.empty_like(raw)
        super()._load_from_state_dict(state_dict, prefix, *arguments)
