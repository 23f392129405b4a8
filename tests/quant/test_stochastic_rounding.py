import functools as ft
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.quant import granularity, grids, stochastic_rounding
from jaxdisp.quant.granularity import Grouping
from tests import oracles, strategies

GRIDS = ("symmetric", "twos_complement", "midrise", "affine")
BITS = st.integers(2, 8)
SIZE = 24
SHAPE = (6, 10)  # neither side is a multiple of the group size
GROUPINGS = {
    "tensor": Grouping(granularity="tensor"),
    "channel": Grouping(granularity="channel"),
    "group": Grouping(granularity="group", group_size=4),
    "group of an embedding": Grouping(
        granularity="group", group_size=4, channel_axis=0
    ),
}
every_grouping = pytest.mark.parametrize("grouping", GROUPINGS.values(), ids=GROUPINGS)
UNIFORM = st.floats(0, 1, exclude_max=True, width=32, allow_subnormal=False)


@jax.jit
def on_every_grid(x, uniform, where, word):
    """One program for all grids, to compile less often."""
    return {
        grid: (
            stochastic_rounding.round_by(x, uniform, where, word, grid=grid),
            stochastic_rounding.error_variance(x, where, word, grid=grid),
        )
        for grid in GRIDS
    }


def in_range(low, high, dtype=np.float64):
    return grids.Range(low=jnp.asarray(low, dtype), high=jnp.asarray(high, dtype))


def one_group(low, high):
    return jax.tree.map(lambda end: end[None], in_range(low, high, np.float32))


def levels_of(low, high, bits, grid):
    """All levels, one code at a time."""
    step = oracles.grid_step(low, high, bits, grid)
    zero = oracles.grid_zero(low, high, bits, grid)
    half = 2 ** (bits - 1)
    numbers, offset = {
        "symmetric": (range(1 - half, half), 0.0),
        "twos_complement": (range(-half, half), 0.0),
        "midrise": (range(-half, half), 0.5),
        "affine": (range(-zero, 2 * half - zero), 0.0),
    }[grid]
    return np.array([(k + offset) * step for k in numbers])


def neighbours(value, levels):
    """The levels next to a value: of one outside, the nearest level twice."""
    inside = min(max(value, levels[0]), levels[-1])
    upper = int(np.clip(np.searchsorted(levels, inside), 1, len(levels) - 1))
    return inside, levels[upper - 1], levels[upper]


@settings(max_examples=60)
@given(
    x=strategies.arrays(SIZE, 64),
    uniform=st.lists(UNIFORM, min_size=SIZE, max_size=SIZE),
    limits=strategies.thresholds(64).map(lambda top: (-top, top))
    | strategies.ranges(64),
    bits=BITS,
)
def test_neighbouring_levels_by_the_share_of_the_distance(x, uniform, limits, bits):
    with jax.enable_x64(True):
        found = on_every_grid(
            jnp.asarray(x), jnp.asarray(uniform), in_range(*limits), jnp.int32(bits)
        )
    for grid in GRIDS:
        levels = levels_of(*limits, bits, grid)
        step = oracles.grid_step(*limits, bits, grid)
        if step < 1e-200:  # a range of width 0 has one level
            np.testing.assert_array_equal(found[grid][0], 0)
            continue
        rounded, variance = (np.asarray(each) for each in found[grid])
        for place, value in enumerate(x):
            inside, below, above = neighbours(value, levels)
            share = (inside - below) / step
            assert variance[place] == pytest.approx(
                # the share is off by the rounding of a quotient of up to 255
                share * (1 - share) * step**2,
                abs=1e-12 * step**2,
            )
            expected = above if uniform[place] < share else below
            close = (min(share, 1 - share, abs(share - uniform[place]))) < 1e-12
            allowed = (below, above, expected) if close else (expected,)
            assert min(abs(rounded[place] - each) for each in allowed) < 1e-9 * step


@settings(max_examples=40)
@given(x=strategies.arrays(SHAPE), bits=BITS, seed=st.integers(0, 2**20))
@every_grouping
def test_no_error_exceeds_a_step_and_levels_stay(grouping, x, bits, seed):
    weight = jnp.asarray(x, jnp.float32)
    limits = granularity.thresholds(weight, grouping)
    rounding = ft.partial(
        stochastic_rounding.mean_of_roundings,
        limits=limits,
        bits=bits,
        grid="symmetric",
        grouping=grouping,
        key=jax.random.key(seed),
    )
    once, mean = np.asarray(rounding(weight)), np.asarray(rounding(weight, copies=3))
    steps = np.asarray(limits.threshold) / (2 ** (bits - 1) - 1)
    wide = granularity.ungrouped(
        jnp.broadcast_to(
            jnp.asarray(steps, jnp.float32)[:, None],
            granularity.grouped(weight, grouping).shape,
        ),
        SHAPE,
        grouping,
    )
    # codes reach 127 in float32, whose quotients are exact to 1e-5 of a step
    assert np.all(np.abs(once - x) <= (1 + 1e-4) * np.asarray(wide) + 1e-30)
    assert np.all(np.abs(mean - x) <= (1 + 1e-4) * np.asarray(wide) + 1e-30)
    again = np.asarray(rounding(jnp.asarray(once)))
    # what lies on a level stays, unless a quotient fell below its integer by an ulp
    moved = np.abs(again - once) > 1e-4 * np.asarray(wide)
    assert np.mean(moved) <= 1 / 60


