"""What a strong program makes of the data of a chapter: measured once, and kept.

Chapter: `context_models`.
"""

import zlib

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
    """Bytes that PPMd made of bytes that were measured, a dict by the order of its contexts.

    Raises a `ValueError` if they are other bytes. PPMd, variant H, is by Shkarin (2002).

    >>> sizes = ppmd_sizes("digits", rival_data()["digits"])
    >>> min(sizes, key=sizes.get)
    4
    """
    sizes = PPMD[name]
    if zlib.crc32(raw) != sizes["checksum"]:
        raise ValueError(
            f"raw ({len(raw)} bytes) is not what was measured as {name!r}: measure it by "
            "python -m tools.training.ppmd."
        )
    return {order: size for order, size in sizes.items() if order != "checksum"}


# Written by: python -m tools.training.ppmd
PPMD = {
    "text": {
        "checksum": 1277330259,
        2: 96598,
        3: 75170,
        4: 66622,
        5: 63097,
        6: 61051,
        8: 58114,
        12: 55138,
        16: 54054,
        24: 53596,
        32: 53540,
        48: 53480,
        64: 53430,
    },
    "rest": {
        "checksum": 3831762497,
        2: 51463,
        3: 41444,
        4: 37874,
        5: 36639,
        6: 36069,
        8: 35470,
        12: 35084,
        16: 34972,
        24: 34876,
        32: 34762,
        48: 34706,
        64: 34676,
    },
    "learn": {
        "checksum": 1575092486,
        2: 132405,
        3: 102356,
        4: 90155,
        5: 84899,
        6: 81829,
        8: 77406,
        12: 72911,
        16: 71237,
        24: 70406,
        32: 70177,
        48: 70046,
        64: 69980,
    },
    "test": {
        "checksum": 138949382,
        2: 15256,
        3: 12882,
        4: 12128,
        5: 11940,
        6: 11903,
        8: 11889,
        12: 11860,
        16: 11858,
        24: 11862,
        32: 11848,
        48: 11812,
        64: 11801,
    },
    "learn, then test": {
        "checksum": 4136133740,
        2: 147035,
        3: 113676,
        4: 100139,
        5: 94470,
        6: 91236,
        8: 86701,
        12: 82113,
        16: 80406,
        24: 79573,
        32: 79332,
        48: 79186,
        64: 81589,
    },
    "digits": {
        "checksum": 1814970648,
        2: 7770,
        3: 7677,
        4: 7635,
        5: 7637,
        6: 7669,
        8: 7651,
        12: 7655,
        16: 7655,
        24: 7655,
        32: 7655,
        48: 7655,
        64: 7655,
    },
    "digits, place by place": {
        "checksum": 2955284512,
        2: 7856,
        3: 7951,
        4: 8012,
        5: 8032,
        6: 8028,
        8: 8034,
        12: 8032,
        16: 8036,
        24: 8042,
        32: 8051,
        48: 8057,
        64: 8061,
    },
    "other digits 0": {
        "checksum": 1914302431,
        2: 7767,
        3: 7668,
        4: 7663,
        5: 7645,
        6: 7666,
        8: 7644,
        12: 7647,
        16: 7647,
        24: 7647,
        32: 7647,
        48: 7647,
        64: 7647,
    },
    "other digits 1": {
        "checksum": 4128168036,
        2: 7829,
        3: 7725,
        4: 7721,
        5: 7729,
        6: 7741,
        8: 7722,
        12: 7726,
        16: 7726,
        24: 7726,
        32: 7726,
        48: 7726,
        64: 7726,
    },
    "other digits 2": {
        "checksum": 3796747821,
        2: 7732,
        3: 7638,
        4: 7607,
        5: 7595,
        6: 7616,
        8: 7598,
        12: 7603,
        16: 7603,
        24: 7603,
        32: 7603,
        48: 7603,
        64: 7603,
    },
}
