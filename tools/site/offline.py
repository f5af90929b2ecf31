"""Pack the built site for reading without a server: `_build/learning-without-labels.zip`.

    python -m tools.site.offline

A copy lies in the site, where the published page links to it. Unpacked, its `index.html` opens from
the disk. A page that is opened so may not fetch another one, so the search shows no excerpts there.
The same site gives the same file.
"""

import shutil
import zipfile

from tools.pages.chapters import ROOT
from tools.site.build import SITE, site_and_target

TARGET = ROOT / "_build" / "learning-without-labels.zip"
FOLDER = "learning-without-labels"
LEFT_OUT = (".pdf", ".zip", ".map")  # no book in the book
OPTIONS = "documentation_options.js"
FETCHING = "SHOW_SEARCH_SUMMARY: true"


def content(path):
    """Return what a file of the site holds in the archive."""
    data = path.read_bytes()
    if path.name != OPTIONS:
        return data
    text = data.decode()
    if FETCHING not in text:
        raise ValueError(f"{path} has no {FETCHING!r}: see what the theme calls it now.")
    return text.replace(FETCHING, FETCHING.replace("true", "false")).encode()


def pack(site=SITE, target=TARGET):
    """Write the archive; return the number of files in it."""
    files = sorted(p for p in site.rglob("*") if p.is_file() and p.suffix not in LEFT_OUT)
    files = [
        p for p in files if not any(part.startswith(".") for part in p.relative_to(site).parts)
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{FOLDER}/{path.relative_to(site).as_posix()}")
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content(path))
    return len(files)


def main():
    """Pack the site, if there is one."""
    site, target = site_and_target(__doc__.split("\n")[0], TARGET)
    count = pack(site, target)
    shutil.copy(target, site / TARGET.name)
    print(f"{target}: {count} files, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
