"""What was drawn comes back from a checkpoint as it was."""

import torch

from companion.adversarial.drawn import Drawn
from tests.contracts import seeded


def test_what_was_drawn_is_kept_in_half_precision():
    images = torch.randint(17, (2, 6, 1, 8, 8), generator=seeded())
    kept = Drawn(2, 6).pack(images)
    assert torch.equal(kept.half().images, images)
