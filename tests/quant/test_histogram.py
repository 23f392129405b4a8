"""Histograms against the exact sweep of the values that went into them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import additive_noise, histogram, sweep
from tests import strategies

GRIDS = ("symmetric", "twos_complement", "midrise")
SIZE = 24
HEAVY = scipy.stats.t(4).ppf((np.arange(2000) + 0.5) / 2000).astype(np.float32)

every_grid = pytest.mark.parametrize("grid", GRIDS)
magnitudes = st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6])


def of(*pieces, bins=1024, weights=None):
    found = histogram.empty(bins)
    for place, piece in enumerate(pieces):
        mass = None if weights is None else weights[place]
        found = histogram.add(found, np.asarray(piece), mass)
    return found


def exact_error(x, bits, grid, weights=None):
    with jax.enable_x64(True):
        values = jnp.asarray(x)
        mass = jnp.ones_like(values) if weights is None else jnp.asarray(weights)
        return float(sweep.exact_optimum(values, mass, bits, grid=grid).error)


def attained(x, threshold, bits, grid):
    """Mean squared error of rounding, level by level, in float64."""
    half = 2 ** (bits - 1)
    levels = {
        "symmetric": np.arange(-half + 1, half) / (half - 1),
        "twos_complement": np.arange(-half, half) / (half - 1),
        "midrise": (np.arange(-half, half) + 0.5) / half,
    }[grid] * threshold
    return np.mean(np.min((x[:, None] - levels[None]) ** 2, axis=1))


@every_grid
@given(x=strategies.arrays(SIZE), bits=st.integers(2, 4))
def test_the_optimum_is_within_its_gap_of_the_exact_one(x, bits, grid):
    found = histogram.optimum(of(x), bits, grid=grid)
    least = exact_error(x, bits, grid)
    # both add up squares of the same values in float64; their differences cancel
    rounding = 1e-11 * float(np.mean(x**2))
    assert found.error >= least - rounding
    assert found.error - found.gap <= least + rounding
    assert attained(x, found.threshold, bits, grid) <= found.error + rounding


@every_grid
def test_many_values_have_a_small_gap(grid):
    found = histogram.optimum(of(HEAVY, bins=histogram.BINS), 4, grid=grid)
    assert found.gap < 1e-3 * found.error
    assert found.error == pytest.approx(exact_error(HEAVY, 4, grid), rel=1e-4)


def test_more_bins_prove_more():
    gaps = [
        histogram.optimum(of(HEAVY, bins=bins), 4, grid="symmetric").gap
        for bins in (64, 512, 4096)
    ]
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2]


@given(
    x=strategies.arrays(SIZE),
    scale=magnitudes,
    cut=st.integers(0, SIZE),
)
def test_pieces_and_merging_do_not_matter(x, scale, cut):
    first, last = x[:cut], scale * x[cut:]
    whole = of(np.concatenate([first, last]))
    for found in (
        of(first, last),
        of(last, first),
        histogram.merge(of(first), of(last)),
        histogram.merge(of(last), of(first)),
    ):
        assert found.width == whole.width
        np.testing.assert_array_equal(found.weight, whole.weight)
        largest = np.max(np.abs(whole.first), initial=0.0)
        np.testing.assert_allclose(
            found.first, whole.first, rtol=1e-12, atol=1e-12 * largest
        )
        assert found.square == pytest.approx(whole.square, rel=1e-12)


@given(x=strategies.arrays(SIZE))
def test_bins_hold_their_values(x):
    found = of(x, bins=64)
    if found.width == 0:
        assert not np.any(x)
        return
    assert np.log2(found.width) % 1 == 0
    assert np.max(np.abs(x)) <= 32 * found.width
    for place, (mass, first) in enumerate(zip(found.weight, found.first, strict=True)):
        low = (place - 32) * found.width
        within = (x >= low) & ((x < low + found.width) | (place == 63))
        assert mass == np.count_nonzero(within)
        assert first == pytest.approx(np.sum(x[within]), rel=1e-12, abs=0)


def test_whole_weights_are_repetitions():
    x, counts = HEAVY[::80], np.arange(1.0, 26.0) % 4  # the outermost counts
    weighted = of(x, weights=[counts])
    repeated = of(np.repeat(x, counts.astype(int)))
    np.testing.assert_allclose(weighted.weight, repeated.weight)
    one, other = (
        histogram.optimum(found, 3, grid="symmetric") for found in (weighted, repeated)
    )
    assert one.threshold == pytest.approx(other.threshold)
    assert one.error == pytest.approx(other.error)


def test_values_that_are_all_zero():
    found = histogram.optimum(of(np.zeros(3)), 4, grid="midrise")
    assert (found.threshold, found.error, found.gap) == (0.0, 0.0, 0.0)
    assert histogram.noise_optimum(of(np.zeros(3)), 0.1)[0] == 0.0
    late = of(np.zeros(3), np.array([2.0, -2.0]))
    assert np.sum(late.weight) == 5
    assert histogram.optimum(late, 4, grid="symmetric").error == pytest.approx(0.0)


def test_nothing_added_changes_nothing():
    found = of(HEAVY)
    assert histogram.add(found, np.zeros(0, np.float32)) is found


@given(x=strategies.arrays(SIZE), c=st.sampled_from([1 / 12, 1 / 48, 1 / 768]))
def test_noise_is_within_its_bound_of_the_least(x, c):
    threshold, slack = histogram.noise_optimum(of(x), c)
    with jax.enable_x64(True):
        values, ones = jnp.asarray(x), jnp.ones(SIZE)
        best = additive_noise.threshold(values, ones, jnp.asarray(c))
        j = [
            float(additive_noise.objective(values, ones, at, jnp.asarray(c)).value)
            for at in (jnp.asarray(threshold), best)
        ]
        rounding = 1e-12 * j[1]
        assert threshold <= float(best) * (1 + 1e-12)
    assert (j[0] - j[1]) / SIZE <= slack + rounding


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: histogram.empty(6), "multiple of 4, got 6"),
        (lambda: of(np.array([1.0, np.nan])), "finite"),
        (lambda: of(np.array([np.inf])), "finite"),
        (lambda: of(np.ones(2), weights=[np.array([1.0, -1.0])]), "at least 0"),
        (lambda: of(np.ones(1), weights=[np.array([np.inf])]), "at least 0"),
        (
            lambda: histogram.optimum(histogram.empty(), 4, grid="symmetric"),
            "holds nothing",
        ),
        (lambda: histogram.noise_optimum(histogram.empty(), 0.1), "holds nothing"),
        (lambda: histogram.optimum(of(HEAVY), 9, grid="symmetric"), "got 9"),
        (lambda: histogram.optimum(of(HEAVY), 4, grid="affine"), "got affine"),
        (
            lambda: histogram.merge(histogram.empty(8), histogram.empty(4)),
            "8 and 4",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
