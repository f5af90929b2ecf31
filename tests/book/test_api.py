"""Names that are scikit-learn's mean what they mean there, or `book/api.md` says what differs."""

import inspect
import re

import pytest
from sklearn.utils import all_estimators

from tests.contracts import PROMISES
from tools.pages.chapters import ROOT

THEIRS = dict(all_estimators())
OURS = {type(p.estimator).__name__: type(p.estimator) for p in PROMISES}
SHARED = sorted(OURS.keys() & THEIRS.keys())
SAID = {  # in the table
    "DictionaryLearning": {"max_iter", "tol"},
    "FastICA": {"whiten_solver"},
    "KernelPCA": {"n_components", "kernel", "random_state"},
    "LinearDiscriminantAnalysis": {"shrinkage"},
    "OPTICS": {"eps", "metric"},
    "TSNE": {"method"},
}
# Defaults of which the table says nothing: another name for the same, or another way there.
UNSAID = {
    "Isomap": {"metric"},
    "MDS": {"init"},
    "NMF": {"n_components"},
}


def table():
    """The lines of the table of what differs."""
    return [
        line
        for line in (ROOT / "book/api.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]


def arguments(cls):
    """The arguments of a class, by name."""
    return {k: v for k, v in inspect.signature(cls).parameters.items() if k != "self"}


@pytest.mark.parametrize("name", SHARED)
def test_defaults_are_theirs_or_stand_in_the_table(name):
    ours, theirs = arguments(OURS[name]), arguments(THEIRS[name])
    differ = {k for k in ours.keys() & theirs.keys() if ours[k].default != theirs[k].default}
    assert differ == (SAID | UNSAID).get(name, set()), "say so in the table of book/api.md"
    if name in SAID:
        assert any(re.search(rf"\b{name}\b", line) for line in table())


@pytest.mark.parametrize("name", SHARED)
def test_what_is_given_by_place_goes_where_theirs_goes_or_stands_in_the_table(name):
    by_place = [
        [k for k, v in arguments(cls).items() if v.kind is v.POSITIONAL_OR_KEYWORD]
        for cls in (OURS[name], THEIRS[name])
    ]
    if by_place[0] != by_place[1]:
        assert any(f"{name}(" in line for line in table())


@pytest.mark.parametrize("name", ["sample_weight", "warm_start", "n_jobs"])
def test_what_is_left_out_is_left_out_everywhere(name):
    assert any(f"`{name}`" in line for line in table())
    for cls in OURS.values():
        assert name not in arguments(cls)
        assert name not in inspect.signature(cls.fit).parameters
