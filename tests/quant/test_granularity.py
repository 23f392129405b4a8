import functools as ft

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import granularity, grids
from jaxdisp.quant.granularity import Grouping
from tests import oracles, strategies

GRIDS = ("symmetric", "twos_complement", "midrise", "affine")
SHAPE = (6, 10)  # neither side is a multiple of the group size

GROUPINGS = {
    "tensor": Grouping(granularity="tensor"),
    "channel": Grouping(granularity="channel"),
    "channel of an embedding": Grouping(granularity="channel", channel_axis=0),
    "group": Grouping(granularity="group", group_size=4),
    "group of an embedding": Grouping(
        granularity="group", group_size=4, channel_axis=0
    ),
    "group wider than the matrix": Grouping(granularity="group", group_size=999),
}
every_grouping = pytest.mark.parametrize("grouping", GROUPINGS.values(), ids=GROUPINGS)
every_grid = pytest.mark.parametrize("grid", GRIDS)


def fields(grouping):
    return grouping.granularity, grouping.group_size, grouping.channel_axis


def matrix(seed=0, shape=SHAPE, dtype=np.float32):
    return jax.random.t(jax.random.key(seed), 3.0, shape, dtype)


@every_grid
@every_grouping
@given(weight=strategies.arrays(SHAPE, 64), bits=st.integers(2, 8))
def test_float64_equals_the_oracle_bit_for_bit(grid, grouping, weight, bits):
    with jax.enable_x64(True):
        rounded = granularity.quantize_weight(
            jnp.asarray(weight), bits, grid=grid, grouping=grouping
        )
    expected = oracles.quantized_weight(weight, bits, grid, *fields(grouping))
    np.testing.assert_array_equal(rounded, expected)


@every_grid
@every_grouping
@given(weight=strategies.arrays(7, 64))
def test_a_vector_is_one_tensor(grid, grouping, weight):
    with jax.enable_x64(True):
        rounded = granularity.quantize_weight(
            jnp.asarray(weight), 4, grid=grid, grouping=grouping
        )
    low, high = oracles.absmax_range(weight)
    expected = oracles.grid_round_trip(weight, low, high, 4, grid)
    np.testing.assert_array_equal(rounded, expected)


@every_grouping
@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (8, 4), (1, 5), (5, 1), (7,)])
def test_ungrouped_undoes_grouped(grouping, shape):
    weight = matrix(shape=shape)
    groups = granularity.grouped(weight, grouping)
    again = granularity.ungrouped(groups, shape, grouping)
    np.testing.assert_array_equal(again, weight)
    places = oracles.weight_groups(shape, *fields(grouping))
    assert groups.shape[0] == len(places)
    for row, members in zip(np.asarray(groups), places, strict=True):
        values = [float(weight[place]) for place in members]
        assert row[: len(values)].tolist() == values
        assert (row[len(values) :] == 0).all()


@every_grouping
@given(weight=strategies.arrays(SHAPE))
def test_thresholds_are_the_largest_magnitudes(grouping, weight):
    weight = np.float32(weight)
    found = granularity.thresholds(jnp.asarray(weight), grouping)
    groups = oracles.weight_groups(SHAPE, *fields(grouping))
    limits = [oracles.absmax_range([weight[p] for p in places]) for places in groups]
    np.testing.assert_array_equal(found.low, [low for low, _ in limits])
    np.testing.assert_array_equal(found.high, [high for _, high in limits])
    np.testing.assert_array_equal(found.threshold, [max(-a, b) for a, b in limits])


@every_grid
@every_grouping
@given(weight=strategies.arrays(SHAPE), bits=st.integers(2, 8))
def test_errors_stay_within_half_a_step_of_the_group(grid, grouping, weight, bits):
    weight = np.float32(weight)
    rounded = granularity.quantize_weight(
        jnp.asarray(weight), bits, grid=grid, grouping=grouping
    )
    for places in oracles.weight_groups(SHAPE, *fields(grouping)):
        values = np.array([weight[place] for place in places])
        low, high = oracles.absmax_range(values)
        step = oracles.grid_step(low, high, bits, grid)
        errors = values - np.array([rounded[place] for place in places])
        # A few float32 ulps (2^-24) of the largest magnitude, up to 1.5 of which
        # is what a level can be.
        slack = 2**-21 * max(-low, high)
        assert np.abs(errors).max() <= step / 2 + slack


