"""Scores against scikit-learn, SciPy, closed forms and theorems."""

import numpy as np
import pytest
import scipy.linalg
import sklearn.metrics
import sklearn.neighbors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.metrics.cluster import contingency_matrix

from companion import metrics


@st.composite
def label_pairs(draw):
    """Two labellings of the same 1 to 40 points."""
    n = draw(st.integers(1, 40))
    labels = st.lists(st.integers(-1, draw(st.integers(0, 8))), min_size=n, max_size=n)
    return draw(labels), draw(labels)


@given(label_pairs())
def test_contingency_table_is_scikit_learns(pair):
    np.testing.assert_array_equal(metrics.contingency_table(*pair), contingency_matrix(*pair))


@given(label_pairs())
def test_adjusted_rand_is_scikit_learns(pair):
    assert metrics.adjusted_rand_score(*pair) == pytest.approx(
        sklearn.metrics.adjusted_rand_score(*pair), abs=1e-12
    )


@given(label_pairs())
def test_normalized_mutual_information_is_scikit_learns(pair):
    assert metrics.normalized_mutual_info_score(*pair) == pytest.approx(
        sklearn.metrics.normalized_mutual_info_score(*pair), abs=1e-10
    )


@given(label_pairs())
def test_purity_counts_what_a_vote_in_each_cluster_gets_right(pair):
    classes, clusters = map(np.array, pair)
    right = sum(
        max(np.sum(classes[clusters == k] == c) for c in classes[clusters == k])
        for k in set(clusters)
    )
    assert metrics.purity_score(classes, clusters) == right / len(classes)


@given(label_pairs(), st.randoms(use_true_random=False))
def test_names_of_clusters_do_not_matter(pair, random):
    classes, clusters = pair
    names = [f"cluster {i}" for i in range(-1, 10)]
    random.shuffle(names)
    renamed = [names[k] for k in clusters]
    for score in (
        metrics.purity_score,
        metrics.adjusted_rand_score,
        metrics.normalized_mutual_info_score,
    ):
        assert score(classes, clusters) == pytest.approx(score(classes, renamed), abs=1e-12)


def test_purity_is_1_for_single_points_but_adjusted_rand_is_0():
    y = load_iris().target
    singletons = np.arange(len(y))
    assert metrics.purity_score(y, singletons) == 1.0
    assert metrics.adjusted_rand_score(y, singletons) == 0.0


def test_adjusted_rand_of_random_labels_averages_to_0():
    rng = np.random.default_rng(0)
    y = load_iris().target
    scores = [metrics.adjusted_rand_score(y, rng.permutation(y)) for _ in range(400)]
    assert abs(np.mean(scores)) < 5 * np.std(scores) / np.sqrt(400)


@pytest.mark.parametrize("pair", [([0, 1], [0]), ([], []), ([[0, 1]], [[0, 1]])])
def test_labels_that_do_not_pair_up_are_refused(pair):
    for score in (
        metrics.purity_score,
        metrics.adjusted_rand_score,
        metrics.normalized_mutual_info_score,
    ):
        with pytest.raises(ValueError, match=r"labels_true has shape .* give one label"):
            score(*pair)


# Embeddings


def test_a_rotation_tears_and_joins_nothing():
    X = load_iris().data + np.random.default_rng(0).normal(scale=1e-3, size=(150, 4))
    turned = 3 * X @ ortho_group.rvs(4, random_state=0)
    assert metrics.trustworthiness(X, turned) == 1.0
    assert metrics.continuity(X, turned) == 1.0
    assert metrics.distance_correlation(X, turned) == pytest.approx(1.0)


