import functools as ft

import chex
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.quant import grids
from tests import oracles, strategies

GRIDS = ("symmetric", "twos_complement", "midrise", "affine")
BITS = st.integers(2, 8)
SIZE = 24

every_grid = pytest.mark.parametrize("grid", GRIDS)

# What callers do: word lengths are traced, so one program serves all of them.
round_trip = jax.jit(grids.round_trip, static_argnames="grid")
codes = jax.jit(grids.codes, static_argnames="grid")
levels = jax.jit(grids.levels, static_argnames=("bits", "grid"))


def in_range(low, high, dtype=np.float32):
    return grids.Range(low=jnp.asarray(low, dtype), high=jnp.asarray(high, dtype))


def limits_of(width):
    about_zero = strategies.thresholds(width).map(lambda top: (-top, top))
    return st.one_of(about_zero, strategies.ranges(width))


def gaussian(size=256, seed=0, dtype=np.float32):
    return jax.random.normal(jax.random.key(seed), (size,), dtype)


@every_grid
@given(x=strategies.arrays(SIZE, 64), limits=limits_of(64), bits=BITS)
def test_float64_equals_the_oracle_bit_for_bit(grid, x, limits, bits):
    with jax.enable_x64(True):
        where, word = in_range(*limits, np.float64), jnp.int32(bits)
        rounded = round_trip(jnp.asarray(x), where, word, grid=grid)
        stored = codes(jnp.asarray(x), where, word, grid=grid)
    assert rounded.dtype == np.float64
    np.testing.assert_array_equal(
        rounded, oracles.grid_round_trip(x, *limits, bits, grid)
    )
    np.testing.assert_array_equal(stored, oracles.grid_codes(x, *limits, bits, grid))


@every_grid
@given(x=strategies.arrays(SIZE, 64), bits=BITS)
def test_float64_over_the_extent_equals_the_oracle(grid, x, bits):
    with jax.enable_x64(True):
        where = grids.extent(jnp.asarray(x))
        rounded = round_trip(jnp.asarray(x), where, jnp.int32(bits), grid=grid)
    low, high = oracles.absmax_range(x)
    assert (where.low, where.high) == (low, high)
    np.testing.assert_array_equal(
        rounded, oracles.grid_round_trip(x, low, high, bits, grid)
    )


@every_grid
@given(x=strategies.arrays(SIZE), limits=limits_of(32), bits=BITS)
def test_float32_codes_differ_only_next_to_a_decision(grid, x, limits, bits):
    # value / step is rounded at most three times (width, step, quotient), each time by
    # at most half an ulp, 2^-24 of it; two more units cover products of these errors.
    step = oracles.grid_step(*limits, bits, grid)
    assume(step == 0 or step > 1e-30)
    if grid == "affine" and step > 0:  # a zero point next to a tie moves every code
        zero = -min(limits[0], 0.0)
        (distance,) = oracles.steps_to_next_decision([zero], *limits, bits, grid)
        assume(distance > 2**-22 * zero / step)
    stored = codes(
        jnp.asarray(x, jnp.float32), in_range(*limits), jnp.int32(bits), grid=grid
    )
    expected = oracles.grid_codes(x, *limits, bits, grid)
    differs = np.asarray(stored) != expected
    if differs.any():
        distances = oracles.steps_to_next_decision(x, *limits, bits, grid)
        assert (distances <= 2**-22 * np.abs(x) / step)[differs].all()
        assert (np.abs(stored - expected)[differs] == 1).all()


@every_grid
@given(x=strategies.arrays(SIZE), limits=limits_of(32), bits=BITS)
def test_values_are_the_nearest_of_at_most_2_to_the_b_levels(grid, x, limits, bits):
    where, word = in_range(*limits), jnp.int32(bits)
    rounded = np.asarray(
        round_trip(jnp.asarray(x, jnp.float32), where, word, grid=grid)
    )
    allowed = np.asarray(levels(where, bits=bits, grid=grid))
    assert len(np.unique(allowed)) <= len(allowed) <= 2**bits
    assert np.isin(rounded, allowed).all()
    nearest = np.abs(x[:, None] - np.float64(allowed)).min(axis=1)
    # A float32 quotient next to a decision may pick the other neighbour: see above.
    slack = 2**-21 * (np.abs(x) + np.abs(allowed).max())
    assert (np.abs(x - rounded) <= nearest + slack).all()
    step = oracles.grid_step(*limits, bits, grid)
    top = max(-limits[0], limits[1], 0)
    first, last = (min(limits[0], 0), max(limits[1], 0))
    first, last = (first, last) if grid == "affine" else (-top, top)
    inside = (first <= x) & (x <= last)
    assert (np.abs(x - rounded)[inside] <= step / 2 + slack[inside]).all()


