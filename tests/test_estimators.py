"""Every estimator keeps what `PROMISES` of tests/contracts.py says of it.

The kinds of fault that tidy random data do not show: where the origin is, which unit is used, the
form and order of the rows, data at the edge, short runs.
"""

import importlib
import inspect
import pkgutil
import re
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import companion.clustering
import companion.components
import companion.embedding
import companion.inference
from companion.metrics import adjusted_rand_score
from tests.contracts import CHANGES, PROMISES, SETS, TARGETS, close

BASES = {"GaussianClassifier"}  # of discriminants: no estimator by itself
# Answers with one entry for each row of X.
ROWS = {"labels_", "predict", "predict_proba", "transform", "embedding_", "score_samples"} | {
    *("gate_proba", "responsibilities", "log_likelihood", "core_distances_", "codes_")
}
REACH = 2.0**30 * np.array([1.0, -1.0, 0.5, 0.0])  # 2e8 times the width of the data

promised = pytest.mark.parametrize("promise", PROMISES, ids=[p.name for p in PROMISES])


def classes_with_fit():
    """Names of the public estimators of four parts of the companion, found by themselves."""
    parts = companion.clustering, companion.components, companion.embedding, companion.inference
    for part in parts:
        for module in pkgutil.iter_modules(part.__path__, part.__name__ + "."):
            for name, value in vars(importlib.import_module(module.name)).items():
                own = inspect.isclass(value) and value.__module__ == module.name
                if own and hasattr(value, "fit") and not name.startswith("_"):
                    yield name


def test_every_estimator_has_promised():
    missing = set(classes_with_fit()) - {type(p.estimator).__name__ for p in PROMISES} - BASES
    assert missing == set(), "add a Promise for these to tests/contracts.py"


def compare(promise, model, other, X, there, a=1.0, c=0.0):
    """The answers of `other` about data `there`, a X + c, against those of `model` about X."""
    right, found = promise.answers(model, X), promise.answers(other, there)
    for (kind, name), value in right.items():
        wanted = CHANGES[kind](value, a, c, X.shape[-1])
        close(found[kind, name], wanted, promise.tolerance, name)


def agrees(promise, model, X):
    """What fit found is what the methods say of the same data."""
    for attribute, method in promise.agrees:
        close(promise.answer(model, method, X), getattr(model, attribute), 1e-5, method)


@promised
@pytest.mark.parametrize("share", [2.0**-17, 1.0])
def test_where_the_origin_is_does_not_matter(promise, share):
    if promise.origin:
        pytest.skip(promise.origin)
    X = promise.X()
    c = share * np.resize(REACH, X.shape[-1])
    model, other = promise.fit(X), promise.fit(X + c)
    compare(promise, model, other, X, X + c, c=c)
    agrees(promise, other, X + c)


@promised
@pytest.mark.parametrize("power", [-40, 30])
def test_the_unit_of_the_data_does_not_matter(promise, power):
    if promise.unit:
        pytest.skip(promise.unit)
    X, a = promise.X(), 2.0**power
    model, other = promise.fit(X), promise.fit(a * X, a=a)
    compare(promise, model, other, X, a * X, a=a)
    agrees(promise, other, a * X)


def same_rows(promise, model, other, X, there, order):
    """Answers about rows follow the rows; labels may have other names."""
    for name in ROWS & {name for kind in CHANGES for name in getattr(promise, kind).split()}:
        right, found = promise.answer(model, name, X)[order], promise.answer(other, name, there)
        if name in ("labels_", "predict") and not promise.target:
            assert adjusted_rand_score(right, found) == 1, name
        else:
            close(found, right, max(promise.tolerance, 1e-5), name)


@promised
def test_the_order_of_the_rows_does_not_matter(promise):
    if promise.order:
        pytest.skip(promise.order)
    X, order = promise.X(), np.random.default_rng(1).permutation(len(promise.X()))
    y = TARGETS[promise.target][order] if promise.target else None
    same_rows(promise, promise.fit(X), promise.fit(X[order], y), X, X[order], order)


@promised
def test_the_order_of_the_features_does_not_matter(promise):
    if promise.columns:
        pytest.skip(promise.columns)
    X = promise.X()
    order = np.random.default_rng(2).permutation(X.shape[-1])
    there = np.ascontiguousarray(X[..., order])
    same_rows(promise, promise.fit(X), promise.fit(there), X, there, slice(None))


def sliced(X):
    """The same numbers inside a larger array, backwards in memory."""
    room = np.full((2 * len(X), *X.shape[1:]), np.nan)
    room[::-2] = X
    return room[::-2]


def frozen(X):
    """Memory that cannot be written."""
    X = X.copy()
    X.flags.writeable = False
    return X


def table(X):
    """A data frame with names of columns, where the data are a table."""
    pandas = pytest.importorskip("pandas")
    if X.ndim != 2:
        pytest.skip("not a table")
    return pandas.DataFrame(X, columns=[f"feature {i}" for i in range(X.shape[1])])


