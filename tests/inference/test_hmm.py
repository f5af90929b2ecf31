"""Chains of hidden states against enumeration of all paths, and EM that never falls."""

import itertools

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from companion.inference.graphical_models import BayesianNetwork
from companion.inference.hmm import HiddenMarkovModel, backward, forward, viterbi
from companion.inference.message_passing import sum_product


def random_model(seed, n_states=3, n_symbols=4, zeros=False):
    rng = np.random.default_rng(seed)
    model = HiddenMarkovModel(n_states)
    parts = [
        rng.dirichlet(np.full(k, 0.6), m)
        for k, m in ((n_states, 1), (n_states, n_states), (n_symbols, n_states))
    ]
    if zeros:
        parts[1][0, 1:] = 0
        parts[1][0, 0] = 1
    model.startprob_, model.transmat_, model.emissionprob_ = parts[0][0], parts[1], parts[2]
    return model


def paths(model, x):
    """Every path and its probability with the symbols."""
    for path in itertools.product(range(len(model.startprob_)), repeat=len(x)):
        p = model.startprob_[path[0]] * model.emissionprob_[path[0], x[0]]
        for t in range(1, len(x)):
            p *= model.transmat_[path[t - 1], path[t]] * model.emissionprob_[path[t], x[t]]
        yield path, p


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("zeros", [False, True])
def test_all_answers_are_those_of_enumeration(seed, zeros):
    """Pitfall I7, and `eq-hidden_markov-forward`."""
    model = random_model(seed, zeros=zeros)
    x = np.random.default_rng(seed).integers(4, size=1 + seed % 5)
    table = dict(paths(model, x))
    assert model.score(x) == pytest.approx(np.log(sum(table.values())))
    log_prob, path = model.decode(x)
    assert log_prob == pytest.approx(np.log(max(table.values())))
    assert table[tuple(path)] == pytest.approx(max(table.values()))
    due = np.zeros((len(x), 3))
    for way, p in table.items():
        due[np.arange(len(x)), way] += p
    np.testing.assert_allclose(model.predict_proba(x), due / sum(table.values()), atol=1e-12)


def test_it_is_message_passing_on_a_chain():
    model, x = random_model(5), np.array([0, 3, 1, 1, 2])
    tables = {"z0": ((), model.startprob_)}
    tables |= {f"z{t}": ((f"z{t - 1}",), model.transmat_) for t in range(1, 5)}
    tables |= {f"x{t}": ((f"z{t}",), model.emissionprob_) for t in range(5)}
    told = sum_product(BayesianNetwork(tables), {f"x{t}": int(s) for t, s in enumerate(x)})
    for t, row in enumerate(model.predict_proba(x)):
        np.testing.assert_allclose(told.marginals[f"z{t}"], row, atol=1e-12)


def test_sequences_are_apart():
    model = random_model(1)
    x = np.random.default_rng(0).integers(4, size=12)
    parts = x[:5], x[5:]
    assert model.score(x, [5, 7]) == pytest.approx(sum(map(model.score, parts)))
    assert model.score(x, [5, 7]) != pytest.approx(model.score(x))
    np.testing.assert_array_equal(
        model.predict(x, [5, 7]), np.concatenate([*map(model.predict, parts)])
    )


@pytest.mark.parametrize("seed", range(5))
def test_em_never_falls_on_several_sequences(seed):
    """Pitfall I8."""
    x, _ = random_model(seed).sample(300, random_state=seed)
    model = HiddenMarkovModel(3, n_iter=60, tol=0.0, random_state=seed)
    with pytest.warns(ConvergenceWarning, match="raise n_iter"):
        model.fit(x, [1, 99, 120, 80])
    assert (np.diff(model.history_) > -1e-9).all()
    assert not model.converged_
    for rows in (model.startprob_[None], model.transmat_, model.emissionprob_):
        np.testing.assert_allclose(rows.sum(axis=1), 1)


