"""Run every chapter whose code or companion changed, a chapter a core, into the site's cache.

What `make test` has run by nbval is taken from there (`tools.site.compared`).

    python -m tools.site.execute            all chapters
    python -m tools.site.execute kmeans     this one

Afterwards `_build/executed` holds each chapter with the outputs that the site shows.
"""

import concurrent.futures
import os
import shutil
import sys
import time

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from tools.pages.chapters import (
    CACHE,
    EXECUTED,
    chapter_named,
    chapters,
    client,
    executed_path,
    load,
    source,
    use_one_thread,
)
from tools.site.compared import RAN, place

PATIENCE = 900  # seconds a cell, on a machine that does much else; what it may take is a budget


def run(page):
    """Execute one chapter in a fresh kernel; return it with the seconds it took."""
    use_one_thread()
    notebook, start = load(page), time.perf_counter()
    client(notebook, page, timeout=PATIENCE, record_timing=False).execute()
    return page, notebook, time.perf_counter() - start


def is_cached(cache, page):
    """Say whether the cache has the outputs of a chapter as it stands."""
    try:
        cache.match_cache_notebook(load(page))
    except KeyError:
        return False
    return True


def take_over(cache, page):
    """Put a chapter into the cache that nbval has run as it stands; return whether there is one."""
    path, now = place(RAN, page), load(page)
    ran = nbformat.read(path, 4) if path.exists() else None
    if ran is None or ran.metadata != now.metadata or sources(ran) != sources(now):
        return False
    bundle = CacheBundleIn(ran, str(source(page)))
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    path.unlink()
    return True


def sources(notebook):
    """What stands in the cells."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def executed(cache, page):
    """Return a chapter with its cached outputs."""
    _, notebook = cache.merge_match_into_notebook(load(page))
    return notebook


def write_executed(cache, page):
    """Write a chapter with its cached outputs to `_build/executed`."""
    path = executed_path(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed(cache, page), path)


def main(names):
    """Run what is not cached; return the chapters that failed."""
    wanted = list(map(chapter_named, names)) or chapters()
    cache = get_cache(CACHE)
    todo = [page for page in wanted if not (is_cached(cache, page) or take_over(cache, page))]
    print(f"{len(wanted)} chapters, {len(todo)} to run", flush=True)
    failed = []
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(run, page): page for page in todo}
        for count, future in enumerate(concurrent.futures.as_completed(running), 1):
            page = running[future]
            try:
                _, notebook, seconds = future.result()
            except Exception as error:
                failed.append(page)
                print(f"[{count}/{len(todo)}] {page} FAILED\n{error}", flush=True)
                continue
            bundle = CacheBundleIn(notebook, str(source(page)), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            print(f"[{count}/{len(todo)}] {page} {seconds:.1f} s", flush=True)
    if not names:
        shutil.rmtree(EXECUTED, ignore_errors=True)  # what is no longer a chapter goes
    for page in set(wanted) - set(failed):
        if is_cached(cache, page):
            write_executed(cache, page)
        else:
            failed.append(page)
            print(f"{page} was changed while it ran: run it again", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
