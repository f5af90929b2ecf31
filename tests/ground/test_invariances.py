"""Every metric: neither origin nor unit of the data, nor names or types of labels, matter."""

import numpy as np
import pytest
import torch

from companion import metrics

RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(60, 5)) * 2**20) / 2**20
Y = X[:, :2] + 0.5 * RNG.normal(size=(60, 2))
LABELS, GUESSES = RNG.integers(0, 3, 60), RNG.integers(0, 4, 60)
FAR = 2.0**30 * np.array([1.0, -1.0, 0.5, 0.0, 1.0])
MOVED = [(1.0, 0.0), (1.0, FAR), (2.0**-40, 0.0), (2.0**30, 0.0), (2.0**20, 2.0**20 * FAR)]
NAMES = {
    "numbers": lambda y: y + 7,
    "strings": lambda y: np.array(["a", "bb", "ccc", "d"])[y],
    "bytes": lambda y: y.astype(np.int8),
    "unsigned": lambda y: y.astype(np.uint64),
    "floats": lambda y: y.astype(float),
    "a list": list,
    "tensor": lambda y: torch.from_numpy(y),
}


def covariance(Z):
    return np.cov(Z, rowvar=False)


# Each is given the data as they stand, and with a X + c in place of X; the power of `a` it takes.
OF_POINTS = {
    "silhouette_score": (lambda Z: metrics.silhouette_score(Z, LABELS), 0),
    "trustworthiness": (lambda Z: metrics.trustworthiness(Z, Y), 0),
    "continuity": (lambda Z: metrics.continuity(Z, Y), 0),
    "distance_correlation": (lambda Z: metrics.distance_correlation(Z, Y), 0),
    "linear_probe": (lambda Z: metrics.linear_probe(Z, LABELS, Z[::2], LABELS[::2]), 0),
    "two_sample_accuracy": (lambda Z: metrics.two_sample_accuracy(Z[:24], Z[24:48]), 0),
    "frechet_distance": (lambda Z: metrics.frechet_distance(Z[:30], Z[30:]), 2),
    "squared_wasserstein_gaussians": (
        lambda Z: metrics.squared_wasserstein_gaussians(
            Z[:30].mean(0), covariance(Z[:30]), Z[30:].mean(0), covariance(Z[30:])
        ),
        2,
    ),
}
OF_LABELS = {
    "adjusted_rand_score": metrics.adjusted_rand_score,
    "normalized_mutual_info_score": metrics.normalized_mutual_info_score,
    "purity_score": metrics.purity_score,
    "contingency_table": metrics.contingency_table,
}
OF_NUMBERS = {"bits_per_dim": metrics.bits_per_dim}


def test_every_metric_is_here():
    tried = {*OF_POINTS, *OF_LABELS, *OF_NUMBERS}
    assert set(metrics.__all__) == tried, "say here what moving and scaling the data does to it"


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize(("a", "c"), MOVED)
def test_where_the_origin_is_and_which_unit_is_used_do_not_matter(name, a, c):
    metric, power = OF_POINTS[name]
    assert metric(a * X + c) == pytest.approx(a**power * metric(X), rel=1e-5)


@pytest.mark.parametrize("name", OF_POINTS)
@pytest.mark.parametrize("form", ["float32", "Fortran", "read-only", "pandas"])
def test_the_form_of_the_points_does_not_matter(name, form):
    metric, _ = OF_POINTS[name]
    Z = X.astype(np.float32).astype(float)
    right = metric(Z)
    if form == "pandas" and name in ("linear_probe", "squared_wasserstein_gaussians"):
        pytest.skip("it is given parts that were cut by position")
    if form == "pandas":
        Z = pytest.importorskip("pandas").DataFrame(Z, columns=list("abcde"))
    else:
        Z = {"float32": Z.astype(np.float32), "Fortran": np.asfortranarray(Z)}.get(form, Z)
        Z.flags.writeable = False
    assert metric(Z) == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("form", NAMES)
def test_names_and_types_of_labels_do_not_matter(name, form):
    metric, rename = OF_LABELS[name], NAMES[form]
    right, found = metric(LABELS, GUESSES), metric(rename(LABELS), rename(GUESSES))
    np.testing.assert_allclose(found, right, rtol=1e-12)


@pytest.mark.parametrize("kind", [int, np.int32, np.uint8, np.int64])
def test_a_number_of_dimensions_is_an_integer_of_any_type(kind):
    assert metrics.bits_per_dim(-64 * np.log(2), kind(64)) == pytest.approx(1)


@pytest.mark.parametrize("size", [1e-160, 1e-20, 1e20])
def test_a_covariance_that_is_not_symmetric_is_seen_in_every_unit(size):
    wrong = size * np.array([[1.0, 0.2], [0.1, 1.0]])
    with pytest.raises(ValueError, match="covariance_a has shape"):
        metrics.squared_wasserstein_gaussians(np.zeros(2), wrong, np.zeros(2), size * np.eye(2))