def test_one_m_step_is_the_ratio_of_expected_counts_over_all_paths():
    x = np.array([0, 1, 1, 0, 1])
    first = HiddenMarkovModel(2, n_iter=1, random_state=3)
    second = HiddenMarkovModel(2, n_iter=2, tol=0.0, random_state=3)
    for model in (first, second):
        with pytest.warns(ConvergenceWarning):
            model.fit(x)
    steps, shown, total = np.zeros((2, 2)), np.zeros((2, 2)), 0.0
    for path, p in paths(first, x):
        total += p
        np.add.at(steps, (path[:-1], path[1:]), p)
        np.add.at(shown, (path, x), p)
    np.testing.assert_allclose(second.transmat_, steps / steps.sum(1, keepdims=True))
    np.testing.assert_allclose(second.emissionprob_, shown / shown.sum(1, keepdims=True))
    assert second.history_[1] == pytest.approx(np.log(total))


def test_long_sequences_do_not_underflow_and_the_truth_is_found():
    truth = HiddenMarkovModel(2)
    truth.startprob_, truth.transmat_ = np.array([0.5, 0.5]), np.array([[0.95, 0.05], [0.1, 0.9]])
    truth.emissionprob_ = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
    x, z = truth.sample(20_000, random_state=0)
    assert np.isfinite(truth.score(x))
    model = HiddenMarkovModel(2, n_iter=200, random_state=0).fit(x)
    assert model.score(x) >= truth.score(x)
    order = [0, 1] if model.transmat_[0, 0] > model.transmat_[1, 1] else [1, 0]
    np.testing.assert_allclose(model.transmat_[order][:, order], truth.transmat_, atol=0.03)
    right = (np.argsort(order)[model.predict(x)] == z).mean()
    assert right > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit([0.5, 1.0]), "integers"),
        (lambda m: m.fit([0, -1]), "from -1"),
        (lambda m: m.fit([0, 1], [1, 2]), "lengths add up to 3"),
        (lambda m: m.score([9]), "n_symbols - 1"),
        (lambda m: m.score(np.array([0, 9])), "n_symbols - 1"),
        (lambda m: m.decode(np.array([0, -1])), "from -1"),
        (lambda m: m.decode(np.array([], dtype=int)), "0 sample"),
        (lambda m: HiddenMarkovModel(0).fit([0, 1]), "n_components=0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_model(0))


@pytest.mark.parametrize("form", [list, np.int8, np.uint64, np.float32, lambda x: x[:, None]])
def test_symbols_of_any_form_are_the_same(form):
    model, x = random_model(0), np.random.default_rng(0).integers(4, size=300)
    given = form(x)
    before = np.array(given)
    assert model.score(given) == model.score(x)
    np.testing.assert_array_equal(model.predict(given), model.predict(x))
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("method", ["score", "decode", "predict_proba"])
@pytest.mark.parametrize("n", [2, 2000])
def test_what_cannot_be_said_is_refused(method, n):
    """Also where a long sequence is cut into pieces."""
    model = random_model(0)
    model.emissionprob_ = np.array([[1.0, 0, 0, 0]] * 3)
    x = np.zeros(n, dtype=int)
    x[-1] = 1
    with pytest.raises(ValueError, match=rf"X\[{n - 1}\] has probability 0"):
        getattr(model, method)(x)


def told(model, n_iter, **options):
    """Ours, to begin EM where `model` stands."""
    return HiddenMarkovModel(
        len(model.startprob_),
        n_iter=n_iter,
        startprob_init=model.startprob_,
        transmat_init=model.transmat_,
        emissionprob_init=model.emissionprob_,
        **options,
    )


def hmmlearns(model, n_iter, implementation="log"):
    hmm = pytest.importorskip("hmmlearn.hmm")
    theirs = hmm.CategoricalHMM(
        len(model.startprob_),
        n_iter=n_iter,
        tol=-np.inf,
        init_params="",
        n_features=model.emissionprob_.shape[1],
        implementation=implementation,
    )
    theirs.startprob_, theirs.transmat_ = model.startprob_.copy(), model.transmat_.copy()
    theirs.emissionprob_ = model.emissionprob_.copy()
    return theirs


LENGTHS = [1, 7, 300, 92]


def path_log_prob(model, x, z, lengths=LENGTHS):
    cuts, total = np.cumsum(lengths)[:-1], 0.0
    for p, way in zip(np.split(x, cuts), np.split(z, cuts), strict=True):
        total += np.log(model.startprob_[way[0]]) + np.log(model.emissionprob_[way, p]).sum()
        total += np.log(model.transmat_[way[:-1], way[1:]]).sum()
    return total


@pytest.mark.parametrize("seed", range(5))
def test_hmmlearn_says_the_same(seed):
    model = random_model(seed)
    theirs, x = hmmlearns(model, 1), model.sample(400, random_state=seed)[0]
    assert model.score(x, LENGTHS) == pytest.approx(theirs.score(x[:, None], LENGTHS), rel=1e-10)
    ours, due = model.decode(x, LENGTHS), theirs.decode(x[:, None], LENGTHS)
    assert ours[0] == pytest.approx(due[0], rel=1e-10)
    # Ties are many: with the same steps in another order, a path is as likely.
    assert path_log_prob(model, x, ours[1]) == pytest.approx(path_log_prob(model, x, due[1]))
    np.testing.assert_allclose(
        model.predict_proba(x, LENGTHS), theirs.predict_proba(x[:, None], LENGTHS), atol=1e-10
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hmmlearn_climbs_the_same_way_from_the_same_start(seed):
    """Several sequences, one of them a single symbol."""
    start, x = random_model(seed), random_model(seed + 50).sample(400, random_state=seed)[0]
    theirs = hmmlearns(start, 8).fit(x[:, None], LENGTHS)
    ours = told(start, 8, tol=0.0, n_symbols=4).fit(x, LENGTHS)
    np.testing.assert_allclose(ours.history_, theirs.monitor_.history, rtol=1e-10)
    for name in ("startprob_", "transmat_", "emissionprob_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-9)


def test_the_class_has_the_numbers_of_the_plain_functions():
    model, x = random_model(2), random_model(3).sample(700, random_state=0)[0]
    seen = model.emissionprob_[:, x].T
    alpha, scale = forward(model.startprob_, model.transmat_, seen)
    assert model.score(x) == pytest.approx(np.log(scale).sum(), rel=1e-12)
    posterior = alpha * backward(model.transmat_, seen, scale)
    np.testing.assert_allclose(model.predict_proba(x), posterior, atol=1e-11)
    _, log_prob = viterbi(model.startprob_, model.transmat_, seen)
    assert model.decode(x)[0] == pytest.approx(log_prob, rel=1e-12)
    assert path_log_prob(model, x, model.predict(x), [700]) == pytest.approx(log_prob)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_zeros_of_the_start_stay():
    """A chain that only goes on: section "Start where you like"."""
    model = random_model(4)
    model.transmat_ = np.triu(model.transmat_) / np.triu(model.transmat_).sum(1, keepdims=True)
    x = random_model(5).sample(200, random_state=0)[0]
    found = told(model, 20, tol=0.0, n_symbols=4).fit(x, [100, 100]).transmat_
    assert (np.tril(found, -1) == 0).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_best_of_several_starts_is_kept():
    x = random_model(6).sample(300, random_state=0)[0]
    rng = np.random.RandomState(3)
    alone = [HiddenMarkovModel(3, n_iter=15, random_state=rng).fit(x).history_ for _ in range(4)]
    best = HiddenMarkovModel(3, n_iter=15, n_init=4, random_state=3).fit(x)
    assert best.history_ == max(alone, key=lambda history: history[-1])
    assert best.n_iter_ == len(best.history_)


def test_why_it_stopped_is_said():
    """Pitfall I8: a gain below tol, or the last iteration."""
    x = random_model(0).sample(200, random_state=0)[0]
    model = HiddenMarkovModel(2, n_iter=500, tol=1.0, random_state=0).fit(x)
    gains = np.diff(model.history_)
    assert model.converged_
    assert 0 <= gains[-1] < 1.0
    assert (gains[:-1] >= 1.0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("startprob_init", [0.5, 0.6]),
        ("transmat_init", [[1.0, 0.0]]),
        ("emissionprob_init", [[1.5, -0.5], [0.5, 0.5]]),
    ],
)
def test_a_bad_start_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} has shape"):
        HiddenMarkovModel(2, **{name: value}).fit([0, 1, 1])
