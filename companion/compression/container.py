"""Files that say what they are, and notice when they were damaged. Chapter: `codes`."""

import zlib

from companion.validation import check_integer


def seal(magic, body):
    """Put a name in front of `body` and a checksum behind it.

    A CRC-32 of all bytes before it sees every change of a single byte, and overlooks one
    in four billion of the larger ones.

    Parameters
    ----------
    magic : bytes of length 4
        Three letters for the format, one for its version.
    body : bytes

    Returns
    -------
    bytes

    Examples
    --------
    >>> unseal(b"Demo", seal(b"Demo", b"twelve bytes"))
    b'twelve bytes'
    """
    if len(magic) != 4:
        raise ValueError(
            f"magic={magic!r} must have 4 bytes: three letters and the version.",
        )
    blob = magic + body
    return blob + zlib.crc32(blob).to_bytes(4, "little")


def unseal(magic, blob):
    """Return the body of what `seal` made, or raise a `ValueError`: nothing is read in part."""
    if blob[:3] != magic[:3]:
        raise ValueError(
            f"blob begins with {blob[:4]!r}, not {magic!r}: it is no file of this kind."
        )
    if blob[:4] != magic:
        raise ValueError(
            f"blob has version {blob[3:4]!r} and this reader knows {magic[3:]!r}: "
            "use the release of the course that wrote it."
        )
    if len(blob) < 8 or zlib.crc32(blob[:-4]).to_bytes(4, "little") != blob[-4:]:
        raise ValueError(
            f"blob ({len(blob)} bytes) does not have the checksum that it had when it was written: "
            "it was cut or changed, get it again."
        )
    return blob[4:-4]


def write_integers(*values):
    """Write whole numbers from 0 on, seven bits a byte; the eighth says that more follow.

    >>> write_integers(5, 300).hex()
    '05ac02'
    """
    out = bytearray()
    for value in values:
        value = check_integer("value", value, low=0)
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def read_integers(body, count):
    """Read `count` integers from the start of `body`; return them and the bytes that follow."""
    values, place = [], 0
    for _ in range(count):
        value = shift = 0
        while True:
            if place == len(body) or shift > 63:
                raise ValueError(
                    f"body ({len(body)} bytes) ends before its header does: it was cut."
                )
            value |= (body[place] & 127) << shift
            place, shift = place + 1, shift + 7
            if body[place - 1] < 128:
                break
        values.append(value)
    return values, body[place:]