@every_grid
def test_output_channels_do_not_see_one_another(grid):
    weight = matrix()
    quantize = ft.partial(granularity.quantize_weight, bits=3, grid=grid)
    for grouping, louder in [
        (GROUPINGS["channel"], weight.at[:, 2].multiply(64.0)),
        (GROUPINGS["group"], weight.at[:, 2].multiply(64.0)),
        (GROUPINGS["channel of an embedding"], weight.at[2].multiply(64.0)),
        (GROUPINGS["group of an embedding"], weight.at[2].multiply(64.0)),
    ]:
        before = quantize(weight, grouping=grouping)
        after = quantize(louder, grouping=grouping)
        np.testing.assert_array_equal(
            np.asarray(after == before), np.asarray((louder == weight) | (before == 0))
        )


@every_grid
@every_grouping
def test_scale_multiplies_both_limits(grid, grouping):
    weight, limits = matrix(), granularity.thresholds(matrix(), grouping)
    halved = jax.tree.map(lambda limit: 0.5 * limit, limits)
    rounding = ft.partial(granularity.round_groups, grid=grid, grouping=grouping)
    quantize = ft.partial(granularity.quantize_weight, grid=grid, grouping=grouping)
    np.testing.assert_array_equal(quantize(weight, 4), rounding(weight, limits, 4))
    np.testing.assert_array_equal(
        quantize(weight, 4, scale=0.5), rounding(weight, halved, 4)
    )
    np.testing.assert_array_equal(
        quantize(weight, 4, scale=jnp.float32(0.0)), jnp.zeros(SHAPE)
    )


@every_grid
@every_grouping
def test_layers_are_the_callers_vmap(grid, grouping):
    weights = matrix(shape=(5, *SHAPE))
    words, scales = jnp.array([2, 3, 4, 6, 8]), jnp.linspace(0.6, 1.0, 5)
    quantize = ft.partial(granularity.quantize_weight, grid=grid, grouping=grouping)
    mapped = jax.jit(jax.vmap(lambda w, b, s: quantize(w, b, scale=s)))
    separate = [
        quantize(weight, word, scale=scale)
        for weight, word, scale in zip(weights, words, scales, strict=True)
    ]
    np.testing.assert_array_equal(mapped(weights, words, scales), jnp.stack(separate))


def test_bits_and_scale_do_not_recompile():
    traces = []

    @jax.jit
    def quantize(weight, word, scale):
        traces.append(None)
        return granularity.quantize_weight(
            weight, word, grid="symmetric", grouping=GROUPINGS["group"], scale=scale
        )

    for bits in range(2, 9):
        quantize(matrix(bits), jnp.int32(bits), jnp.float32(1 / bits))
    assert len(traces) == 1


@every_grid
@every_grouping
def test_gradients_are_finite(grid, grouping):
    def total(weight, scale):
        return granularity.quantize_weight(
            weight, 4, grid=grid, grouping=grouping, scale=scale
        ).sum()

    for weight in (matrix(), jnp.zeros(SHAPE)):
        slopes = jax.grad(total, argnums=(0, 1))(weight, jnp.float32(0.7))
        assert all(np.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("size", [0, -3])
def test_group_size_is_positive(size):
    with pytest.raises(ValueError, match=f"positive integer, got {size}"):
        Grouping(granularity="group", group_size=size)


def test_channel_axis_is_an_axis():
    with pytest.raises(ValueError, match="must be an axis of a matrix, got 2"):
        Grouping(granularity="channel", channel_axis=2)


def test_bits_out_of_range():
    rounding = ft.partial(grid="symmetric", grouping=Grouping(), func=None)
    del rounding
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 17"):
        granularity.quantize_weight(matrix(), 17, grid="symmetric", grouping=Grouping())
    limits = granularity.thresholds(matrix(), Grouping())
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 1"):
        granularity.round_groups(
            matrix(), limits, 1, grid="symmetric", grouping=Grouping()
        )


@pytest.fixture
def unchecked():
    # With annotations enforced, wrong words and shapes are refused before our checks.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_what_annotations_also_refuse():
    with pytest.raises(ValueError, match=r"granularity must be one of .* got 'row'"):
        Grouping(granularity="row")
    with pytest.raises(ValueError, match="positive integer, got 1.5"):
        Grouping(group_size=1.5)
    with pytest.raises(ValueError, match=r"one or two axes, got shape \(2, 6, 10\)"):
        granularity.thresholds(jnp.ones((2, *SHAPE)), Grouping())
    with pytest.raises(ValueError, match="grid must be affine or one of"):
        granularity.quantize_weight(matrix(), 4, grid="nf4", grouping=Grouping())
    assert isinstance(granularity.thresholds(matrix(), Grouping()), grids.Range)
