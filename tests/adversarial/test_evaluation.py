"""Judges of samples: scikit-learn's densities, enumeration, brute force, and what each misses."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, multivariate_normal
from sklearn.neighbors import KernelDensity, NearestNeighbors

from companion import data, metrics
from companion.adversarial import evaluation
from companion.adversarial.evaluation import (
    choose_bandwidth,
    frechet_at_infinity,
    frechet_by_size,
    inception_score,
    memorization_ratio,
    nearest_training_distance,
    neighbor_radii,
    parzen_log_likelihood,
    precision_recall,
    two_sample_accuracy,
)

SIZES = st.integers(2, 15)
SEEDS = st.integers(0, 999)


# Parzen windows (eq-evaluation-parzen).


@given(SIZES, SIZES, st.integers(1, 5), st.floats(0.01, 20), SEEDS)
def test_parzen_windows_are_scikit_learns_kernel_density(n, m, d, bandwidth, seed):
    rng = np.random.default_rng(seed)
    samples, held_out = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    right = KernelDensity(bandwidth=bandwidth).fit(samples).score_samples(held_out)
    found = parzen_log_likelihood(samples, held_out, bandwidth)
    np.testing.assert_allclose(found, right, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("bandwidth", [0.1, 1.0, 3.0])
def test_parzen_density_sums_to_1_on_a_grid(bandwidth):
    samples = np.random.default_rng(0).normal(size=(7, 2))
    side = np.arange(-20, 20, min(bandwidth, 0.5) / 2)
    grid = np.array(list(itertools.product(side, side)))
    mass = np.exp(parzen_log_likelihood(samples, grid, bandwidth)).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-3)


def test_parzen_windows_are_summed_in_logarithms_and_in_blocks(monkeypatch):
    """Far points have no density that a float could hold; many rows are taken in turns."""
    assert parzen_log_likelihood([[0.0]], [[1000.0]], 1.0) == pytest.approx(-500_000.9189385)
    rng = np.random.default_rng(0)
    samples, held_out = rng.normal(size=(900_000, 1)), rng.normal(size=(11, 1))
    whole = parzen_log_likelihood(samples, held_out, 0.5)
    single = np.concatenate([parzen_log_likelihood(samples, x[None], 0.5) for x in held_out])
    np.testing.assert_allclose(whole, single)


def test_parzen_windows_of_many_samples_approach_the_smoothed_density():
    """The mean window is N(0, (1 + h^2) I) where samples are standard normal."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 2))
    found = parzen_log_likelihood(rng.normal(size=(200_000, 2)), x, 0.7)
    right = multivariate_normal(np.zeros(2), 1.49 * np.eye(2)).logpdf(x)
    np.testing.assert_allclose(found, right, atol=0.05)


def test_the_chosen_bandwidth_is_the_best_of_those_given():
    rng = np.random.default_rng(0)
    samples, validation = rng.normal(size=(300, 1)), rng.normal(size=(200, 1))
    widths = np.geomspace(0.01, 10, 13)
    scores = [parzen_log_likelihood(samples, validation, h).mean() for h in widths]
    best = choose_bandwidth(samples, validation, widths)
    assert best == widths[np.argmax(scores)]
    assert widths[0] < best < widths[-1]
    # At its own centres the narrowest window wins: that is no choice.
    assert choose_bandwidth(samples, samples, widths) == widths[0]
    with pytest.raises(ValueError, match="bandwidths is empty"):
        choose_bandwidth(samples, validation, [])


# Inception score (eq-evaluation-inception).


@given(st.integers(1, 9), st.integers(2, 6), SEEDS)
def test_inception_score_is_exp_of_the_mutual_information_enumerated(n, n_classes, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(0.3 * np.ones(n_classes), size=n)
    joint = p / n  # an image is drawn, then a class
    information = sum(
        joint[i, k] * np.log(joint[i, k] / (joint[i].sum() * joint[:, k].sum()))
        for i, k in itertools.product(range(n), range(n_classes))
        if joint[i, k] > 0
    )
    score = inception_score(p)
    assert score == pytest.approx(np.exp(information), rel=1e-9)
    assert 1 <= score <= n_classes
    divergence = np.mean([entropy(row, p.mean(axis=0)) for row in p])
    assert score == pytest.approx(np.exp(divergence))
    assert inception_score(rng.permutation(p)) == pytest.approx(score)
    assert inception_score(np.concatenate([p, p])) == pytest.approx(score), "copies cost nothing"


def test_inception_score_reaches_its_bounds():
    assert inception_score(np.eye(10)) == pytest.approx(10)
    assert inception_score(np.eye(10)[[3] * 8]) == 1  # one kind only
    assert inception_score(np.full((5, 10), 0.1)) == 1  # nothing is clear
    assert inception_score(np.eye(10)[[0, 1, 1, 0]]) == pytest.approx(2)
    logits = 30 * torch.randn(50, 10, generator=torch.Generator().manual_seed(0))
    assert 1 < inception_score(torch.softmax(logits, dim=1)) <= 10  # float32 rows


@pytest.mark.parametrize(
    "bad", [np.ones((2, 3)), np.array([[1.5, -0.5]]), np.zeros((2, 2)), np.array([[0.5, 0.4]])]
)
def test_scores_that_are_no_probabilities_are_refused(bad):
    with pytest.raises(ValueError, match=r"pass softmax"):
        inception_score(bad)


# Fréchet distance by size (eq-evaluation-bias). The distance itself: tests/ground/test_metrics.py.


def test_frechet_by_size_uses_subsets_without_replacement():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 3)), rng.normal(0.5, 2, size=(41, 3))
    found = frechet_by_size(a, b, [5, 60], n_repeats=4, random_state=1)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found[1], metrics.frechet_distance(a, b))  # all of them, any order
    assert np.unique(found[0]).size == 4
    np.testing.assert_array_equal(
        found, frechet_by_size(a, b, [5, 60], n_repeats=4, random_state=1)
    )
    for size in (1, 61, 2.5):
        with pytest.raises(ValueError, match=f"sizes={size}"):
            frechet_by_size(a, b, [size])


