"""What happens to files: they are cut, they are changed, something is appended."""

import numpy as np
import pytest


def assert_damage_is_seen(blob, decode, original, n_changes=1000, seed=0):
    """Cut a file everywhere, change single bytes of it: a ValueError, or the original."""
    assert np.array_equal(decode(blob), original)
    for size in range(len(blob)):
        with pytest.raises(ValueError, match=r"blob|body|data"):
            decode(blob[:size])
    rng = np.random.default_rng(seed)
    n_seen = 0
    for _ in range(n_changes):
        changed = bytearray(blob)
        changed[rng.integers(len(blob))] ^= rng.integers(1, 256)
        try:
            result = decode(bytes(changed))
        except ValueError:
            n_seen += 1
        else:
            assert np.array_equal(result, original)
    assert n_seen == n_changes  # CRC-32 sees every change of one byte
    with pytest.raises(ValueError, match="checksum"):
        decode(blob + b"\0")
