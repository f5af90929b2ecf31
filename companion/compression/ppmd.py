"""What a strong program makes of the data of a chapter: measured once, and kept.

Chapter: `context_models`.
"""

import json
import zlib
from importlib import resources

import numpy as np

from companion import data
from companion.autoregressive.sequences import split_topics

N_LETTERS = 300_000


def rival_data():
    """Return what was measured, a dict of name to bytes: texts, and digits in two orders."""
    text, digits = data.text(), data.digits()
    learn, test = split_topics(text)
    test_digits = digits.x_test[:, 0].astype(np.uint8)
    return {
        "text": text[:N_LETTERS].encode(),
        "rest": text[N_LETTERS:].encode(),
        "learn": learn.encode(),
        "test": test.encode(),
        "learn, then test": (learn + test).encode(),
        "digits": test_digits.tobytes(),
        "digits, place by place": np.moveaxis(test_digits, 0, -1).tobytes(),
        **{
            f"other digits {k}": block.astype(np.uint8).tobytes()
            for k, block in enumerate(np.split(digits.x_train[:1080, 0], 3))
        },
    }


def ppmd_sizes(name, raw):
    """Bytes of the stream of PPMd, without a header, a dict by the order of its contexts.

    Raises a `ValueError` if they are other bytes. PPMd, variant H, is by Shkarin (2002).

    >>> sizes = ppmd_sizes("digits", rival_data()["digits"])
    >>> min(sizes, key=sizes.get)
    4
    """
    kept = json.loads((resources.files(__package__) / "ppmd.json").read_text(encoding="utf-8"))
    found = kept["files"][name]
    if zlib.crc32(raw) != found["checksum"]:
        raise ValueError(
            f"raw ({len(raw)} bytes) is not what was measured as {name!r}: measure it by "
            "python -m tools.training.ppmd."
        )
    return dict(zip(kept["orders"], found["bytes"], strict=True))
