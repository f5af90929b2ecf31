"""scikit-learn's own tests, and SciPy's of hierarchies, with our classes in the place of theirs.

    python -m tools.checks.peers           run them; say which outcome is new
    python -m tools.checks.peers --keep    write which fail, and why, to `results/peers.json`

The installed versions are asked, so that the next ones test us too. A test that fails for a feature
that is left out on purpose stands in the file with what it said; what it does not list must pass.
"""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest
import scipy
import sklearn

from tools import ROOT, read_results, write_results
from tools.pages.chapters import use_one_thread

RESULTS = ROOT / "results" / "peers.json"
FOUND = ROOT / "_build" / "peers.json"
SECONDS = 60  # for one test
MARKERS = "array_api_backends", "skip_xp_backends", "xfail_xp_backends", "xslow", "thread_unsafe"
SWAPPED = {
    "sklearn.cluster": {
        "companion.clustering.kmeans": ("KMeans", "MiniBatchKMeans", "kmeans_plusplus"),
        "companion.clustering.density": ("DBSCAN",),
        "companion.clustering.optics": ("OPTICS", "cluster_optics_dbscan"),
        "companion.clustering.hierarchical": ("AgglomerativeClustering",),
        "companion.clustering.spectral": ("SpectralClustering",),
    },
    "sklearn.mixture": {
        "companion.clustering.mixtures": ("GaussianMixture",),
        "companion.inference.variational": ("BayesianGaussianMixture",),
    },
    "sklearn.decomposition": {
        "companion.components.pca": ("PCA", "KernelPCA"),
        "companion.components.ica": ("FastICA",),
        "companion.components.factors": ("FactorAnalysis",),
        "companion.components.nmf": ("NMF",),
        "companion.components.dictionary": ("DictionaryLearning",),
        "companion.components.topics": ("LatentDirichletAllocation",),
    },
    "sklearn.manifold": {
        "companion.embedding.sne": ("TSNE",),
        "companion.embedding.graphs": ("Isomap", "LocallyLinearEmbedding"),
        "companion.embedding.mds": ("MDS",),
        "companion.metrics": ("trustworthiness",),
    },
    "sklearn.discriminant_analysis": {
        "companion.components.discriminants": (
            "LinearDiscriminantAnalysis",
            "QuadraticDiscriminantAnalysis",
        )
    },
    "scipy.cluster.hierarchy": {
        "companion.clustering.hierarchical": ("linkage",),
        "companion.clustering.trees": ("cophenet",),
    },
    "sklearn.metrics.cluster": {
        "companion.metrics": ("adjusted_rand_score", "normalized_mutual_info_score")
    },
}
SUITES = (
    *(f"sklearn.cluster.tests.test_{n}" for n in ("k_means", "dbscan", "optics", "hierarchical")),
    "sklearn.cluster.tests.test_spectral",
    *(f"sklearn.mixture.tests.test_{n}_mixture" for n in ("gaussian", "bayesian")),
    *(f"sklearn.decomposition.tests.test_{n}" for n in ("pca", "kernel_pca", "fastica", "nmf")),
    *(f"sklearn.decomposition.tests.test_{n}" for n in ("factor_analysis", "online_lda")),
    "sklearn.decomposition.tests.test_dict_learning",
    *(f"sklearn.manifold.tests.test_{n}" for n in ("t_sne", "isomap", "locally_linear", "mds")),
    "sklearn.tests.test_discriminant_analysis",
    "sklearn.metrics.cluster.tests.test_supervised",
    "scipy.cluster.tests.test_hierarchy",
)


def pytest_configure(config):
    """Put our classes in the place of theirs, before a test imports them."""
    for name in MARKERS:
        config.addinivalue_line("markers", f"{name}: of SciPy's own tests")
    for package, modules in SWAPPED.items():
        for module, names in modules.items():
            for name in names:
                swap(importlib.import_module(package), name, importlib.import_module(module))


def swap(theirs, name, ours):
    """Put our class or function in the place of a package's; SciPy has a table of its own."""
    table = importlib.import_module("scipy._lib._array_api").xp_capabilities_table
    if getattr(theirs, name) in table:
        table[getattr(ours, name)] = table[getattr(theirs, name)]
    setattr(theirs, name, getattr(ours, name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Let no test go on for ever."""

    def late(*_):
        raise TimeoutError(f"no answer after {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def pytest_terminal_summary(terminalreporter):
    """Write which tests failed, with the first line of what they said, and how many passed."""
    reports = terminalreporter.stats
    failed = {}
    for report in [*reports.get("failed", []), *reports.get("error", [])]:
        crash = getattr(report.longrepr, "reprcrash", None)
        failed[name_of(report.nodeid)] = reason(crash.message if crash else str(report.longrepr))
    found = {"passed": len(reports.get("passed", [])), "failed": dict(sorted(failed.items()))}
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(json.dumps(found), encoding="utf-8")


def name_of(test):
    """A test's name without the folder in which its package is installed."""
    return re.sub(r"^.*?(?=(sklearn|scipy)/)", "", test)


def reason(said):
    """The first line of an error, without what differs from run to run."""
    line = next(iter(said.strip().splitlines()), "")
    return re.sub(r"0x[0-9a-f]+|/\S+/", "...", line)[:120]


def run():
    """Run the suites; return what was found."""
    use_one_thread()
    FOUND.unlink(missing_ok=True)
    options = [
        "-q",
        "-p",
        "tools.checks.peers",
        "-p",
        "no:cacheprovider",
        "-n",
        "auto",
        "--tb=line",
    ]
    command = [sys.executable, "-m", "pytest", *options, "--pyargs", *SUITES]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=subprocess.DEVNULL)
    return json.loads(FOUND.read_text(encoding="utf-8"))


def compare(found, kept):
    """Return what differs, as lines."""
    known, now = set(kept.get("failed", {})), set(found["failed"])
    lines = [f"fails now: {test}: {found['failed'][test]}" for test in sorted(now - known)]
    return lines + [f"passes now, or is gone: {test}" for test in sorted(known - now)]


def main(arguments):
    """Do what the command line asks for; return the number of differences."""
    found = run()
    version = f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}"
    print(f"{version}: {found['passed']} of their tests pass, {len(found['failed'])} do not")
    kinds = Counter(line.split(":")[0] for line in found["failed"].values())
    print("\n".join(f"  {count:5} {kind}" for kind, count in kinds.most_common(8)))
    if "--keep" in arguments:
        write_results(RESULTS, {"version": version, **found}, "python -m tools.checks.peers --keep")
        return 0
    lines = compare(found, read_results(RESULTS))
    print("\n".join(lines) or "as it was")
    return len(lines)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