FORMS = {
    "float32": lambda X: X.astype(np.float32),
    "integers": lambda X: np.round(4 * X).astype(np.int32),
    "unsigned": lambda X: np.round(4 * (X - X.min())).astype(np.uint8),
    "booleans": lambda X: np.median(X) < X,
    "Fortran": np.asfortranarray,
    "slice": sliced,
    "read-only": frozen,
    "pandas": table,
}


@promised
@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_input_does_not_matter_and_it_is_never_changed(promise, form):
    there = FORMS[form](promise.X())
    before = np.array(there)
    X = np.array(there, dtype=float)
    try:
        model = promise.fit(X)
    except ValueError as error:  # two values alone are too few for some: then so for all forms
        with pytest.raises(ValueError, match=re.escape(str(error)[:20])):
            promise.fit(there)
        pytest.skip(str(error))
    other = promise.fit(there)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a table has names, an array has not
        compare(promise, model, other, X, there)
    np.testing.assert_array_equal(np.asarray(there), before)


def with_constant(X):
    """The last feature says nothing."""
    X[..., -1] = 3.0
    return X


ODD = {
    "every row twice": lambda X: np.concatenate([X, X]),
    "one row twice": lambda X: np.concatenate([X, X[:1]]),
    "half of the rows equal": lambda X: np.concatenate([X, np.repeat(X[:1], len(X), axis=0)]),
    "a constant feature": with_constant,
    "a feature in another unit": lambda X: X * np.resize([1.0, 1.0, 1e9, 1e-9], X.shape[-1]),
    "all rows equal": lambda X: np.ones_like(X),
    "all zero": np.zeros_like,
    "one row": lambda X: X[:1],
    "two rows": lambda X: X[:2],
    "three rows": lambda X: X[:3],
    "a lattice": lambda X: np.round(X / 2),
    "one feature": lambda X: X[..., :1],
}


@promised
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.filterwarnings("ignore")
def test_odd_data_give_numbers_or_an_error_that_says_why(promise, oddity):
    X = ODD[oddity](promise.X())
    y = np.resize(TARGETS[promise.target], len(X)) if promise.target else None
    try:
        model = promise.fit(X, y)
    except ValueError as error:
        assert len(str(error)) > 20  # noqa: PT017 -- a sentence
        return
    for (_, name), value in promise.answers(model, X).items() if y is None else ():
        assert not np.isnan(value).any(), f"{name} has NaN"


@promised
def test_values_whose_squares_overflow_are_refused_in_one_place(promise):
    X = promise.X()
    X.flat[0] = np.finfo(float).max
    with pytest.raises(ValueError, match=r"X has an entry of size .* rescale X"):
        promise.fit(X)


WAY_BACK = "inverse_transform"
BACK = [
    p
    for p in PROMISES
    if "X" in inspect.signature(getattr(p.estimator, WAY_BACK, np.sum)).parameters
]


def test_who_goes_back_from_codes_calls_them_as_scikit_learn_does():
    goes = {type(p.estimator).__name__ for p in PROMISES if hasattr(p.estimator, WAY_BACK)}
    assert goes == {type(p.estimator).__name__ for p in BACK}


@pytest.mark.parametrize("promise", BACK, ids=lambda p: p.name)
def test_codes_that_are_none_are_refused_on_the_way_back(promise):
    settings = {"fit_inverse_transform": True}
    settings = settings if settings.keys() <= promise.estimator.get_params().keys() else {}
    model = promise.fit(promise.X(), **settings)
    if "part" in inspect.signature(model.inverse_transform).parameters:
        pytest.skip("it is asked about one part: its own test does so")
    codes = promise.answer(model, "transform", promise.X())
    wide, narrow = np.hstack([codes, codes[:, :1]]), codes[:, :-1]
    wrong = [(wide, "X has .* columns"), (codes[0], "2D array"), (np.nan * codes, "NaN")]
    wrong += [(narrow, "X has .* columns")] if narrow.size else []
    for value, message in wrong:
        with pytest.raises(ValueError, match=message):
            model.inverse_transform(value)
    assert model.inverse_transform(X=codes).shape == promise.X().shape


STEPS = {"max_iter": 1, "n_iter": 1, "n_epochs": 1, "num_iters": (1, 0, 0)}


@promised
def test_one_step_is_enough(promise):
    settings = {k: v for k, v in STEPS.items() if k in promise.estimator.get_params()}
    if not settings:
        pytest.skip("it does not iterate")
    X = promise.X()
    model = promise.fit(X, **settings)
    for (_, name), value in promise.answers(model, X).items():
        assert not np.isnan(value).any(), f"{name} has NaN"


@pytest.mark.parametrize("promise", [p for p in PROMISES if p.data in SETS], ids=lambda p: p.name)
@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore::UserWarning")
def test_no_arithmetic_warns(promise):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        promise.answers(promise.fit(promise.X()), promise.X())
