"""Measure what PPMd makes of the data of a chapter, and write companion/compression/ppmd.py.

    pip install pyppmd==1.3.1
    python -m tools.training.ppmd

Neither the course nor its tests need pyppmd: its sizes are the same on every machine. Variant H,
the one of 7-Zip, with 64 MiB; each file is decoded again. The stream is counted alone, without the
header that a file would need.
"""

import sys
import zlib

from companion.compression.ppmd import rival_data
from tools import ROOT

TARGET = ROOT / "companion" / "compression" / "ppmd.py"
VERSION = "1.3.1"
ORDERS = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
MEMORY = 1 << 26


def ppmd(raw, order):
    """Bytes of a PPMd stream that has been read again."""
    import pyppmd

    encoder = pyppmd.Ppmd7Encoder(order, MEMORY)
    blob = encoder.encode(raw) + encoder.flush()
    if pyppmd.Ppmd7Decoder(order, MEMORY).decode(blob, len(raw)) != raw:
        raise ValueError(f"order={order}: the stream does not give back what went in.")
    return len(blob)


def main():
    """Write the dict of sizes in the place of the one that stands there."""
    found = {
        name: {"checksum": zlib.crc32(raw)} | {order: ppmd(raw, order) for order in ORDERS}
        for name, raw in rival_data().items()
    }
    head, mark, _ = TARGET.read_text(encoding="utf-8").partition("PPMD = ")
    if not mark:
        sys.exit(f"{TARGET.name} has no line that begins with PPMD =")
    rows = "".join(f"    {name!r}: {sizes!r},\n" for name, sizes in found.items())
    TARGET.write_text(f"{head}{mark}{{\n{rows}}}\n".replace("'", '"'), encoding="utf-8")


if __name__ == "__main__":
    main()
