"""Measure what PPMd makes of the data of a chapter, and write companion/compression/ppmd.json.

    pip install pyppmd==1.3.1
    python -m tools.training.ppmd

Neither the course nor its tests need pyppmd: its sizes are the same on every machine. Variant H,
the one of 7-Zip, with 64 MiB; each file is decoded again. The stream is counted alone, without the
header that a file would need.
"""

import zlib

from companion.compression.ppmd import rival_data
from tools import ROOT, write_results

TARGET = ROOT / "companion" / "compression" / "ppmd.json"
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
    """Measure all data and write the file."""
    files = {
        name: {"checksum": zlib.crc32(raw), "bytes": [ppmd(raw, order) for order in ORDERS]}
        for name, raw in rival_data().items()
    }
    write_results(TARGET, {"orders": ORDERS, "files": files}, "python -m tools.training.ppmd")


if __name__ == "__main__":
    main()
