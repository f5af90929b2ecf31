"""Contrasts of independent component analysis against closed forms, SciPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from sklearn.feature_selection import mutual_info_regression

from companion.components.contrasts import (
    FUNCTIONS,
    GAUSSIAN_ENTROPY,
    amari_distance,
    darmois,
    entropy,
    gaussian_moments,
    kurtosis,
    least_dependent_rotation,
    mutual_information,
    negentropy,
    rotation,
)

N = 40_000
DRAWN = {
    "gaussian": np.random.default_rng(0).normal(size=N),
    "uniform": np.random.default_rng(1).uniform(size=N),
    "laplace": np.random.default_rng(2).laplace(size=N),
    "exponential": np.random.default_rng(3).exponential(size=N),
}
EXACT = {  # entropy of a Gaussian of variance 1, minus that of the standardised density
    "gaussian": 0.0,
    "uniform": GAUSSIAN_ENTROPY - np.log(12) / 2,
    "laplace": GAUSSIAN_ENTROPY - 1 - np.log(np.sqrt(2)),
    "exponential": GAUSSIAN_ENTROPY - 1,
}


@pytest.mark.parametrize("name", DRAWN)
def test_negentropy_by_spacings_is_the_closed_form(name):
    """`eq-ica-negentropy` for densities whose entropy is known."""
    assert abs(negentropy(DRAWN[name], "spacings") - EXACT[name]) < 0.012


def test_entropy_is_that_of_scipy():
    for name, frozen in {"laplace": stats.laplace(), "exponential": stats.expon()}.items():
        x = DRAWN[name]
        theirs = stats.differential_entropy(x, window_length=round(np.cbrt(N)), method="van es")
        assert np.isclose(entropy(x), theirs)
        assert abs(entropy(x) - frozen.entropy()) < 0.012


def test_kurtosis_is_that_of_scipy():
    X = np.column_stack(list(DRAWN.values()))
    np.testing.assert_allclose(kurtosis(X), stats.kurtosis(X), atol=1e-9)
    exact = [stats.norm, stats.uniform, stats.laplace]
    exact = [float(law.stats(moments="k")) for law in exact]
    np.testing.assert_allclose(kurtosis(X)[:3], exact, atol=0.25)


@pytest.mark.parametrize("fun", FUNCTIONS)
def test_gaussian_moments_against_quadrature_and_published_constants(fun):
    """The constants of `eq-contrasts-approximation`; "exp" as printed in Hyvarinen (1998)."""
    even, odd = FUNCTIONS[fun]

    def mean(function):
        return quad(lambda u: function(u) * stats.norm.pdf(u), -12, 12)[0]

    m, a, b = gaussian_moments(fun)
    assert np.isclose(m, mean(even))
    along = mean(lambda u: even(u) * (u**2 - 1)) / np.sqrt(2)
    assert np.isclose(a, mean(lambda u: even(u) ** 2) - m**2 - along**2, atol=1e-10)
    assert np.isclose(b, mean(lambda u: odd(u) ** 2) - mean(lambda u: odd(u) * u) ** 2, atol=1e-10)
    if fun == "exp":
        assert np.isclose(1 / (2 * a), 24 / (16 * np.sqrt(3) - 27))
        assert np.isclose(1 / (2 * b), 36 / (8 * np.sqrt(3) - 9))
    if fun == "cube":  # J = skewness^2 / 12 + kurtosis^2 / 48
        assert np.isclose(1 / (2 * a) / 16, 1 / 48)
        assert np.isclose(1 / (2 * b), 1 / 12)


@pytest.mark.parametrize("fun", FUNCTIONS)
def test_approximations_order_the_densities_as_the_exact_values_do(fun):
    values = {name: negentropy(x, fun) for name, x in DRAWN.items()}
    assert values["gaussian"] < 2e-4
    assert all(values[name] > 0.015 for name in ("uniform", "laplace", "exponential"))
    if fun != "cube":  # moments of the tails make kurtosis overstate
        for name in ("uniform", "laplace"):
            assert EXACT[name] / 4 < values[name] < 1.5 * EXACT[name]
    assert values["exponential"] > values["uniform"]


@pytest.mark.parametrize("fun", [*FUNCTIONS, "spacings"])
@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 10**6),
    scale=st.floats(0.01, 100),
    shift=st.floats(-50, 50),
    flip=st.booleans(),
)
def test_negentropy_does_not_see_scale_and_origin(fun, seed, scale, shift, flip):
    x = np.random.default_rng(seed).laplace(size=300)
    moved = (-scale if flip else scale) * x + shift
    np.testing.assert_allclose(negentropy(moved, fun), negentropy(x, fun), rtol=1e-6, atol=1e-8)


def test_negentropy_of_columns_is_that_of_each():
    X = np.column_stack(list(DRAWN.values()))
    for fun in (*FUNCTIONS, "spacings"):
        alone = [negentropy(x, fun) for x in X.T]
        np.testing.assert_allclose(negentropy(X, fun), alone)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.7, -0.9])
def test_mutual_information_of_gaussians_is_the_closed_form(rho):
    """-1/2 log(1 - rho^2)."""
    X = np.random.default_rng(0).multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=8000)
    assert abs(mutual_information(X) + 0.5 * np.log(1 - rho**2)) < 0.03


def test_mutual_information_of_three_gaussians():
    """-1/2 log det of the correlations: information of more than two columns."""
    C = np.array([[1, 0.5, 0.2], [0.5, 1, -0.4], [0.2, -0.4, 1]])
    X = np.random.default_rng(0).multivariate_normal(np.zeros(3), C, size=8000)
    assert abs(mutual_information(X) + 0.5 * np.linalg.slogdet(C)[1]) < 0.04


def test_mutual_information_is_scikit_learns():
    rng = np.random.default_rng(0)
    for X in (rng.normal(size=(500, 2)), rng.uniform(size=(400, 2)) @ [[1, 2], [0, 1.0]]):
        X = X * [1, 30]
        for k in (3, 7):
            theirs = mutual_info_regression(X[:, :1], X[:, 1], n_neighbors=k, random_state=0)[0]
            assert abs(max(mutual_information(X, n_neighbors=k), 0) - theirs) < 1e-6


def test_mutual_information_of_a_rotated_square_against_enumeration():
    """The joint density of two turned uniform variables, put into small cells and summed up."""
    turn, side = rotation(np.pi / 8), np.linspace(-1, 1, 2001)
    square = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) @ turn.T
    joint = np.histogram2d(*square.T, bins=150)[0] / len(square)
    independent = joint.sum(1, keepdims=True) * joint.sum(0)
    exact = np.sum(joint[joint > 0] * np.log(joint[joint > 0] / independent[joint > 0]))
    S = np.random.default_rng(0).uniform(-1, 1, size=(10_000, 2))
    assert abs(mutual_information(S @ turn.T) - exact) < 0.03
    assert exact > 0.1


def test_least_dependent_rotation_finds_mixed_sources():
    rng = np.random.default_rng(0)
    S = np.column_stack(
        [rng.uniform(size=3000), rng.laplace(size=3000), rng.exponential(size=3000)]
    )
    S = (S - S.mean(0)) / S.std(0)
    A = stats.special_ortho_group(3, seed=0).rvs()
    W = least_dependent_rotation(S @ A.T)
    np.testing.assert_allclose(W @ W.T, np.eye(3), atol=1e-12)
    assert amari_distance(W, A) < 0.05
    assert mutual_information(S @ A.T @ W.T) < 0.1 < mutual_information(S @ A.T)


def test_darmois_makes_anything_independent_and_uniform():
    """Section "Break it: a bent mixture": uniform and independent."""
    rng = np.random.default_rng(0)
    X = rng.laplace(size=(4000, 2)) @ [[1, 0.8], [0.3, 1]]
    Z = darmois(X)
    assert mutual_information(X) > 0.2
    assert abs(mutual_information(Z)) < 0.03
    for z in Z.T:
        assert stats.kstest(z, "uniform").statistic < 0.02
    np.testing.assert_array_equal(np.argsort(Z[:, 0]), np.argsort(X[:, 0]))
    # with a known conditional: x_2 = x_1 + v, F(x_2 | x_1) = F_v(x_2 - x_1)
    x, v = rng.uniform(size=4000), rng.normal(size=4000)
    Z = darmois(np.column_stack([x, x + 0.1 * v]), n_neighbors=101)
    assert np.corrcoef(Z[:, 1], stats.norm.cdf(v))[0, 1] > 0.97


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 6))
def test_amari_distance_is_zero_exactly_for_permutations_with_scales(seed, k):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(k, k)) + 3 * np.eye(k)
    scales = rng.uniform(0.5, 2, size=k) * rng.choice([-1, 1], size=k)
    W = scales[:, None] * np.linalg.inv(A)[rng.permutation(k)]
    assert amari_distance(W, A) < 1e-10
    assert 0 < amari_distance(W + 0.1 * rng.normal(size=(k, k)), A) <= 1
    assert np.isclose(amari_distance(np.ones((k, k)), np.eye(k)), 1)


def test_bad_input_is_refused():
    X = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(ValueError, match=r"fun='tanh'.*'logcosh'"):
        negentropy(X, "tanh")
    with pytest.raises(ValueError, match="constant column: drop it"):
        negentropy(np.ones(10))
    with pytest.raises(ValueError, match=r"shape \(2, 2, 2\)"):
        kurtosis(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match=r"NaN or infinity"):
        kurtosis([1.0, np.nan])
    with pytest.raises(ValueError, match="add a little noise"):
        entropy(np.repeat([0.0, 1.0], 20))
    with pytest.raises(ValueError, match=r"n_neighbors=50 .* there are n - 1"):
        mutual_information(X, n_neighbors=50)
    with pytest.raises(ValueError, match=r"more than n_neighbors=3 times.*add a little noise"):
        mutual_information(np.vstack([X, X[[0, 0, 0]]]))
    with pytest.raises(ValueError, match="minimum of 2"):
        mutual_information(X[:, :1])
    with pytest.raises(ValueError, match=r"n_neighbors=51"):
        darmois(X, n_neighbors=51)
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        amari_distance(np.ones((1, 2)), np.ones((2, 1)))
