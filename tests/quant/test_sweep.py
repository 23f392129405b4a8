"""The exact optimum against thresholds without number and, of few values, all codes."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.quant import grids
from jaxdisp.quant.sweep import exact_optimum
from tests import strategies
from tests.quant import clipping_oracles

GRIDS = ("symmetric", "twos_complement", "midrise", "affine")
BITS = st.sampled_from([2, 3, 4])
SIZE, FEW = 24, 3  # SIZE is that of nearly all arrays, so that little is compiled

every_grid = pytest.mark.parametrize("grid", GRIDS)
round_trip = jax.jit(grids.round_trip, static_argnames="grid")


def solved(x, weights, bits, grid):
    with jax.enable_x64(True):
        found = exact_optimum(jnp.asarray(x), jnp.asarray(weights), bits, grid=grid)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float64)}
    assert float(found.gap) == 0
    return jax.tree.map(np.asarray, found)


def attained(x, weights, limits, bits, grid):
    with jax.enable_x64(True):
        limits = jax.tree.map(jnp.asarray, limits)
        rounded = round_trip(jnp.asarray(x), limits, jnp.int32(bits), grid=grid)
    return clipping_oracles.weighted_mean((x - np.asarray(rounded)) ** 2, weights)


def slack(x, weights):
    """The error is the mean square less what rounding saves: an ulp of that is lost.

    1e-13 is 450 of these ulps, for sums of a hundred values.
    """
    return 1e-13 * clipping_oracles.mean_square(x, weights)


def padded(x, fill=0.0):
    return np.concatenate([x, np.full(SIZE - len(x), fill)])


def quantiles(law=stats.norm, size=SIZE):
    return law.ppf((np.arange(size) + 0.5) / size)


@every_grid
@given(
    x=strategies.arrays(SIZE, 64),
    weights=clipping_oracles.all_weights(SIZE),
    bits=BITS,
)
def test_no_threshold_is_better_and_the_error_is_attained(grid, x, weights, bits):
    found, allowed = solved(x, weights, bits, grid), slack(x, weights)
    assert 0 <= found.error <= clipping_oracles.mean_square(x, weights) + allowed
    # With the first line the error is at least, with the second at most, the least.
    assert abs(found.error - attained(x, weights, found.limits, bits, grid)) <= allowed
    least = clipping_oracles.least_error(x, weights, bits, grid, 40_000)
    assert found.error <= least + allowed
    assert (found.limits.high > found.limits.low) == np.any(x[weights > 0] != 0)
    if grid != "affine":
        assert found.limits.low == -found.limits.high
    assert found.limits.low <= 0 <= found.limits.high


@every_grid
def test_no_threshold_is_better_with_8_bits(grid):
    x, weights = 3 * quantiles(stats.t(3)) + 1, 10 ** quantiles(stats.uniform(-2, 4))
    found = solved(x, weights, 8, grid)
    least = clipping_oracles.least_error(x, weights, 8, grid, 100_000)
    assert found.error <= least + slack(x, weights)
    error = attained(x, weights, found.limits, 8, grid)
    assert abs(found.error - error) <= slack(x, weights)


@every_grid
@given(
    x=strategies.arrays(FEW, 64),
    weights=clipping_oracles.all_weights(FEW),
    bits=BITS,
    junk=strategies.numbers(width=64),
)
def test_no_codes_are_better(grid, x, weights, bits, junk):
    # The other values weigh nothing, so they may be anything.
    found = solved(padded(x, junk), padded(weights), bits, grid)
    least = clipping_oracles.least_error_of_all_codes(x, weights, bits, grid)
    assert abs(found.error - least) <= slack(x, weights)


@every_grid
@given(
    x=strategies.arrays(SIZE, 64),
    weights=clipping_oracles.all_weights(SIZE),
    powers=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    bits=BITS,
)
def test_scale_equivariance(grid, x, weights, powers, bits):
    # Powers of two scale floats without rounding, so the equality is exact.
    factor, heavier = 2.0 ** np.array(powers)
    one = solved(x, weights, bits, grid)
    other = solved(x * factor, weights * heavier, bits, grid)
    assert other.error == one.error * factor**2
    assert other.limits.low == one.limits.low * factor
    assert other.limits.high == one.limits.high * factor


@pytest.mark.parametrize("grid", ["symmetric", "midrise", "affine"])
@given(
    x=strategies.arrays(SIZE, 64),
    weights=clipping_oracles.all_weights(SIZE),
    flips=st.integers(0, 2**SIZE - 1),
    bits=BITS,
)
def test_signs(grid, x, weights, flips, bits):
    # Levels about 0 come in pairs, so any sign may change; in affine all at once, up
    # to rounding, since then another place of 0 is the best.
    signs = np.array([(-1.0) ** (flips >> place & 1) for place in range(SIZE)])
    one = solved(x, weights, bits, grid)
    other = solved(x * (-1 if grid == "affine" else signs), weights, bits, grid)
    assert abs(one.error - other.error) <= (grid == "affine") * slack(x, weights)
    if grid != "affine":
        assert one.limits.high == other.limits.high


@every_grid
@given(
    x=strategies.arrays(SIZE // 2, 64),
    weights=clipping_oracles.all_weights(SIZE // 2),
    bits=BITS,
)
def test_duplicates_count_as_weight(grid, x, weights, bits):
    twice = solved(np.tile(x, 2), np.tile(weights, 2), bits, grid)
    heavy = solved(padded(x, x[0]), padded(2 * weights), bits, grid)
    assert abs(twice.error - heavy.error) <= slack(x, weights)
    error = attained(x, weights, twice.limits, bits, grid)
    assert abs(error - heavy.error) <= slack(x, weights)


@every_grid
@given(data=st.data(), weights=clipping_oracles.all_weights(SIZE), bits=BITS)
def test_levels_of_a_grid_are_kept(grid, data, weights, bits):
    zero = data.draw(st.integers(0, 2**bits - 1))
    numbers = clipping_oracles.level_numbers(bits, grid, zero)
    choice = data.draw(st.lists(st.sampled_from(numbers), min_size=SIZE, max_size=SIZE))
    x = data.draw(st.floats(1e-3, 1e3)) * np.array(choice)
    found = solved(x, weights, bits, grid)
    assert found.error <= slack(x, weights)
    assert attained(x, weights, found.limits, bits, grid) <= slack(x, weights)


@given(
    x=strategies.arrays(SIZE, 64),
    weights=clipping_oracles.all_weights(SIZE),
)
def test_more_levels_are_no_worse(x, weights):
    # At the same step, each grid has all levels of the one before it, and a word all
    # levels of one with fewer bits.
    least = {
        (grid, bits): solved(x, weights, bits, grid).error
        for grid in GRIDS
        for bits in (2, 3, 4)
    }
    allowed = slack(x, weights)
    for bits in (2, 3, 4):
        assert least["affine", bits] <= least["twos_complement", bits] + allowed
        assert least["twos_complement", bits] <= least["symmetric", bits] + allowed
        for grid in GRIDS:
            assert bits == 2 or least[grid, bits] <= least[grid, bits - 1] + allowed


@pytest.mark.parametrize(
    ("grid", "bits", "x", "low", "high", "error"),
    [
        # Levels -D, 0, D: keeping 3 alone costs 1/3, D = 2 for both costs 2/3.
        ("symmetric", 2, (3, 1, 0), -3, 3, 1 / 3),
        ("symmetric", 3, (3, 1, 0), -3, 3, 0),
        # Levels -2D .. D: A = 2 * 3 + 1, B = 4 + 1, and 10 - 49 / 5 remains.
        ("twos_complement", 2, (-3, -1, 0), -7 / 5, 7 / 5, 1 / 15),
        ("twos_complement", 2, (3, 1, 0), -3, 3, 1 / 3),
        # Levels 3D/2, D/2, D/2: A = 5, B = 11 / 4, and 10 - 100 / 11 remains.
        ("midrise", 2, (3, 1, 0), -40 / 11, 40 / 11, 10 / 33),
        ("midrise", 2, (3, 1, -1), -3 * 4 / 3, 3 * 4 / 3, 0),
        ("affine", 2, (3, 1, 0), 0, 3, 0),
        # Levels -D .. 2D: A = 2 * 3 + 1 + 1, B = 6, and 11 - 64 / 6 remains.
        ("affine", 2, (3, 1, -1), -4 / 3, 8 / 3, 1 / 9),
        ("affine", 2, (-3, -1, 0), -3, 0, 0),
    ],
)
def test_by_hand(grid, bits, x, low, high, error):
    weights = padded(np.ones(len(x)))
    found = solved(padded(np.array(x, float)), weights, bits, grid)
    expected = low, high, error
    limits = found.limits.low, found.limits.high, found.error
    np.testing.assert_allclose(limits, expected, rtol=1e-14, atol=1e-14)


@every_grid
def test_weights_decide_by_hand(grid):
    # Only 1 and 0 count: with a level at 1 (and, in midrise, none at 0) that is free.
    x, weights = np.array([3.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])
    found = solved(padded(x), padded(weights), 2, grid)
    # midrise: levels 3D/2 and D/2, so A = 3/2, B = 10/4 and 1 - 9/10 remains.
    assert found.error == pytest.approx(0.05 if grid == "midrise" else 0, abs=1e-15)


@every_grid
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_nothing_to_represent(grid, bits):
    zeros, ones = np.zeros(SIZE), np.ones(SIZE)
    only_zeros_count = (quantiles() > 0, quantiles() <= 0)
    for x, weights in [(zeros, ones), (ones, zeros), (zeros, zeros), only_zeros_count]:
        found = solved(np.float64(x), np.float64(weights), bits, grid)
        assert (found.limits.low, found.limits.high, found.error) == (0, 0, 0)


@every_grid
def test_rows_are_solved_apart(grid):
    rows = np.stack([quantiles(), quantiles(stats.t(2)), np.zeros(SIZE), 1e3 * rest()])
    weights = np.stack([np.ones(SIZE), *[rest() for _ in range(3)]])
    with jax.enable_x64(True):
        found = jax.vmap(lambda x, w: exact_optimum(x, w, 3, grid=grid))(
            jnp.asarray(rows), jnp.asarray(weights)
        )
    for row, x in enumerate(rows):
        alone = solved(x, weights[row], 3, grid)
        mapped = jax.tree.map(lambda leaf, row=row: leaf[row], found)
        for one, other in zip(*map(jax.tree.leaves, (alone, mapped)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def rest():
    return quantiles(stats.expon)


@every_grid
def test_single_precision_is_solved_in_double(grid):
    x, weights = np.float32(quantiles(stats.t(3))), np.float32(rest())
    found = exact_optimum(jnp.asarray(x), jnp.asarray(weights), 3, grid=grid)
    expected = solved(x.astype(np.float64), weights.astype(np.float64), 3, grid)
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert one.dtype == np.float64
        assert float(one) == other


@pytest.mark.parametrize(
    ("grid", "top", "error", "digit"),
    # Of the law itself: the first by closed-form partial moments (theory.md, A1), the
    # second from Max 1960, table 2, whose step is 0.3352.
    [
        ("symmetric", 2.4739, 0.0128894, 1e-7),
        ("midrise", 8 * 0.3352, 0.01154, 1e-5),
    ],
)
def test_published_optimum_of_a_gaussian(grid, top, error, digit):
    # Points are 2e-4 apart. Sums are integrals up to the square of that, less than a
    # digit; codes change by whole points, so the threshold is as coarse, and in the
    # table it is rounded to 8 * 5e-5.
    x = np.linspace(-10, 10, 100_000)
    found = solved(x, stats.norm.pdf(x), 4, grid)
    assert float(found.limits.high) == pytest.approx(top, abs=4e-4)
    assert float(found.error) == pytest.approx(error, abs=digit)
    # As equally likely values the tails, and with them the mean square, lose a little.
    x = quantiles(size=100_000)
    found, lost = solved(x, np.ones(len(x)), 4, grid), 1 - np.mean(x**2)
    assert error - lost <= found.error <= error + digit
    assert float(found.limits.high) == pytest.approx(top, abs=1e-3)


@pytest.mark.parametrize("bits", [-1, 0, 1, 9, 17])
def test_bits_out_of_range(bits):
    ones = jnp.ones(SIZE)
    with pytest.raises(ValueError, match=f"bits must be between 2 and 8, got {bits}"):
        exact_optimum(ones, ones, bits, grid="symmetric")


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_grid():
    ones = jnp.ones(SIZE)
    with pytest.raises(ValueError, match="grid is unknown: 'nf4'"):
        exact_optimum(ones, ones, 4, grid="nf4")