def test_a_projection_joins_and_a_cut_tears():
    """Trustworthiness punishes false neighbours, continuity lost ones."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 200)
    circle = np.c_[np.cos(angle), np.sin(angle)]
    flattened, unrolled = circle[:, :1], angle[:, None]
    assert metrics.trustworthiness(circle, flattened) < 0.9
    assert metrics.continuity(circle, flattened) > 0.98
    assert metrics.trustworthiness(circle, unrolled) > 0.999
    assert metrics.continuity(circle, unrolled) < metrics.trustworthiness(circle, unrolled)


def test_continuity_equals_its_definition():
    """1 - 2 / (n k (2n - 3k - 1)) sum over lost neighbours of (rank in the embedding - k)."""
    rng = np.random.default_rng(0)
    X, Z, n, k = rng.normal(size=(30, 5)), rng.normal(size=(30, 2)), 30, 4
    near = [
        np.argsort(np.linalg.norm(A[:, None] - A, axis=-1) - 1e9 * np.eye(n), axis=1)
        for A in (X, Z)
    ]
    penalty = 0
    for i in range(n):
        rank = np.argsort(near[1][i])
        penalty += sum(max(rank[j] - k, 0) for j in near[0][i, 1 : k + 1])
    expected = 1 - 2 * penalty / (n * k * (2 * n - 3 * k - 1))
    assert metrics.continuity(X, Z, n_neighbors=k) == pytest.approx(expected)


def test_distance_correlation_sees_ranks_only():
    X = np.random.default_rng(0).normal(size=(50, 1))
    twos, threes = (base ** np.arange(10.0)[:, None] for base in (2, 3))
    assert metrics.distance_correlation(twos, threes) == pytest.approx(1.0)  # the same order
    assert metrics.distance_correlation(X, X**2) < 0.9
    with pytest.raises(ValueError, match=r"X_embedded \(3, 1\).*one row for each"):
        metrics.distance_correlation(X, X[:3])


# Densities


def test_bits_per_dim_of_a_fair_coin_is_1():
    log_prob = 10 * np.log(0.5) * np.ones((3, 2))
    np.testing.assert_allclose(metrics.bits_per_dim(log_prob, 10), 1.0)
    bits = metrics.bits_per_dim(torch.from_numpy(log_prob), 10)
    torch.testing.assert_close(bits, torch.ones(3, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="n_dims=0 must be an integer of at least 1"):
        metrics.bits_per_dim(log_prob, 0)


# Representations


def test_linear_probe_reads_linear_labels_and_no_others():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3000, 5)) * [1, 100, 1e-3, 1, 1]
    linear, exclusive_or = (z[:, 2] > 0).astype(int), (z[:, 0] * z[:, 3] > 0).astype(int)

    def accuracy(y):
        return metrics.linear_probe(z[:2000], y[:2000], z[2000:], y[2000:])

    assert accuracy(linear) > 0.98
    assert accuracy(exclusive_or) < 0.56
    assert accuracy(linear) == accuracy(linear)


# Samples


@st.composite
def gaussians(draw):
    """Mean and covariance of two Gaussians in 1 to 6 dimensions, of any rank."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_dims = draw(st.integers(1, 6))
    roots = (rng.normal(size=(n_dims, draw(st.integers(1, 8)))) for _ in range(2))
    return [moment for root in roots for moment in (rng.normal(size=n_dims), root @ root.T)]


@settings(max_examples=50)
@given(gaussians())
def test_wasserstein_equals_the_formula_with_a_matrix_square_root(moments):
    mean_a, cov_a, mean_b, cov_b = moments
    root = scipy.linalg.sqrtm(cov_a + 0j)
    shared = scipy.linalg.sqrtm(root @ cov_b @ root)
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * shared).real
    # Where a covariance is singular it is sqrtm that is inexact.
    assert metrics.squared_wasserstein_gaussians(*moments) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=50)
@given(gaussians(), st.floats(0.1, 10))
def test_wasserstein_is_a_squared_distance(moments, scale):
    """Symmetric, 0 for equals, quadratic in the unit of length."""
    mean_a, cov_a, mean_b, cov_b = moments
    distance = metrics.squared_wasserstein_gaussians
    there, back = distance(*moments), distance(mean_b, cov_b, mean_a, cov_a)
    assert there == pytest.approx(back, abs=1e-6)
    assert distance(mean_a, cov_a, mean_a, cov_a) == pytest.approx(0, abs=1e-6)
    scaled = distance(scale * mean_a, scale**2 * cov_a, scale * mean_b, scale**2 * cov_b)
    assert scaled == pytest.approx(scale**2 * there, rel=1e-6, abs=1e-6)