def test_the_bias_of_two_samples_of_one_gaussian_is_that_of_the_formula():
    """d (d + 5) / 4 (1/n + 1/m) for N(0, I), to first order."""
    rng, d, n = np.random.default_rng(0), 4, 400
    pairs = rng.normal(size=(300, 2, n, d))
    mean = np.mean([metrics.frechet_distance(*pair) for pair in pairs])
    assert mean == pytest.approx(d * (d + 5) / 4 * 2 / n, rel=0.1)


def test_extrapolation_finds_the_limit_of_a_line_in_one_over_n():
    sizes = [100, 200, 1000]
    distances = [[3 + 50 / n - 1, 3 + 50 / n + 1] for n in sizes]
    assert frechet_at_infinity(sizes, distances) == pytest.approx(3)
    assert frechet_at_infinity(sizes, np.mean(distances, axis=1)) == pytest.approx(3)
    for bad in ([100], [100, 100, 100]):
        with pytest.raises(ValueError, match="two different sizes"):
            frechet_at_infinity(bad, distances)


def test_extrapolation_takes_off_the_bias_of_a_known_pair():
    rng = np.random.default_rng(0)
    drawn, reference = rng.normal(size=(4000, 5)), rng.normal(1, 1, size=(200_000, 5))
    sizes = [100, 200, 400, 1000]
    distances = frechet_by_size(drawn, reference, sizes, n_repeats=30)
    limit = frechet_at_infinity(sizes, distances)
    right = metrics.frechet_distance(drawn, reference)
    assert abs(limit - right) < 0.4 * (distances[0].mean() - right)


# Two samples: the tests of companion.metrics; here it must be the same function.


def test_the_two_sample_judge_is_the_one_of_the_ground_floor():
    assert two_sample_accuracy is metrics.two_sample_accuracy
    assert set(evaluation.__all__) <= set(dir(evaluation))


# Precision and recall (eq-evaluation-precision).


@given(st.integers(4, 12), st.integers(4, 12), st.integers(1, 3), st.integers(1, 3), SEEDS)
def test_precision_and_recall_are_those_of_brute_force(n, m, d, k, seed):
    """On whole numbers, with ties and copies."""
    rng = np.random.default_rng(seed)
    drawn, real = rng.integers(0, 4, size=(n, d)), rng.integers(0, 4, size=(m, d))

    def share(points, centers):
        hits = 0
        for x in points:
            for i, c in enumerate(centers):
                others = [np.linalg.norm(c - o) for j, o in enumerate(centers) if j != i]
                if np.linalg.norm(x - c) <= sorted(others)[k - 1]:
                    hits += 1
                    break
        return hits / len(points)

    found = precision_recall(drawn, real, n_neighbors=k)
    assert found == (share(drawn, real), share(real, drawn))
    assert precision_recall(real, drawn, n_neighbors=k) == found[::-1]


@given(st.integers(5, 20), st.integers(1, 4), st.integers(1, 4), SEEDS)
def test_radii_are_scikit_learns_neighbours(n, d, k, seed):
    X = np.random.default_rng(seed).normal(size=(n, d))
    right = NearestNeighbors(n_neighbors=k).fit(X).kneighbors()[0][:, -1]
    np.testing.assert_allclose(neighbor_radii(X, k), right)


def test_a_copy_is_a_neighbour_of_its_original():
    """The radius leaves out the point itself, not everything at distance 0."""
    X = np.array([[0.0], [0.0], [5.0]])
    np.testing.assert_array_equal(neighbor_radii(X, 1), [0, 0, 5])
    np.testing.assert_array_equal(neighbor_radii(X, 2), [5, 5, 5])
    assert precision_recall([[0.0], [-0.1]], X, n_neighbors=1) == (0.5, 2 / 3)