@every_grid
@pytest.mark.parametrize("bits", range(2, 9))
def test_every_level_is_reached_and_kept(grid, bits):
    where = in_range(-1.3, 0.7)
    allowed = levels(where, bits=bits, grid=grid)
    assert len(np.unique(allowed)) == 2**bits - (grid == "symmetric")
    kept = grids.round_trip(allowed, where, bits, grid=grid)
    np.testing.assert_array_equal(kept, allowed)


def test_levels_by_hand():
    def of(grid, low=-3.0, high=3.0, bits=2):
        return grids.levels(in_range(low, high), bits, grid=grid).tolist()

    assert of("symmetric") == [-3, 0, 3]
    assert of("symmetric", bits=3) == [-3, -2, -1, 0, 1, 2, 3]
    assert of("twos_complement", bits=3) == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert of("midrise") == [-2.25, -0.75, 0.75, 2.25]
    assert of("affine", -1.0, 2.0) == [-1, 0, 1, 2]
    assert of("affine", 1.0, 3.0) == [0, 1, 2, 3]  # widened to contain 0
    assert of("affine", -6.0, -1.0) == [-6, -4, -2, 0]
    assert of("affine", -0.5, 2.5) == [0, 1, 2, 3]  # zero = round(0.5) = 0, to even


def test_ties_by_hand():
    x = jnp.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    even = grids.round_trip(x, in_range(-7.0, 7.0), 4, grid="symmetric")
    assert even.tolist() == [-2, -2, 0, 0, 2, 2]
    assert not np.signbit(even).any() or even[2] == 0
    upwards = grids.round_trip(
        jnp.arange(-2.0, 3.0), in_range(-8.0, 8.0), 4, grid="midrise"
    )
    assert upwards.tolist() == [-1.5, -0.5, 0.5, 1.5, 2.5]


@every_grid
def test_no_negative_zero(grid):
    rounded = round_trip(
        jnp.array([-0.01, -0.0]), in_range(-7, 7), jnp.int32(4), grid=grid
    )
    assert not np.signbit(rounded[np.asarray(rounded) == 0]).any()


@pytest.mark.parametrize("grid", ["symmetric", "twos_complement", "affine"])
@given(limits=limits_of(32), bits=BITS)
def test_zero_is_represented_exactly(grid, limits, bits):
    where, word = in_range(*limits), jnp.int32(bits)
    assert (round_trip(jnp.zeros(SIZE), where, word, grid=grid) == 0).all()


@every_grid
@given(x=strategies.arrays(SIZE), bits=BITS, power=st.integers(-20, 20))
def test_scale_equivariance(grid, x, bits, power):
    # Powers of two scale floats without rounding, so the equality is exact.
    assume(np.all((x == 0) | (np.abs(x) > 1e-10)))
    x, factor = jnp.asarray(x, jnp.float32), jnp.float32(2.0**power)
    word = jnp.int32(bits)
    rounded = round_trip(x, grids.extent(x), word, grid=grid)
    scaled = round_trip(factor * x, grids.extent(factor * x), word, grid=grid)
    np.testing.assert_array_equal(scaled, factor * rounded)


@every_grid
@given(x=strategies.arrays(SIZE), bits=BITS)
def test_a_range_without_width_gives_zero(grid, x, bits):
    x, word = jnp.asarray(x, jnp.float32), jnp.int32(bits)
    for threshold in (0.0, -1.0):
        where = grids.within(jnp.float32(threshold))
        assert (round_trip(x, where, word, grid=grid) == 0).all()
        assert (codes(x, where, word, grid=grid) == 0).all()


@every_grid
def test_gradients_without_width_are_finite(grid):
    def total(x):
        return grids.round_trip(x, grids.extent(x), 4, grid=grid).sum()

    assert np.isfinite(jax.grad(total)(jnp.zeros(SIZE))).all()


@every_grid
def test_nan_and_infinity(grid):
    x = jnp.array([jnp.nan, jnp.inf, 0.5])
    rounded = grids.round_trip(x, in_range(-1.0, 1.0), 4, grid=grid)
    top = grids.levels(in_range(-1.0, 1.0), 4, grid=grid)[-1]
    assert np.isnan(rounded[0])
    assert rounded[1] == top
    nothing = grids.round_trip(x, grids.extent(x), 4, grid=grid)
    assert np.isnan(nothing).all()


@every_grid
def test_subnormal_steps_are_flushed(grid):
    # Either answer is right to within the smallest normal float; NaN would not be.
    x = jnp.array([1.2e-38, -1.2e-38, 0.0])
    rounded = round_trip(x, grids.extent(x), jnp.int32(8), grid=grid)
    np.testing.assert_allclose(rounded, x, atol=1.3e-38, rtol=0)


