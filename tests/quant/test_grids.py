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
ABOUT_ZERO = GRIDS[:3]
BITS = st.integers(2, 8)
SIZE = 24  # of nearly all arrays, so that little is compiled

every_grid = pytest.mark.parametrize("grid", GRIDS)

# What callers do: word lengths are traced, so one program serves all of them.
round_trip = jax.jit(grids.round_trip, static_argnames="grid")
levels = jax.jit(grids.levels, static_argnames=("bits", "grid"))


@jax.jit
def round_trips(x, where, word):
    return {grid: grids.round_trip(x, where, word, grid=grid) for grid in GRIDS}


@jax.jit
def all_codes(x, where, word):
    return {grid: grids.codes(x, where, word, grid=grid) for grid in GRIDS}


def in_range(low, high, dtype=np.float32):
    return grids.Range(low=jnp.asarray(low, dtype), high=jnp.asarray(high, dtype))


def repeated(*values):
    return jnp.asarray(np.resize(np.float32(values), SIZE))


def limits_of(width):
    about_zero = strategies.thresholds(width).map(lambda top: (-top, top))
    return st.one_of(about_zero, strategies.ranges(width))


def on_ties(low, high, grid):
    """Levels and midpoints, where an ulp in a quotient would change the code."""
    steps = [oracles.grid_step(low, high, bits, grid) for bits in range(2, 9)]
    halves = np.arange(-32, 33) / 2
    return jnp.asarray(np.float32(np.outer(steps, halves).ravel()))


@given(x=strategies.arrays(SIZE, 64), limits=limits_of(64), bits=BITS)
def test_float64_equals_the_oracle_bit_for_bit(x, limits, bits):
    with jax.enable_x64(True):
        given = jnp.asarray(x), in_range(*limits, np.float64), jnp.int32(bits)
        rounded, stored = round_trips(*given), all_codes(*given)
    for grid in GRIDS:
        assert rounded[grid].dtype == np.float64
        expected = oracles.grid_round_trip(x, *limits, bits, grid)
        np.testing.assert_array_equal(rounded[grid], expected, grid)
        np.testing.assert_array_equal(
            stored[grid], oracles.grid_codes(x, *limits, bits, grid), grid
        )


@given(x=strategies.arrays(SIZE, 64), bits=BITS)
def test_float64_over_the_extent_equals_the_oracle(x, bits):
    with jax.enable_x64(True):
        where = jax.jit(grids.extent)(jnp.asarray(x))
        rounded = round_trips(jnp.asarray(x), where, jnp.int32(bits))
    low, high = oracles.absmax_range(x)
    assert (float(where.low), float(where.high)) == (low, high)
    for grid in GRIDS:
        expected = oracles.grid_round_trip(x, low, high, bits, grid)
        np.testing.assert_array_equal(rounded[grid], expected, grid)


@given(x=strategies.arrays(SIZE), limits=limits_of(32), bits=BITS)
def test_float32_codes_differ_only_next_to_a_decision(x, limits, bits):
    # value / step is rounded at most three times (width, its inverse, product), each
    # time by at most half an ulp, 2^-24 of it; 2^-22 leaves room for one more.
    single = jnp.asarray(x, jnp.float32), in_range(*limits), jnp.int32(bits)
    stored = all_codes(*single)
    for grid in GRIDS:
        step = oracles.grid_step(*limits, bits, grid)
        zero = -min(limits[0], 0.0)
        if grid == "affine" and step > 0:
            (gap,) = oracles.steps_to_next_decision([zero], *limits, bits, grid)
            if gap <= 2**-22 * zero / step:
                continue  # the zero point is next to a tie: it moves every code by one
        differs = stored[grid] != oracles.grid_codes(x, *limits, bits, grid)
        if differs.any():
            gaps = oracles.steps_to_next_decision(x, *limits, bits, grid)
            assert (gaps <= 2**-22 * np.abs(x) / step)[differs].all(), grid
            codes = oracles.grid_codes(x, *limits, bits, grid)
            assert np.abs(stored[grid] - codes).max() == 1, grid