def test_lost_kinds_cost_recall_and_bad_points_cost_precision():
    rng = np.random.default_rng(0)
    kinds = np.array([[0.0, 0.0], [50.0, 0.0]])
    real = rng.normal(size=(400, 2)) + kinds[np.arange(400) % 2]
    same = rng.normal(size=(400, 2)) + kinds[np.arange(400) % 2]
    lost = rng.normal(size=(400, 2))
    bad = np.concatenate([same[:200], rng.uniform(1000, 2000, size=(200, 2))])
    assert min(precision_recall(same, real)) > 0.9
    precision, recall = precision_recall(lost, real)
    assert precision > 0.9
    assert 0.45 < recall <= 0.5
    precision, recall = precision_recall(bad, real)
    assert 0.45 < precision <= 0.5
    assert recall > 0.9
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(same + 1e6, real) == (0, 0)


def test_one_outlier_covers_the_space():
    """What the method misses: a far point has a large ball."""
    real = np.r_[np.zeros(20), 100.0][:, None] + np.arange(21)[:, None] * 1e-3
    assert precision_recall(np.full((5, 1), 60.0), real, n_neighbors=3).precision == 1
    assert precision_recall(np.full((5, 1), 60.0), real[:20], n_neighbors=3).precision == 0


@pytest.mark.parametrize("n_neighbors", [0, 3, 1.5])
def test_too_few_points_are_refused(n_neighbors):
    X = np.arange(3.0)[:, None]
    with pytest.raises(ValueError, match=f"n_neighbors={n_neighbors}"):
        precision_recall(X, X, n_neighbors=n_neighbors)


# Memorised images.


def test_copies_are_at_distance_0_and_new_images_at_1():
    x_train, _, x_test, _ = data.digits()
    copies = x_train[::-1]
    assert (nearest_training_distance(copies, x_train) == 0).all()
    assert memorization_ratio(copies, x_train, x_test) == 0
    assert memorization_ratio(x_test, x_train, x_test) == 1
    half = np.concatenate([copies[:700], x_test])  # more than half are copies
    assert memorization_ratio(half, x_train, x_test) == 0
    right = NearestNeighbors(n_neighbors=1).fit(x_train.reshape(-1, 64))
    far = right.kneighbors(x_test.reshape(-1, 64).astype(float))[0][:, 0]
    np.testing.assert_allclose(nearest_training_distance(x_test, x_train), far)
    with pytest.raises(ValueError, match="half of held_out lies in training"):
        memorization_ratio(x_test, x_train, copies)


# All of them: unit and origin do not matter, images need not be flattened, faults are named.

JUDGES = {
    "precision": lambda a, b: precision_recall(a, b).precision,
    "recall": lambda a, b: precision_recall(a, b).recall,
    "memorization": lambda a, b: memorization_ratio(a, b, a[::-1] + (b[0] - b[1])),
}


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("move", [lambda x: x + 2.0**30, lambda x: x * 2.0**-20])
def test_neither_origin_nor_unit_matter(name, move):
    a, b = np.round(np.random.default_rng(0).normal(size=(2, 30, 3)) * 2**10) / 2**10
    assert JUDGES[name](move(a), move(b)) == pytest.approx(JUDGES[name](a, b), rel=1e-12)


def test_a_density_moves_with_the_points_and_has_their_unit():
    a, b = np.round(np.random.default_rng(0).normal(size=(2, 30, 3)) * 2**10) / 2**10
    found = parzen_log_likelihood(a, b, 0.5)
    moved = parzen_log_likelihood(a + 2.0**30, b + 2.0**30, 0.5)
    np.testing.assert_allclose(moved, found, rtol=1e-12)
    scaled = parzen_log_likelihood(2.0**20 * a, 2.0**20 * b, 2.0**19)
    np.testing.assert_allclose(scaled, found - 3 * 20 * np.log(2), rtol=1e-12)
    assert np.isfinite(parzen_log_likelihood(a, b, 1e200)).all()


@pytest.mark.parametrize("name", JUDGES)
def test_images_and_tensors_are_taken_as_rows(name):
    a, b = torch.randn(2, 12, 1, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    rows = (x.flatten(1).numpy() for x in (a, b))
    if name == "memorization":
        np.testing.assert_array_equal(
            nearest_training_distance(a, b), nearest_training_distance(*rows)
        )
    else:
        assert JUDGES[name](a, b) == JUDGES[name](*rows)


def test_faults_are_named():
    good = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"held_out has shape \(2,\)"):
        parzen_log_likelihood(good, np.zeros(2), 1.0)
    with pytest.raises(ValueError, match=r"samples has shape \(0, 2\)"):
        parzen_log_likelihood(good[:0], good, 1.0)
    with pytest.raises(ValueError, match=r"samples has points of 2 numbers and held_out of 3"):
        parzen_log_likelihood(good, np.zeros((1, 3)), 1.0)
    with pytest.raises(ValueError, match="bandwidth=0"):
        parzen_log_likelihood(good, good, 0)
    with pytest.raises(ValueError, match="drawn contains NaN"):
        precision_recall(np.full((5, 2), np.nan), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="points has an entry of size 1e\\+200"):
        nearest_training_distance(np.full((5, 2), 1e200), np.zeros((5, 2)))