@every_grid
@given(top=strategies.thresholds())
def test_worst_error_falls_with_bits(grid, top):
    # Half the step, reached within the range between two levels.
    where = in_range(-top, top)
    x = jnp.linspace(-top, top, 4096, dtype=jnp.float32)
    errors = [
        np.abs(x - round_trip(x, where, jnp.int32(bits), grid=grid)).max()
        for bits in range(2, 9)
    ]
    assert (np.diff(errors) < 0).all()


@every_grid
@given(seed=st.integers(0, 2**31 - 1))
def test_mean_squared_error_of_gaussians_falls_with_bits(grid, seed):
    x = gaussian(256, seed)
    where = grids.extent(x)
    errors = [
        float(jnp.mean((x - round_trip(x, where, jnp.int32(bits), grid=grid)) ** 2))
        for bits in range(2, 9)
    ]
    assert (np.diff(errors) < 0).all()


def test_mean_squared_error_may_rise_with_bits():
    # Not a theorem for every input: the grids are not nested. Thirds of the threshold
    # are levels of 3 bits (steps of 1/3) and not of 4 bits (steps of 1/7).
    x = jnp.array([3.0, 1.0, 0.0])
    errors = [
        float(
            jnp.mean(
                (x - grids.round_trip(x, grids.extent(x), bits, grid="symmetric")) ** 2
            )
        )
        for bits in (3, 4)
    ]
    assert errors[0] == 0
    assert errors[1] == pytest.approx((1 / 7) ** 2 / 3, rel=1e-5)


@pytest.mark.parametrize(
    ("grid", "top", "error"),
    # Gaussian, 4 bits: exact mean squared errors at the best thresholds, the first by
    # closed-form partial moments (theory.md A1), the second from Max 1960, table II.
    [("symmetric", 2.474, 0.012889), ("midrise", 2.682, 0.011543)],
)
def test_published_errors_of_a_gaussian(grid, top, error):
    n = 100_001
    with jax.enable_x64(True):
        x = jnp.asarray(stats.norm.ppf((np.arange(n) + 0.5) / n))
        where = grids.within(jnp.float64(top))
        rounded = round_trip(x, where, jnp.int32(4), grid=grid)
    # Quantiles at midpoints: the error is of the order of 1/n in the clipped tail.
    assert np.mean((x - rounded) ** 2) == pytest.approx(error, abs=2e-6)


@every_grid
def test_bits_are_data(grid):
    x, where = gaussian(), in_range(-2.1, 1.7)
    traces = []

    @jax.jit
    def sweep(word):
        traces.append(None)
        return grids.round_trip(x, where, word, grid=grid)

    words = jnp.arange(2, 9)
    separate = jnp.stack([sweep(word) for word in words])
    assert len(traces) == 1
    mapped = jax.jit(jax.vmap(lambda word: grids.round_trip(x, where, word, grid=grid)))
    np.testing.assert_array_equal(mapped(words), separate)
    # Constants invite rewrites that change the last bit: see `grids._step`.
    for bits, expected in zip(range(2, 9), separate, strict=True):
        constant = jax.jit(ft.partial(grids.round_trip, bits=bits, grid=grid))
        np.testing.assert_array_equal(constant(x, where), expected)
        stored = jax.jit(ft.partial(grids.codes, bits=bits, grid=grid))(x, where)
        first = stored.min() if grid == "affine" else -(2 ** (bits - 1))
        first = first + (grid == "symmetric") if grid != "affine" else 0
        listed = levels(where, bits=bits, grid=grid)
        np.testing.assert_array_equal(listed[stored - first], expected)


@every_grid
def test_thresholds_are_data(grid):
    x, tops = gaussian(), jnp.linspace(0.5, 4.0, 40)
    one = ft.partial(grids.round_trip, bits=4, grid=grid)
    mapped = jax.jit(jax.vmap(lambda top: one(x, grids.within(top))))(tops)
    separate = jnp.stack([one(x, grids.within(top)) for top in tops])
    np.testing.assert_array_equal(mapped, separate)


@pytest.mark.parametrize("grid", GRIDS[:3])
@given(x=strategies.arrays(SIZE, 64), top=strategies.thresholds(64), bits=BITS)
def test_threshold_gradient_holds_codes_constant(grid, x, top, bits):
    weights = np.cos(np.arange(SIZE))
    with jax.enable_x64(True):
        gradient = threshold_gradient(
            jnp.asarray(x), jnp.float64(top), jnp.int32(bits), weights, grid=grid
        )
    stored = oracles.grid_codes(x, -top, top, bits, grid) + 0.5 * (grid == "midrise")

    def held(place):
        return weights @ (stored * oracles.grid_step(-place, place, bits, grid))

    # Linear in the threshold: the only error is rounding, 2^-53 of the terms over h.
    h = top / 8
    difference = (held(top + h) - held(top - h)) / (2 * h)
    np.testing.assert_allclose(gradient, difference, rtol=1e-12, atol=1e-9)


