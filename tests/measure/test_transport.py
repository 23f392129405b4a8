"""Transport against SciPy, OTT and closed forms, and its invariances."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure import transport
from tests import strategies

KEY = jax.random.key(3)


def cloud(seed, n, channels=3, scale=1.0):
    drawn = jax.random.normal(jax.random.key(seed), (n, channels))
    return jnp.asarray(scale * np.asarray(drawn), jnp.float32)


def brute(x, y, along, order):
    """Each direction by the points that are repeated until both clouds are as large."""
    total = []
    for direction in np.asarray(along, float):
        a = np.sort(np.repeat(np.asarray(x, float) @ direction, len(y)))
        b = np.sort(np.repeat(np.asarray(y, float) @ direction, len(x)))
        total.append(np.mean(np.abs(a - b) ** order))
    return np.mean(total) ** (1 / order)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("n", "m"), [(7, 7), (5, 8), (6, 9), (1, 4)])
def test_equals_clouds_repeated_to_one_size(n, m, order):
    x, y = cloud(1, n), cloud(2, m, scale=2.0)
    along = transport.directions(KEY, 6, 3)
    found = transport.sliced_wasserstein(x, y, KEY, projections=6, order=order)
    # float32 sums of a dozen numbers
    assert found == pytest.approx(brute(x, y, along, order), rel=2e-6)


@pytest.mark.parametrize(("n", "m"), [(7, 7), (12, 5)])
def test_on_a_line_it_is_scipys(n, m):
    x, y = cloud(4, n, 1), cloud(5, m, 1)
    found = transport.sliced_wasserstein(x, y, KEY, projections=2, order=1)
    expected = scipy.stats.wasserstein_distance(
        np.asarray(x[:, 0], float), np.asarray(y[:, 0], float)
    )
    assert found == pytest.approx(expected, rel=2e-6)


def test_on_a_line_it_is_the_best_assignment():
    x, y = cloud(6, 9, 1), cloud(7, 9, 1)
    cost = (np.asarray(x, float) - np.asarray(y, float).T) ** 2
    pairs = scipy.optimize.linear_sum_assignment(cost)
    found = transport.sliced_wasserstein(x, y, KEY, projections=1)
    assert found == pytest.approx(np.sqrt(cost[pairs].mean()), rel=2e-6)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (6, 10)])
def test_equals_ott(n, m):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside ott
        sliced = pytest.importorskip("ott.tools.sliced")
        x, y = cloud(8, n), cloud(9, m)
        along = transport.directions(KEY, 5, 3)
        with (
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            squared, _ = sliced.sliced_wasserstein(x, y, proj_fn=lambda z: z @ along.T)
    found = transport.sliced_wasserstein(x, y, KEY, projections=5)
    # ott sums the quantiles' steps in another order
    assert found == pytest.approx(float(jnp.sqrt(squared)), rel=1e-5)


def test_gaussians_equal_ott():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        costs = pytest.importorskip("ott.geometry.costs")
        fits = [transport.gaussian(cloud(s, 40, 3, float(s))) for s in (1, 2)]
        flat = [jnp.concatenate([f.mean, (f.root @ f.root).ravel()]) for f in fits]
        with (
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            squared = costs.Bures(3)(*flat)
    found = transport.gaussian_wasserstein(*fits)
    # ott's roots are iterated to 1e-3 of the matrix
    assert found == pytest.approx(float(np.sqrt(squared)), rel=1e-3)


def covariance(seed, channels, rank=None):
    rows = np.asarray(cloud(seed, rank or channels, channels), float)
    return rows.T @ rows


def closed_form(m, A, n, B):
    root = np.real(scipy.linalg.sqrtm(A))
    inner = np.real(scipy.linalg.sqrtm(root @ B @ root))
    squared = np.sum((m - n) ** 2) + np.trace(A + B - 2 * inner)
    return np.sqrt(max(squared, 0.0))


def normal(mean, matrix):
    values, axes = np.linalg.eigh(matrix)
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    return transport.Gaussian(
        mean=jnp.asarray(mean, jnp.float32), root=jnp.asarray(root, jnp.float32)
    )


@pytest.mark.parametrize("seed", range(4))
def test_gaussians_equal_the_closed_form(seed):
    m, n = np.arange(4.0), np.array([1.0, -1.0, 0.5, seed])
    A, B = covariance(seed, 4), covariance(seed + 10, 4)
    found = transport.gaussian_wasserstein(normal(m, A), normal(n, B))
    assert found == pytest.approx(closed_form(m, A, n, B), rel=2e-6)


def test_gaussians_that_commute_differ_by_their_deviations():
    mean = np.zeros(3)
    one, other = np.diag([1.0, 4.0, 0.0]), np.diag([9.0, 1.0, 4.0])
    found = transport.gaussian_wasserstein(normal(mean, one), normal(mean + 2, other))
    assert found == pytest.approx(np.sqrt(4 + 1 + 4 + 12), rel=1e-6)


def test_flat_gaussians_are_at_no_distance_from_themselves():
    flat = normal(np.ones(5), covariance(3, 5, rank=2))
    size = float(jnp.linalg.norm(flat.root))
    # the naive difference of traces would leave the root of a rounding, 3e-4
    assert transport.gaussian_wasserstein(flat, flat) < 1e-5 * size


def test_a_fit_has_the_moments_of_its_cloud():
    x = cloud(2, 30, 4, 3.0)
    fit = transport.gaussian(x)
    values = np.asarray(x, float)
    np.testing.assert_allclose(fit.mean, values.mean(axis=0), atol=1e-6)
    # float32 singular vectors
    expected = np.cov(values.T, ddof=0)
    np.testing.assert_allclose(fit.root @ fit.root, expected, atol=2e-5)
    np.testing.assert_allclose(fit.root, fit.root.T, atol=1e-5)


def test_gaussian_clouds_along_lines_approach_what_the_sphere_averages():
    # covariances s^2 and t^2 times the identity: |s - t|^2 + |shift|^2 / channels
    n = 4096
    grid = scipy.stats.norm.ppf((np.arange(n) + 0.5) / n)
    x, y = cloud(1, n, 4), 2 * cloud(1, n, 4) + 1.0
    found = transport.sliced_wasserstein(x, y, KEY, projections=256)
    # shift (1, 1, 1, 1): |shift|^2 / 4 = 1; 256 directions, 4096 points
    assert found == pytest.approx(np.sqrt(np.mean(grid**2) + 1.0), rel=0.05)


CLOUDS = strategies.arrays((6, 3))
OTHERS = strategies.arrays((4, 3))


def measured(x, y, order=2):
    one, other = (jnp.asarray(z, jnp.float32) for z in (x, y))
    return float(
        transport.sliced_wasserstein(one, other, KEY, projections=4, order=order)
    )


def largest(*clouds):
    return max(1e-30, *(float(np.abs(each).max()) for each in clouds))


@given(CLOUDS, OTHERS, st.sampled_from([1, 2]))
def test_is_symmetric_bounded_and_zero_for_the_same_points(x, y, order):
    # points lie within sqrt(3) of their largest coordinate; roundings of projections
    bound = 2 * np.sqrt(3) * largest(x, y)
    distance = measured(x, y, order)
    assert 0 <= distance <= bound * 1.00001
    assert distance == pytest.approx(measured(y, x, order), abs=1e-5 * bound)
    assert measured(x, np.repeat(x[::-1], 2, axis=0), order) <= 1e-5 * bound


@given(CLOUDS, st.sampled_from([0.5, -2.0, 8.0]), st.sampled_from([1, 2]))
def test_scales_with_the_clouds(x, factor, order):
    y = np.roll(x, 1, axis=1)
    once, scaled = measured(x, y, order), measured(factor * x, factor * y, order)
    assert scaled == pytest.approx(
        abs(factor) * once, rel=1e-5, abs=1e-5 * abs(factor) * largest(x)
    )


@given(CLOUDS, st.integers(-4, 4))
def test_moved_clouds_are_as_far_apart_as_the_move(x, move):
    shift = np.full(3, float(move)) * largest(x)
    along = np.asarray(transport.directions(KEY, 4, 3), float)
    expected = np.sqrt(np.mean((along @ shift) ** 2))
    # the sum x + shift is rounded
    assert measured(x, x + shift) == pytest.approx(expected, abs=2e-5 * largest(x))


@settings(max_examples=20)
@given(CLOUDS, OTHERS, strategies.arrays((6, 3)))
def test_keeps_the_triangle(x, y, z):
    slack = 1e-5 * largest(x, y, z)
    assert measured(x, z) <= measured(x, y) + measured(y, z) + slack


@given(CLOUDS, OTHERS)
def test_gaussian_distance_is_symmetric_and_at_least_that_of_the_means(x, y):
    size = largest(x, y)
    one, other = (
        transport.gaussian(jnp.asarray(z / size, jnp.float32)) for z in (x, y)
    )
    there = float(transport.gaussian_wasserstein(one, other))
    # singular vectors of float32
    assert there == pytest.approx(
        float(transport.gaussian_wasserstein(other, one)), abs=1e-5
    )
    assert there >= float(jnp.linalg.norm(one.mean - other.mean)) - 1e-5


def test_directions_have_length_one_and_differ_by_key():
    along = transport.directions(KEY, 50, 7)
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1.0, rtol=1e-6)
    other = transport.directions(jax.random.key(4), 50, 7)
    assert np.abs(np.asarray(along - other)).max() > 0.1


def test_errors_say_what_is_allowed():
    x = cloud(1, 4)
    with pytest.raises(ValueError, match="projections must be at least 1, got 0"):
        transport.sliced_wasserstein(x, x, KEY, projections=0)
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        transport.sliced_wasserstein(x, x, KEY, projections=1, order=0)
    with pytest.raises(ValueError, match="at least 1 point, got 0 and 4"):
        transport.sliced_wasserstein(x[:0], x, KEY, projections=1)
    with pytest.raises(ValueError, match="at least 1 point, got 0"):
        transport.gaussian(x[:0])
