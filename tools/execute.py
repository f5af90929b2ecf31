"""Run every chapter whose code or companion changed, a chapter a core, into the site's cache.

    python -m tools.execute            all chapters
    python -m tools.execute kmeans     this one

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

from tools.chapters import CACHE, EXECUTED, chapters, client, load, source, use_one_thread


def run(page):
    """Execute one chapter in a fresh kernel; return it with the seconds it took."""
    use_one_thread()
    notebook, start = load(page), time.perf_counter()
    client(notebook, page, timeout=180, record_timing=False).execute()
    return page, notebook, time.perf_counter() - start


def is_cached(cache, page):
    """Say whether the cache has the outputs of a chapter as it stands."""
    try:
        cache.match_cache_notebook(load(page))
    except KeyError:
        return False
    return True


def executed(cache, page):
    """Return a chapter with its cached outputs."""
    _, notebook = cache.merge_match_into_notebook(load(page))
    return notebook


def write_executed(cache, page):
    """Write a chapter with its cached outputs to `_build/executed`."""
    path = EXECUTED / f"{page.removeprefix('book/')}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed(cache, page), path)


def main(names):
    """Run what is not cached; return the chapters that failed."""
    wanted = [page for page in chapters() if not names or page.split("/")[-1] in names]
    if names and len(wanted) < len(names):
        sys.exit(f"no chapter of that name: {' '.join(names)}")
    cache = get_cache(CACHE)
    todo = [page for page in wanted if not is_cached(cache, page)]
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
    for page in wanted:
        if page not in failed:
            write_executed(cache, page)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
