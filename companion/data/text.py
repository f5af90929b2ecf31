"""English prose: the help topics of CPython, shipped with the package. Ground floor."""

import lzma
from functools import cache
from importlib import resources


@cache
def text():
    """Read the English help topics of CPython 3.11.7, the text behind ``help("assert")``.

    Returns
    -------
    str
        465,048 characters. Its 79 topics are in the order of their names and separated by a form
        feed: ``text().split("\\f")`` gives them one by one.

    Notes
    -----
    Copyright (c) 2001-2023 Python Software Foundation; all rights reserved. Used under the PSF
    License Agreement, version 2, which is companion/data/help_topics.LICENSE. The file is made by
    tools/training/help_topics.py and shipped, since every release of Python words its topics
    differently.

    Examples
    --------
    >>> print(text()[:22])
    The "assert" statement
    """
    packed = resources.files("companion.data").joinpath("help_topics.xz").read_bytes()
    return lzma.decompress(packed).decode()