@given(
    x=strategies.arrays(SIZE), limits=limits_of(32), bits=st.sampled_from([2, 3, 4, 8])
)
def test_values_take_the_nearest_of_at_most_2_to_the_b_levels(x, limits, bits):
    where = in_range(*limits)
    rounded = round_trips(jnp.asarray(x, jnp.float32), where, jnp.int32(bits))
    top = max(-limits[0], limits[1], 0)
    for grid in GRIDS:
        allowed = np.asarray(levels(where, bits=bits, grid=grid))
        assert len(allowed) == 2**bits - (grid == "symmetric")
        assert np.isin(rounded[grid], allowed).all(), grid
        errors = np.abs(x - np.asarray(rounded[grid]))
        nearest = np.abs(x[:, None] - np.float64(allowed)).min(axis=1)
        # Next to a decision float32 may pick the other neighbour: see above.
        slack = 2**-21 * (np.abs(x) + np.abs(allowed).max())
        assert (errors <= nearest + slack).all(), grid
        first, last = (-top, top)
        if grid == "affine":
            first, last = min(limits[0], 0), max(limits[1], 0)
        inside = (first <= x) & (x <= last)
        bound = oracles.grid_step(*limits, bits, grid) / 2 + slack
        assert (errors <= bound)[inside].all(), grid


@every_grid
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_every_level_is_distinct_and_kept(grid, bits):
    where = in_range(-1.3, 0.7)
    allowed = np.asarray(levels(where, bits=bits, grid=grid))
    assert len(np.unique(allowed)) == 2**bits - (grid == "symmetric")
    x = jnp.asarray(np.resize(allowed, 256))
    kept = round_trip(x, where, jnp.int32(bits), grid=grid)
    np.testing.assert_array_equal(kept, x)


def test_levels_by_hand():
    def of(grid, low=-3.0, high=3.0, bits=2):
        return levels(in_range(low, high), bits=bits, grid=grid).tolist()

    assert of("symmetric") == [-3, 0, 3]
    assert of("symmetric", bits=3) == [-3, -2, -1, 0, 1, 2, 3]
    assert of("twos_complement", bits=3) == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert of("midrise") == [-2.25, -0.75, 0.75, 2.25]
    assert of("affine", -1.0, 2.0) == [-1, 0, 1, 2]
    assert of("affine", 1.0, 3.0) == [0, 1, 2, 3]  # widened to contain 0
    assert of("affine", -6.0, -1.0) == [-6, -4, -2, 0]
    assert of("affine", -0.5, 2.5) == [0, 1, 2, 3]  # zero = round(0.5) = 0, to even


