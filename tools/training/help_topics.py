"""Make companion/data/help_topics.xz from the help topics of the Python that runs this script.

Run it with CPython 3.11.7, the version that the committed file comes from::

    python3.11 tools/training/help_topics.py

The topics are the text behind ``help("assert")`` and its like, sorted by name and joined by form
feeds. They are copyright of the Python Software Foundation, under the licence in
companion/data/help_topics.LICENSE.
"""

import lzma
import sys
from pathlib import Path
from pydoc_data.topics import topics

TARGET = Path(__file__).parents[2] / "companion" / "data" / "help_topics.xz"

if sys.implementation.name != "cpython" or sys.version_info[:3] != (3, 11, 7):
    sys.exit(f"This is {sys.version.split()[0]}: the topics of CPython 3.11.7 are wanted.")

pages = [topics[name] for name in sorted(topics)]
text = "\f".join(pages)
if text.split("\f") != pages:
    sys.exit("A topic contains a form feed: choose another separator.")
TARGET.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
print(f"{TARGET.name}: {len(pages)} topics, {len(text):,} characters")