@ft.partial(jax.jit, static_argnames="grid")
def threshold_gradient(x, top, word, weights, grid):
    def total(place):
        return grids.round_trip(x, grids.within(place), word, grid=grid) @ weights

    return jax.grad(total)(top)


@given(x=strategies.arrays(SIZE, 64), low=st.floats(-9, -1), high=st.floats(1, 9))
def test_affine_gradients_hold_codes_constant(x, low, high):
    with jax.enable_x64(True):
        gradient = range_gradient(jnp.asarray(x), in_range(low, high, np.float64))
    zero = oracles.grid_zero(low, high, 4, "affine")
    total = (oracles.grid_codes(x, low, high, 4, "affine") - zero).sum()
    # value = (code - zero) (high - low) / 15
    chex.assert_trees_all_close(gradient.low, -total / 15, rtol=1e-12, atol=1e-12)
    chex.assert_trees_all_close(gradient.high, total / 15, rtol=1e-12, atol=1e-12)


@jax.jit
def range_gradient(x, where):
    return jax.grad(lambda limits: grids.round_trip(x, limits, 4, grid="affine").sum())(
        where
    )


@every_grid
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_error_gradient_is_the_true_one(grid, bits):
    # The error is continuous where codes change, so holding them is no approximation.
    with jax.enable_x64(True):
        x = gaussian(dtype=np.float64)

        @jax.jit
        def error(high):
            where = grids.Range(low=jnp.float64(-1.1), high=high)
            return jnp.mean((x - grids.round_trip(x, where, bits, grid=grid)) ** 2)

        top, h = jnp.float64(1.37), 1e-7
        difference = (error(top + h) - error(top - h)) / (2 * h)
        gradient = jax.grad(error)(top)
    # Central difference: error 2^-53 / h = 1e-9, and h where a code changes.
    np.testing.assert_allclose(gradient, difference, rtol=1e-5, atol=1e-8)


@every_grid
@given(x=strategies.arrays(SIZE), limits=limits_of(32))
def test_straight_through(grid, x, limits):
    x = jnp.asarray(x, jnp.float32)
    low, high = limits
    if grid == "affine":
        low, high = min(low, 0), max(high, 0)
    else:
        high = max(-low, high, 0)
        low = -high
    if grid == "twos_complement":
        low = low * 8 / 7
        assume((np.abs(x - low) > 1e-6 * abs(low)).all())  # that end is rounded
    gradient = value_gradient(x, in_range(*limits), grid=grid)
    np.testing.assert_array_equal(gradient, (low <= x) & (x <= high))


@ft.partial(jax.jit, static_argnames="grid")
def value_gradient(x, where, grid):
    return jax.grad(lambda x: grids.round_trip(x, where, 4, grid=grid).sum())(x)


@every_grid
def test_gradients_go_through_vmap(grid):
    x, tops = gaussian(32), jnp.array([0.5, 1.0, 2.0])

    def error(top, word):
        rounded = grids.round_trip(x, grids.within(top), word, grid=grid)
        return jnp.mean((x - rounded) ** 2)

    slopes = jax.vmap(jax.grad(error))(tops, jnp.array([2, 4, 8]))
    assert slopes.shape == (3,)
    assert slopes[0] < 0  # half a standard deviation clips too much


@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 17])
def test_bits_out_of_range(bits):
    message = rf"bits must be between 2 and 8, got {bits}; "
    with pytest.raises(ValueError, match=message):
        grids.round_trip(jnp.ones(3), in_range(-1, 1), bits, grid="symmetric")
    with pytest.raises(ValueError, match=message):
        grids.codes(jnp.ones(3), in_range(-1, 1), bits, grid="affine")
    with pytest.raises(ValueError, match=message):
        grids.levels(in_range(-1, 1), bits, grid="midrise")


@every_grid
@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 40])
def test_traced_bits_out_of_range_give_nan(grid, bits):
    rounded = round_trip(jnp.ones(3), in_range(-1, 1), jnp.int32(bits), grid=grid)
    assert np.isnan(rounded).all()


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_grid():
    with pytest.raises(ValueError, match=r"grid must be affine or one of .* got 'nf4'"):
        grids.round_trip(jnp.ones(3), in_range(-1, 1), 4, grid="nf4")