def test_ties_by_hand():
    x = repeated(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
    even = round_trip(x, in_range(-7, 7), jnp.int32(4), grid="symmetric")
    assert even[:6].tolist() == [-2, -2, 0, 0, 2, 2]
    x = repeated(-2, -1, 0, 1, 2)
    upwards = round_trip(x, in_range(-8, 8), jnp.int32(4), grid="midrise")
    assert upwards[:5].tolist() == [-1.5, -0.5, 0.5, 1.5, 2.5]


@every_grid
def test_no_negative_zero(grid):
    rounded = round_trip(
        repeated(-0.01, -0.0), in_range(-7, 7), jnp.int32(4), grid=grid
    )
    assert not np.signbit(rounded)[np.asarray(rounded) == 0].any()


@given(limits=limits_of(32), bits=BITS)
def test_zero_is_represented_exactly_but_by_midrise(limits, bits):
    rounded = round_trips(repeated(0.0), in_range(*limits), jnp.int32(bits))
    for grid in ("symmetric", "twos_complement", "affine"):
        assert (np.asarray(rounded[grid]) == 0).all(), grid
    half = np.float32(oracles.grid_step(*limits, bits, "midrise")) / 2
    np.testing.assert_array_equal(rounded["midrise"], np.full(SIZE, half))


@given(x=strategies.arrays(SIZE), bits=BITS, power=st.integers(-20, 20))
def test_scale_equivariance(x, bits, power):
    # Powers of two scale floats without rounding, so the equality is exact.
    assume(np.all((x == 0) | (np.abs(x) > 1e-10)))
    low, high = oracles.absmax_range(x)
    factor, word = np.float32(2.0**power), jnp.int32(bits)
    rounded = round_trips(jnp.asarray(x, jnp.float32), in_range(low, high), word)
    where = in_range(low * factor, high * factor)
    scaled = round_trips(jnp.asarray(x * factor, jnp.float32), where, word)
    for grid in GRIDS:
        expected = factor * np.asarray(rounded[grid])
        np.testing.assert_array_equal(scaled[grid], expected, grid)


@given(x=strategies.arrays(SIZE), bits=BITS, limits=st.sampled_from([(0, 0), (1, -1)]))
def test_a_range_without_width_gives_zero(x, bits, limits):
    single = jnp.asarray(x, jnp.float32), in_range(*limits), jnp.int32(bits)
    stored = all_codes(*single)
    for grid, rounded in round_trips(*single).items():
        assert (np.asarray(rounded) == 0).all(), grid
        assert (np.asarray(stored[grid]) == 0).all(), grid


@every_grid
def test_gradients_without_width_are_finite(grid):
    @jax.jit
    @jax.grad
    def slope(x):
        return grids.round_trip(x, grids.extent(x), 4, grid=grid).sum()

    assert np.isfinite(slope(jnp.zeros(SIZE))).all()


@every_grid
def test_nan_and_infinity(grid):
    x = repeated(np.nan, np.inf, 0.5)
    rounded = round_trip(x, in_range(-1, 1), jnp.int32(4), grid=grid)
    assert np.isnan(rounded[0])
    assert rounded[1] == levels(in_range(-1, 1), bits=4, grid=grid)[-1]
    for limits in [(-np.inf, np.inf), (np.nan, 1), (-1, np.nan), (np.nan, np.nan)]:
        nothing = round_trip(x, in_range(*limits), jnp.int32(4), grid=grid)
        assert np.isnan(nothing).all()


@every_grid
@pytest.mark.parametrize("top", [1.2e-38, 1e-37, 1.4e-36, 1.6e-36, 1e-35])
def test_subnormal_steps_give_code_zero(grid, top):
    # Steps around the smallest normal float, 1.18e-38: no infinity in the inverse.
    x = repeated(top, -top, 0.0)
    rounded = round_trip(x, in_range(-top, top), jnp.int32(8), grid=grid)
    np.testing.assert_allclose(rounded, x, atol=255 * 1.18e-38, rtol=0.01)


@given(top=strategies.thresholds())
def test_worst_error_falls_with_bits(top):
    # It is half the step, and reached between two levels.
    x = jnp.asarray(np.linspace(-top, top, 4096, dtype=np.float32))
    rounded = [round_trips(x, in_range(-top, top), jnp.int32(b)) for b in range(2, 9)]
    for grid in GRIDS:
        errors = [np.abs(np.asarray(x) - np.asarray(r[grid])).max() for r in rounded]
        assert (np.diff(errors) < 0).all(), grid


@given(seed=st.integers(0, 2**31 - 1))
def test_mean_squared_error_of_gaussians_falls_with_bits(seed):
    x = jax.random.normal(jax.random.key(seed), (256,))
    where = in_range(*oracles.absmax_range(np.asarray(x)))
    rounded = [round_trips(x, where, jnp.int32(bits)) for bits in range(2, 9)]
    for grid in GRIDS:
        errors = [np.square(np.asarray(x) - np.asarray(r[grid])) for r in rounded]
        assert (np.diff(np.mean(errors, axis=1)) < 0).all(), grid


def test_mean_squared_error_may_rise_with_bits():
    # Not a theorem for every input: the grids are not nested. Thirds of the threshold
    # are levels of 3 bits (steps of 1/3) and not of 4 bits (steps of 1/7).
    x, where = repeated(3.0, 1.0, 0.0), in_range(-3, 3)
    rounded = [round_trip(x, where, jnp.int32(b), grid="symmetric") for b in (3, 4)]
    errors = [np.mean(np.square(np.asarray(x) - np.asarray(r))) for r in rounded]
    assert errors[0] == 0
    assert errors[1] == pytest.approx((1 / 7) ** 2 / 3, rel=1e-5)


@pytest.mark.parametrize(
    ("grid", "top", "error"),
    # Gaussian, 4 bits: exact errors at the best thresholds, the first by closed-form
    # partial moments (theory.md, A1), the second from Max 1960.
    [("symmetric", 2.474, 0.012889), ("midrise", 2.682, 0.011543)],
)
def test_published_errors_of_a_gaussian(grid, top, error):
    x = np.linspace(-10, 10, 200_001)
    with jax.enable_x64(True):
        where = in_range(-top, top, np.float64)
        rounded = round_trip(jnp.asarray(x), where, jnp.int32(4), grid=grid)
    squares = np.square(x - np.asarray(rounded))
    found = np.trapezoid(squares * stats.norm.pdf(x), x)
    assert found == pytest.approx(error, abs=6e-7)  # printed to 6 digits


@every_grid
def test_bits_are_data(grid):
    low, high, traces = -2.1, 1.7, []
    x, where, words = on_ties(low, high, grid), in_range(low, high), np.arange(2, 9)

    @jax.jit
    def one(x, where, word):
        traces.append(None)
        return grids.round_trip(x, where, word, grid=grid)

    separate = np.stack([one(x, where, jnp.int32(word)) for word in words])
    assert len(traces) == 1

    # All that is traced elsewhere is a constant here, and the reverse: an invitation
    # to rewrites that change the last bit, which `grids._spacing` declines.
    @jax.jit
    def contexts(x, where, words):
        def of(x=x, where=where, word=None):
            return grids.round_trip(x, where, word, grid=grid)

        constant = in_range(low, high)
        return {
            "mapped": jax.vmap(lambda word: of(word=word))(words),
            "constant limits": jax.vmap(lambda w: of(where=constant, word=w))(words),
            "constant bits": jnp.stack([of(word=bits) for bits in range(2, 9)]),
            "mapped values": jax.vmap(
                lambda x: jax.vmap(lambda w: of(x=x[None], word=w)[0])(words),
                out_axes=1,
            )(x),
        }

    for name, found in contexts(x, where, jnp.asarray(words)).items():
        np.testing.assert_array_equal(found, separate, name)


@every_grid
def test_thresholds_are_data(grid):
    tops = np.linspace(0.5, 4.0, 40, dtype=np.float32)
    x = np.stack([on_ties(-top, top, grid) for top in tops.tolist()])

    def one(x, top):
        return grids.round_trip(x, grids.within(top), 4, grid=grid)

    mapped = jax.jit(jax.vmap(one))(x, tops)
    separate = [jax.jit(one)(*pair) for pair in zip(x, tops, strict=True)]
    np.testing.assert_array_equal(mapped, np.stack(separate))


@given(x=strategies.arrays(SIZE), limits=limits_of(32))
def test_codes_number_the_levels(x, limits):
    where, bits = in_range(*limits), 4
    single = jnp.asarray(x, jnp.float32), where, jnp.int32(bits)
    rounded, stored = round_trips(*single), all_codes(*single)
    first = {"symmetric": -7, "twos_complement": -8, "midrise": -8, "affine": 0}
    assume(limits[0] < limits[1])
    for grid in GRIDS:
        listed = np.asarray(levels(where, bits=bits, grid=grid))
        found = listed[np.asarray(stored[grid]) - first[grid]]
        np.testing.assert_array_equal(found, rounded[grid], grid)


@jax.jit
def threshold_gradients(x, top, word, weights):
    def total(place, grid):
        return grids.round_trip(x, grids.within(place), word, grid=grid) @ weights

    return {grid: jax.grad(total)(top, grid) for grid in ABOUT_ZERO}


@given(x=strategies.arrays(SIZE, 64), top=strategies.thresholds(64), bits=BITS)
def test_threshold_gradient_holds_codes_constant(x, top, bits):
    weights = np.cos(np.arange(SIZE))
    with jax.enable_x64(True):
        gradients = threshold_gradients(
            jnp.asarray(x), jnp.float64(top), jnp.int32(bits), jnp.asarray(weights)
        )
    h = top / 8
    for grid in ABOUT_ZERO:
        numbers = oracles.grid_codes(x, -top, top, bits, grid) + 0.5 * (
            grid == "midrise"
        )
        steps = [oracles.grid_step(-t, t, bits, grid) for t in (top - h, top + h)]
        difference = weights @ numbers * (steps[1] - steps[0]) / (2 * h)
        # Linear in the threshold, so only rounding separates the two.
        np.testing.assert_allclose(
            gradients[grid], difference, rtol=1e-12, atol=1e-12, err_msg=grid
        )


@jax.jit
def range_gradient(x, where):
    return jax.grad(lambda limits: grids.round_trip(x, limits, 4, grid="affine").sum())(
        where
    )


@given(x=strategies.arrays(SIZE, 64), low=st.floats(-9, -1), high=st.floats(1, 9))
def test_affine_gradients_hold_codes_constant(x, low, high):
    with jax.enable_x64(True):
        gradient = range_gradient(jnp.asarray(x), in_range(low, high, np.float64))
    zero = oracles.grid_zero(low, high, 4, "affine")
    total = (oracles.grid_codes(x, low, high, 4, "affine") - zero).sum()
    # value = (code - zero) (high - low) / 15
    found = (gradient.low, gradient.high)
    np.testing.assert_allclose(found, (-total / 15, total / 15), rtol=1e-12, atol=1e-12)


@every_grid
def test_error_gradient_is_the_true_one(grid):
    # The error is continuous where codes change, so holding them is no approximation.
    @jax.jit
    def slopes(x, high, h):
        def error(high, word):
            where = grids.Range(low=-high / 1.3, high=high)
            return jnp.mean((x - grids.round_trip(x, where, word, grid=grid)) ** 2)

        words = jnp.array([2, 4, 8])
        of_words = jax.vmap(error, in_axes=(None, 0))
        difference = (of_words(high + h, words) - of_words(high - h, words)) / (2 * h)
        return jax.vmap(jax.grad(error), in_axes=(None, 0))(high, words), difference

    x = stats.norm.ppf((np.arange(256) + 0.3) / 256)
    with jax.enable_x64(True):
        found, difference = slopes(jnp.asarray(x), jnp.float64(1.37), jnp.float64(1e-7))
    # Central difference: rounding of about 2^-53 / h = 1e-9, else of the order of h.
    np.testing.assert_allclose(found, difference, rtol=1e-5, atol=1e-8)
    assert (np.abs(found) > 1e-6).all()


@jax.jit
def value_gradients(x, where):
    def total(x, grid):
        return grids.round_trip(x, where, 4, grid=grid).sum()

    return {grid: jax.grad(total)(x, grid) for grid in GRIDS}


@given(x=strategies.arrays(SIZE), limits=limits_of(32))
def test_straight_through(x, limits):
    gradients = value_gradients(jnp.asarray(x, jnp.float32), in_range(*limits))
    low, high = min(limits[0], 0), max(limits[1], 0)
    top = max(-low, high)
    expected = dict.fromkeys(ABOUT_ZERO, (-top <= x) & (x <= top))
    # The lowest level of twos_complement lies one step below; it is rounded, so a
    # value within a few float32 ulps of it may count as inside or not.
    bottom = -top * 8 / 7
    inside = (bottom <= x) & (x <= top)
    close = np.abs(x - bottom) <= 2**-22 * top
    expected["twos_complement"] = np.where(close, gradients["twos_complement"], inside)
    expected["affine"] = (low <= x) & (x <= high)
    for grid in GRIDS:
        np.testing.assert_array_equal(gradients[grid], expected[grid], grid)


@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 17])
def test_bits_out_of_range(bits):
    message = rf"bits must be between 2 and 8, got {bits}; "
    with pytest.raises(ValueError, match=message):
        grids.round_trip(repeated(1), in_range(-1, 1), bits, grid="symmetric")
    with pytest.raises(ValueError, match=message):
        grids.codes(repeated(1), in_range(-1, 1), bits, grid="affine")
    with pytest.raises(ValueError, match=message):
        grids.levels(in_range(-1, 1), bits, grid="midrise")


@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 40])
def test_traced_bits_out_of_range_give_nan(bits):
    rounded = round_trips(repeated(1, 0), in_range(-1, 1), jnp.int32(bits))
    chex.assert_trees_all_equal(rounded, dict.fromkeys(GRIDS, repeated(np.nan)))


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_grid():
    with pytest.raises(ValueError, match=r"grid must be affine or one of .* got 'nf4'"):
        grids.round_trip(repeated(1), in_range(-1, 1), 4, grid="nf4")
