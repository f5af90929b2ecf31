"""Attraction and repulsion against sums over all pairs, SciPy and theorems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist, squareform

from companion.embedding.repulsion import (
    attractive_forces,
    force_kernels,
    grid_sums,
    repulsive_forces,
    stencil,
    student,
)


def picture(n=300, q=2, spread=8.0, seed=0):
    return np.random.default_rng(seed).normal(scale=spread, size=(n, q))


def sums(Y, weights):
    """sum_j w_ij (y_i - y_j), one point at a time."""
    return np.array([row @ (a - Y) for row, a in zip(weights, Y, strict=True)])


@pytest.mark.parametrize("nu", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_exact_repulsion_is_the_sum_over_pairs(nu, q):
    """`eq-neighbors-gradient`, its second half; more rows than a block holds."""
    Y = picture(300, q)
    d2 = squareform(pdist(Y, "sqeuclidean"))
    kernel = (1 + d2 / nu) ** (-(nu + 1) / 2)
    np.fill_diagonal(kernel, 0)
    forces, total = repulsive_forces(Y, nu, method="exact")
    np.testing.assert_allclose(forces, sums(Y, kernel / (1 + d2 / nu)), atol=1e-9)
    np.testing.assert_allclose(total, kernel.sum())


@pytest.mark.parametrize("nu", [0.1, 1.0])
@pytest.mark.parametrize("spread", [10, 100, 1000])
def test_single_precision_will_do_for_a_large_picture(spread, nu):
    Y = picture(300, spread=spread)
    forces, total = repulsive_forces(Y.astype(np.float32), nu, method="exact")
    exact, wanted = repulsive_forces(Y, nu, method="exact")
    assert abs(total / wanted - 1) < 0.02
    assert np.linalg.norm(forces - exact) < 0.02 * np.linalg.norm(exact)
    assert forces.dtype == np.float32


@pytest.mark.parametrize("nu", [0.5, 1.0, 3.0])
def test_attraction_is_the_sum_over_pairs(nu):
    """`eq-neighbors-gradient`, its first half: each pair once, whichever way round."""
    rng = np.random.default_rng(1)
    Y, P = picture(60), rng.random((60, 60)) * (rng.random((60, 60)) < 0.2)
    P = np.triu(P, 1)
    d2 = squareform(pdist(Y, "sqeuclidean"))
    wanted = sums(Y, (P + P.T) / (1 + d2 / nu))
    for pairs in (P, P.T):
        np.testing.assert_allclose(attractive_forces(csr_array(pairs), Y, nu), wanted, atol=1e-9)


@pytest.mark.parametrize("spread", [1e-4, 0.1, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("nu", [1.0, 2.0])
def test_grid_against_exact(spread, nu):
    """Section "A million pairs": at most a tenth, and much less while all is small."""
    Y = picture(500, spread=spread).astype(np.float32)
    mine, total = repulsive_forces(Y, nu, method="fft")
    exact, wanted = repulsive_forces(Y.astype(float), nu, method="exact")
    error = np.linalg.norm(mine - exact) / np.linalg.norm(exact)
    assert error < (0.002 if spread <= 0.1 else 0.1)
    assert abs(total / wanted - 1) < 0.02


def test_a_finer_grid_errs_less():
    Y, errors = picture(400, spread=5).astype(np.float32), []
    exact = repulsive_forces(Y.astype(float), method="exact")[0]
    for spacing in (1.0, 0.5, 0.25):
        forces, _ = repulsive_forces(Y, spacing=spacing)
        errors.append(np.linalg.norm(forces - exact) / np.linalg.norm(exact))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_points_on_nodes_are_exact():
    """Where interpolation has nothing to do, the grid computes the plain convolution."""
    Y = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    sums = grid_sums(Y, force_kernels, 1.0)
    forces, total = repulsive_forces(Y, method="exact")
    np.testing.assert_allclose(sums[:, 1:], forces, atol=2e-4)
    np.testing.assert_allclose(sums[:, 0].sum() - len(Y), total, rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 80), method=st.sampled_from(["fft", "exact"]))
def test_actions_are_reactions(seed, n, method):
    """Newton's third law: all pushes add up to nothing; nobody pushes itself."""
    Y = picture(n, spread=4, seed=seed).astype(np.float32)
    forces, total = repulsive_forces(Y, method=method)
    assert np.abs(forces.sum(axis=0)).max() < 1e-3 * np.abs(forces).sum() + 1e-4
    assert total < n * (n - 1) * 1.01


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=5))
def test_the_stencil_reproduces_parabolas(places):
    nearest, weights = stencil(np.array(places))
    nodes = nearest[:, None] + np.arange(-1, 2)
    for power in range(3):
        np.testing.assert_allclose(
            (weights * nodes.astype(float) ** power).sum(axis=1),
            np.array(places) ** power,
            rtol=1e-3,
            atol=1e-3,
        )


def test_student_tends_to_a_gaussian():
    """Section "Tails": many degrees of freedom give exp(-d^2 / 2)."""
    d2 = np.linspace(0, 4, 9)
    np.testing.assert_allclose(student(d2, 1e6)[0], np.exp(-d2 / 2), atol=1e-5)
    np.testing.assert_allclose(student(d2)[0], 1 / (1 + d2))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"method='grid'.*'fft'"):
        repulsive_forces(picture(), method="grid")
    with pytest.raises(ValueError, match="degrees_of_freedom=0"):
        repulsive_forces(picture(), 0)
    with pytest.raises(ValueError, match="spacing=0"):
        repulsive_forces(picture(), spacing=0)


@pytest.mark.parametrize("width", [600.0, 1e6])
def test_a_picture_wider_than_any_grid_is_summed_exactly(width):
    """Memory would grow with the square of the width: 1e6 would ask for some terabytes."""
    Y = np.random.default_rng(0).normal(size=(60, 2))
    Y = (width * Y / np.ptp(Y)).astype(np.float32)
    right, found = (repulsive_forces(Y, method=method) for method in ("exact", "fft"))
    np.testing.assert_array_equal(found[0], right[0])
    assert found[1] == right[1]