def test_wasserstein_of_commuting_covariances_is_the_difference_of_deviations():
    axes = ortho_group.rvs(4, random_state=0)
    sd_a, sd_b = np.array([3.0, 2.0, 1.0, 0.0]), np.array([1.0, 1e-9, 0.0, 5.0])
    mean_a, mean_b = np.ones(4), np.array([1.0, 2.0, 1.0, 0.0])
    value = metrics.squared_wasserstein_gaussians(
        mean_a, axes * sd_a**2 @ axes.T, mean_b, axes * sd_b**2 @ axes.T
    )
    assert value == pytest.approx(np.sum((sd_a - sd_b) ** 2) + 2.0, abs=1e-5)


def test_frechet_distance_of_a_shift_and_a_stretch():
    """X + c is at ||c||^2; (1 + s) X is at s^2 tr C when the mean is 0."""
    X = load_digits().data / 16  # 64 dimensions, three of them constant
    X = X - X.mean(axis=0)
    shift = np.linspace(0, 1, 64)
    assert metrics.frechet_distance(X, X + shift) == pytest.approx(shift @ shift)
    variance = np.cov(X, rowvar=False).trace()
    assert metrics.frechet_distance(X, 1.5 * X) == pytest.approx(0.25 * variance)
    assert metrics.frechet_distance(X, X[::-1]) == pytest.approx(0, abs=1e-10)


def test_frechet_distance_is_below_the_distance_of_the_points():
    """It bounds the squared Wasserstein distance of the samples from below (Gelbrich, 1990)."""
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(80, 3)), rng.exponential(size=(80, 3))
    cost = ((X[:, None] - Y) ** 2).sum(-1)
    transport = cost[linear_sum_assignment(cost)].mean()
    moments = [m for A in (X, Y) for m in (A.mean(0), np.cov(A, rowvar=False, ddof=0))]
    assert metrics.squared_wasserstein_gaussians(*moments) <= transport


def test_frechet_distance_takes_tensors_and_one_column():
    X, Y = torch.zeros(2, 1), torch.tensor([[3.0], [3.0]])
    assert metrics.frechet_distance(X, Y) == pytest.approx(9.0)
    Z = PCA(1).fit_transform(load_iris().data)
    assert metrics.frechet_distance(Z, -Z) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((1, 3)), np.array([[0.0], [np.nan]])])
def test_features_that_are_no_sample_are_refused(bad):
    with pytest.raises(ValueError, match=r"features_b has shape .* at least 2 rows"):
        metrics.frechet_distance(np.zeros((4, 3)), bad)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones(3), "covariance_b has shape"),
        (np.triu(np.ones((3, 3))), "must be a symmetric matrix"),
        (-np.eye(3), "covariance_b has the eigenvalue -1"),
    ],
)
def test_matrices_that_are_no_covariance_are_refused(covariance, message):
    with pytest.raises(ValueError, match=message):
        metrics.squared_wasserstein_gaussians(np.zeros(3), np.eye(3), np.zeros(3), covariance)
    with pytest.raises(ValueError, match="compare Gaussians of the same dimension"):
        metrics.squared_wasserstein_gaussians(np.zeros(3), np.eye(3), np.zeros(2), np.eye(2))


# Two samples.


@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 999))
def test_two_samples_are_told_apart_as_by_scikit_learns_neighbours(n, d, seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, d)), rng.normal(0.5, 2, size=(n, d))
    points, own = np.concatenate([X, Y]), np.repeat([0, 1], n)
    right = np.mean(
        [
            sklearn.neighbors.KNeighborsClassifier(1)
            .fit(np.delete(points, i, axis=0), np.delete(own, i))
            .predict(points[i : i + 1])[0]
            == own[i]
            for i in range(2 * n)
        ]
    )
    assert metrics.two_sample_accuracy(X, Y) == right
    assert metrics.two_sample_accuracy(Y, X) == right
    assert metrics.two_sample_accuracy(2**20 + X / 2**10, 2**20 + Y / 2**10) == right


def test_one_density_gives_half_two_apart_give_one_and_copies_none():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 800, 2))
    assert abs(metrics.two_sample_accuracy(X, Y) - 0.5) < 0.05
    assert metrics.two_sample_accuracy(X, Y + 100) == 1
    assert metrics.two_sample_accuracy(X, X + 1e-9) == 0
    images = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    assert metrics.two_sample_accuracy(images, images + 9) == 1
    with pytest.raises(ValueError, match="X and Y have 800 and 799 rows"):
        metrics.two_sample_accuracy(X, Y[1:])