@pytest.mark.parametrize("grid", GRIDS)
def test_roundings_up_are_binomial(grid):
    draws, bits, limits = 4096, 3, (-1.0, 2.0)
    values = np.linspace(-0.9, 1.7, 14)
    keys = jax.random.split(jax.random.key(3), 14)
    p_values = []
    for value, key in zip(values, keys, strict=True):
        rounded = stochastic_rounding.mean_of_roundings(
            jnp.full(draws, value, jnp.float32),
            one_group(*limits),
            bits,
            grid=grid,
            grouping=GROUPINGS["tensor"],
            key=key,
        )
        inside, below, above = neighbours(value, levels_of(*limits, bits, grid))
        up = int(np.sum(np.asarray(rounded) > (below + above) / 2))
        share = float(np.clip((inside - below) / (above - below), 0, 1))
        p_values.append(stats.binomtest(up, draws, share).pvalue)
    # smallest of 14 independent p-values: below this once in a thousand such tests
    assert min(p_values) > 1e-3 / 14


@every_grouping
def test_the_mean_of_copies_is_unbiased_with_a_variance_over_copies(grouping):
    weight = jnp.asarray(np.sin(np.arange(60.0)).reshape(SHAPE), jnp.float32)
    limits = granularity.thresholds(weight, grouping)
    draws = 2000

    @ft.partial(jax.jit, static_argnames="copies")
    def errors(key, copies):
        def one(each):
            return stochastic_rounding.mean_of_roundings(
                weight,
                limits,
                jnp.int32(3),
                grid="symmetric",
                grouping=grouping,
                key=each,
                copies=copies,
            )

        return jax.vmap(one)(jax.random.split(key, draws)) - weight[None]

    groups = granularity.grouped(weight, grouping)
    variance = jax.vmap(
        lambda x, where: stochastic_rounding.error_variance(
            x, where, 3, grid="symmetric"
        )
    )(groups, limits)
    expected = np.asarray(granularity.ungrouped(variance, SHAPE, grouping), float)
    for copies in (1, 4):
        found = np.asarray(errors(jax.random.key(copies), copies), float)
        standard_error = np.sqrt(expected / copies / draws)
        # 60 means of 2000 draws: 5 standard errors, and the rounding of float32
        assert np.all(np.abs(found.mean(axis=0)) < 5 * standard_error + 1e-6)
        # the mean over weights of 2000 squares has a relative error of below 2 %
        ratio = np.mean(found**2) / np.mean(expected) * copies
        assert ratio == pytest.approx(1, abs=5 * math.sqrt(2 / 2000 / 20))


def test_copies_are_the_roundings_by_their_own_keys():
    weight = jnp.asarray(np.cos(np.arange(60.0)).reshape(SHAPE), jnp.float32)
    grouping, key = GROUPINGS["group"], jax.random.key(8)
    limits = granularity.thresholds(weight, grouping)
    groups = np.asarray(granularity.grouped(weight, grouping), float)
    steps = np.abs(groups).max(axis=1, keepdims=True) / 7
    total = 0
    for copy in range(5):
        shape = groups.shape
        uniform = jax.random.uniform(jax.random.fold_in(key, copy), shape)
        scaled = groups / steps
        total = total + steps * (
            np.floor(scaled) + (np.asarray(uniform) < scaled - np.floor(scaled))
        )
    found = stochastic_rounding.mean_of_roundings(
        weight, limits, 4, grid="symmetric", grouping=grouping, key=key, copies=5
    )
    expected = granularity.ungrouped(jnp.asarray(total / 5), SHAPE, grouping)
    # float32; no share here is within 1e-5 of a drawn number
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bad_input_is_named():
    rounding = ft.partial(
        stochastic_rounding.mean_of_roundings,
        jnp.ones(3),
        one_group(-1.0, 1.0),
        grouping=GROUPINGS["tensor"],
        key=jax.random.key(0),
    )
    with pytest.raises(ValueError, match="copies must be at least 1, got 0"):
        rounding(4, grid="symmetric", copies=0)
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 9"):
        rounding(9, grid="symmetric")
