"""The fast optimum of clipping against the exact one, and what its gap promises."""

import functools as ft

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.quant import grids
from jaxdisp.quant import optimum as search
from jaxdisp.quant.optimum import chord_bound, optimum
from jaxdisp.quant.sweep import exact_optimum
from tests import strategies
from tests.quant import clipping_oracles

GRIDS = ("symmetric", "twos_complement", "midrise", "affine")
FEW_BITS = st.sampled_from([2, 3, 4])
SIZE, MANY, CELLS = 24, 1024, 8  # of nearly all arrays, so that little is compiled

LAWS = {
    "gaussian": stats.norm,
    "laplace": stats.laplace,
    "student_t": stats.t(3),
    "uniform": stats.uniform(-1, 2),
    "off_zero": stats.norm(2),
}

every_grid = pytest.mark.parametrize("grid", GRIDS)
values_and_weights = {
    "x": strategies.arrays(SIZE),
    "weights": clipping_oracles.all_weights(SIZE),
}
round_trip = jax.jit(grids.round_trip, static_argnames="grid")


@ft.partial(jax.jit, static_argnames="grid")
def bounds_below(steps, errors, squares, x, share, word, zero, grid):
    """What lies below the errors of the cells: from oracles, found, and as parts."""
    one = jnp.ones_like(zero)
    low = jnp.zeros_like(one) if grid == "affine" else -one
    levels = grids.lattice(grids.Range(low=low, high=one), word, grid=grid)
    if grid == "affine":
        levels = levels._replace(lowest=-zero, highest=levels.highest - zero)
    tried = jax.lax.map(lambda step: search._trial(x, share, levels, step), steps)
    inner, ends = (
        jax.tree.map(lambda leaf, part=part: leaf[part], tried)
        for part in (slice(1, -1), slice(None, None, CELLS))
    )
    whole = jax.tree.map(lambda leaf: leaf[0], search._between(ends))
    of_oracles = chord_bound(steps, errors, squares)
    return of_oracles, search._between(tried).bound, search._divided(whole, inner).bound


def solved(x, weights, bits, grid, dtype=np.float64):
    with jax.enable_x64(dtype == np.float64):
        if weights is not None:
            weights = jnp.asarray(weights, dtype)
        found = optimum(jnp.asarray(x, dtype), weights, jnp.int32(bits), grid=grid)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(dtype)}
    found = jax.tree.map(np.float64, found)
    assert np.isfinite(jax.tree.leaves(found)).all()
    assert 0 <= found.gap <= found.error
    assert found.limits.low <= 0 <= found.limits.high or dtype == np.float32
    return found


def exact(x, weights, bits, grid):
    with jax.enable_x64(True):
        found = exact_optimum(jnp.asarray(x), jnp.asarray(weights), bits, grid=grid)
    return jax.tree.map(np.float64, found)


def attained(x, weights, limits, bits, grid):
    with jax.enable_x64(True):
        where = jax.tree.map(jnp.asarray, limits)
        rounded = round_trip(jnp.asarray(x), where, jnp.int32(bits), grid=grid)
    return clipping_oracles.weighted_mean((x - np.asarray(rounded)) ** 2, weights)


def slack(error, x, weights, dtype=np.float64):
    """What the rounding of values, codes and steps adds to an error.

    Each value's own error is off by an ulp or two of the value (levels are products,
    codes may differ next to a decision), by the triangle inequality the root of the
    error by as much of the root of the mean square. Of 8 ulps some are for sums. The
    exact optimum is a difference of mean squares: 450 ulps for the sums of that.
    """
    off, square = 8 * np.finfo(dtype).eps, clipping_oracles.mean_square(x, weights)
    return (np.sqrt(error) + off * np.sqrt(square)) ** 2 - error + 1e-13 * square


def quantiles(law=stats.norm, size=SIZE):
    return law.ppf((np.arange(size) + 0.4) / size)


@every_grid
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(**values_and_weights, bits=st.sampled_from([2, 3, 4, 8, 8]))
def test_error_is_within_the_gap_of_the_exact_one(grid, dtype, x, weights, bits):
    weights = weights.astype(dtype).astype(np.float64)
    found, best = solved(x, weights, bits, grid, dtype), exact(x, weights, bits, grid)
    allowed = slack(found.error, x, weights, dtype)
    assert found.error >= best.error - allowed
    if clipping_oracles.is_searched(best.limits, x, weights, bits, grid):
        assert found.error - found.gap <= best.error + allowed
    error = attained(x, weights, found.limits, bits, grid)
    assert error <= found.error + allowed
    # With more bits no fixed point may be reached; nearest levels are then better.
    assert bits > 4 or found.error <= error + allowed


@every_grid
@given(**values_and_weights, bits=st.integers(2, 8))
def test_no_searched_range_is_better_by_more_than_the_gap(grid, x, weights, bits):
    found = solved(x, weights, bits, grid)
    allowed = slack(found.error, x, weights)
    least = found.error - found.gap - allowed
    counted = np.where(weights > 0, x, 0.0)  # larger ones are beyond the searched steps
    absmax = attained(counted, weights, full(counted), bits, grid)
    assert least <= absmax
    if grid in ("symmetric", "midrise"):  # of which the search always tries it
        assert found.error <= absmax + allowed
    tried = clipping_oracles.threshold_errors(counted, weights, bits, grid, 512)
    assert least <= tried.min()
    places = clipping_oracles.all_level_numbers(bits, grid)
    for numbers in places:
        top = clipping_oracles.largest_searched_step(x, weights, numbers)
        if top > 0:
            steps = clipping_oracles.steps_up_to(top, 2000 // len(places) + 10)
            tried = clipping_oracles.errors(x, weights, steps, numbers)
            assert least <= tried.min()


def full(x):
    return jax.tree.map(np.float64, grids.extent(jnp.asarray(x, jnp.float32)))


@every_grid
@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("law", LAWS)
def test_is_the_best_of_many_values(grid, bits, law):
    # The 512 thresholds may by chance be better where the gap is not 0: by less than a
    # thousandth, a hundredth of what a threshold off by a tenth costs.
    x, weights = quantiles(LAWS[law], MANY), np.ones(MANY)
    found = solved(x, None, bits, grid, np.float32)
    assert found.error <= attained(x, weights, full(x), bits, grid)
    others = clipping_oracles.threshold_errors(x, weights, bits, grid, 512)
    assert found.error <= others.min() * (1 + 1e-3)
    assert law == "off_zero" or found.gap <= 0.05 * found.error


@given(x=strategies.arrays(SIZE), bits=FEW_BITS)
def test_no_weights_are_equal_weights(x, bits):
    one = solved(x, None, bits, "symmetric", np.float32)
    other = solved(x, np.full(SIZE, 3.0), bits, "symmetric", np.float32)
    allowed = slack(one.error, x, np.ones(SIZE), np.float32)
    assert abs(one.error - other.error) <= max(one.gap, other.gap) + allowed


@every_grid
@given(
    **values_and_weights,
    powers=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    bits=FEW_BITS,
)
def test_scale_equivariance(grid, x, weights, powers, bits):
    # Powers of two scale floats without rounding, so the equality is exact.
    factor, heavier = 2.0 ** np.array(powers)
    one = solved(x, weights, bits, grid)
    other = solved(x * factor, weights * heavier, bits, grid)
    assert other.error == one.error * factor**2
    assert other.gap == one.gap * factor**2
    assert other.limits.high == one.limits.high * factor
    assert other.limits.low == one.limits.low * factor


@every_grid
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_one_light_outlier_is_clipped(grid, bits):
    # Far away on the other side: it must not keep the search from the other values.
    x, weights = quantiles(stats.halfnorm), np.ones(SIZE)
    x[-1], weights[-1] = -1e3, 1e-9
    found, best = solved(x, weights, bits, grid), exact(x, weights, bits, grid)
    assert found.error <= best.error * (1 + 1e-9)
    assert found.limits.high < 10


@every_grid
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_single_precision_at_any_scale(grid, scale):
    x, weights = np.float32(scale * quantiles(stats.t(2))), quantiles(stats.expon)
    x = x.astype(np.float64)
    found, best = solved(x, weights, 4, grid, np.float32), exact(x, weights, 4, grid)
    assert float(found.error) == pytest.approx(float(best.error), rel=1e-5)
    assert found.gap <= 1e-5 * found.error


def test_single_precision_of_many_values():
    # A million terms of one sign, whose sum is off by some ulps if added in blocks.
    x = np.float32(quantiles(stats.expon, 2**20)).astype(np.float64)
    found = solved(x, None, 4, "symmetric", np.float32)
    numbers = clipping_oracles.level_numbers(4, "symmetric")
    steps = np.array([found.limits.high / 7])
    (error,) = clipping_oracles.errors(x, np.ones(len(x)), steps, numbers)
    assert float(found.error) == pytest.approx(error, rel=1e-5)


ROWS = {
    "nothing": np.zeros(SIZE),
    "law": quantiles(stats.t(2)),
    "constant": np.full(SIZE, -0.3),
    "outlier": np.where(np.arange(SIZE) == 5, 1e4, 0.0),
}


@pytest.mark.parametrize("grid", ["symmetric", "affine"])
def test_rows_and_bits_are_data(grid):
    # One program for rows of every kind and all words.
    words = np.resize(np.arange(2, 9), 7 * len(ROWS))
    rows = np.repeat(np.stack([*ROWS.values()]), 7, axis=0)
    mapped = jax.vmap(ft.partial(optimum, grid=grid), in_axes=(0, None, 0))(
        jnp.asarray(rows, jnp.float32), jnp.ones(SIZE), jnp.asarray(words, jnp.int32)
    )
    for row, (x, bits) in enumerate(zip(rows, words, strict=True)):
        alone = solved(x, np.ones(SIZE), int(bits), grid, np.float32)
        found = jax.tree.map(lambda leaf, row=row: np.float64(leaf[row]), mapped)
        allowed = slack(alone.error, x, np.ones(SIZE), np.float32)
        assert abs(found.error - alone.error) <= allowed
        if row // 7 == 1:  # the law; elsewhere any of several optima may be found
            assert found.limits.high == pytest.approx(alone.limits.high, rel=1e-5)


@every_grid
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rows_by_hand(grid, dtype, bits):
    def of(name, weight=1.0):
        return solved(ROWS[name], np.full(SIZE, weight), bits, grid, dtype)

    for found in (of("nothing"), of("law", weight=0.0)):
        assert (found.limits.high, found.error, found.gap) == (0, 0, 0)
    kept = ["constant"] if grid == "midrise" else ["constant", "outlier"]
    for name in kept:  # midrise has no level at 0
        assert of(name).error <= slack(0, ROWS[name], np.ones(SIZE), dtype)


@pytest.mark.parametrize("grid", ["symmetric", "midrise", "affine"])
def test_derivatives_are_central_differences(grid):
    @ft.partial(jax.jit, static_argnames="grid")
    def slopes(x, weights, grid):
        def results(x, weights):
            found = optimum(x, weights, jnp.int32(4), grid=grid)
            return jnp.stack([found.limits.low, found.limits.high, found.error])

        return jax.jacrev(results, (0, 1))(x, weights)

    x, weights, h = quantiles(stats.norm(0.3)), quantiles(stats.expon), 1e-6
    with jax.enable_x64(True):
        of_values, of_weights = slopes(jnp.asarray(x), jnp.asarray(weights), grid)

    def results(x, weights):
        found = solved(x, weights, 4, grid)
        return np.array([found.limits.low, found.limits.high, found.error])

    for place, unit in enumerate(h * np.eye(SIZE)):
        by_value = (results(x + unit, weights) - results(x - unit, weights)) / (2 * h)
        by_weight = (results(x, weights + unit) - results(x, weights - unit)) / (2 * h)
        # Rounding of 2^-52 / h = 2e-10 each, and the third derivative times h^2.
        np.testing.assert_allclose(of_values[:, place], by_value, atol=1e-8)
        np.testing.assert_allclose(of_weights[:, place], by_weight, atol=1e-8)
    assert np.abs(of_values[2]).max() > 1e-4
    assert np.abs(of_weights[1:]).max() > 1e-4


@every_grid
@given(
    x=strategies.arrays(SIZE, 64),
    weights=clipping_oracles.all_weights(SIZE),
    ends=st.sets(st.floats(0.01, 3), min_size=CELLS + 1, max_size=CELLS + 1),
    bits=FEW_BITS,
    zero=st.integers(0, 3),
)
def test_the_error_lies_above_its_chords(grid, x, weights, ends, bits, zero):
    numbers = clipping_oracles.level_numbers(bits, grid, zero)
    steps = np.sort([*ends]) * (np.abs(x).max() or 1.0)
    share = weights / (weights.sum() or 1.0)
    errors = clipping_oracles.errors(x, share, steps, numbers)
    squares = clipping_oracles.square_numbers(x, share, steps, numbers)
    with jax.enable_x64(True):
        arrays = map(jnp.asarray, (steps, errors, squares, x, share))
        of_levels = jnp.int32(bits), jnp.float64(zero)
        bounds = np.stack(bounds_below(*arrays, *of_levels, grid=grid))
    assert bounds.shape == (3, CELLS)
    codes = clipping_oracles.nearest_numbers(x, steps, numbers)
    # Of the terms, B times the step squared is the largest, and no more than 4 times
    # the mean square, or a quarter of the square of a step of midrise.
    allowed = 1e-13 * (4 * clipping_oracles.mean_square(x, share) + steps[-1] ** 2)
    for cell in range(CELLS):
        inside = np.linspace(steps[cell], steps[cell + 1], 200)
        least = clipping_oracles.errors(x, share, inside, numbers).min()
        assert (bounds[:, cell] <= least + allowed).all()
        if (codes[cell] == codes[cell + 1]).all():
            # One parabola, of which the bound is the least value in the cell.
            first = clipping_oracles.weighted_mean(x * codes[cell], share)
            lowest = first / squares[cell] if squares[cell] > 0 else 0.0
            place = np.clip([lowest], steps[cell], steps[cell + 1])
            (least,) = clipping_oracles.errors(x, share, place, numbers)
            assert bounds[0, cell] >= least - allowed


def test_chords_by_hand():
    # With x = 1 and levels 0, +-D: for D from 1/2 to 3/2 the code is 1, M = (1 - D)^2.
    steps, errors, squares = np.array([[0.5, 1.5, 2.5], [0.25, 0.25, 1.0], [1, 1, 0]])
    found = chord_bound(
        *(jnp.asarray(part, jnp.float32) for part in (steps, errors, squares))
    )
    # 1/4 - 1/4, exact; then 1/4 + 3/4 t - t (1 - t) at t = 1/8, below the true 1/4.
    np.testing.assert_allclose(found, [0.0, 0.25 - 1 / 64], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("bits", [-1, 1, 9])
def test_bits_out_of_range(bits):
    with pytest.raises(ValueError, match=f"bits must be between 2 and 8, got {bits}"):
        optimum(jnp.ones(SIZE), jnp.ones(SIZE), bits, grid="symmetric")


@every_grid
@pytest.mark.parametrize("bits", [-1, 1, 9])
def test_traced_bits_out_of_range_give_nan(grid, bits):
    found = optimum(jnp.ones(SIZE), jnp.ones(SIZE), jnp.int32(bits), grid=grid)
    assert np.isnan(jax.tree.leaves(found)).all()


def test_affine_derivatives_by_values_alone():
    x, ones = jnp.asarray(quantiles(), jnp.float32), jnp.ones(SIZE)

    def error(x, weights):
        return optimum(x, weights, jnp.int32(4), grid="affine").error

    both, _ = jax.grad(error, (0, 1))(x, ones)
    np.testing.assert_allclose(jax.grad(error)(x, ones), both, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("what", ["no worse than absmax", "attained"])
def test_8_bits_with_one_value_below_zero(what):
    x, ones = np.append(quantiles(stats.halfnorm, MANY)[1:], -1e-4), np.ones(MANY)
    found = solved(x, None, 8, "midrise", np.float32)
    if what == "attained":
        error = attained(x, ones, found.limits, 8, "midrise")
        assert found.error == pytest.approx(error, rel=1e-4)
    else:
        assert found.error <= attained(x, ones, full(x), 8, "midrise")


def test_limits_are_in_order():
    x, weights = np.zeros(SIZE), np.ones(SIZE)
    x[3], weights[3] = -1.0, 1e-8
    found = solved(x, weights, 2, "midrise", np.float32)
    assert found.limits.low <= found.limits.high


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_grid():
    with pytest.raises(ValueError, match=r"grid must be affine or one of .* got 'nf4'"):
        optimum(jnp.ones(SIZE), jnp.ones(SIZE), 4, grid="nf4")
