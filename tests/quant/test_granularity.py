import functools as ft

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
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


def fields(grouping):
    return grouping.granularity, grouping.group_size, grouping.channel_axis


def matrix(shape=SHAPE):
    """Heavy-tailed numbers: tangents at equal spacing are a Cauchy sample."""
    return np.tan(np.arange(1, 1 + np.prod(shape), dtype=np.float32)).reshape(shape)


@ft.partial(jax.jit, static_argnames="grouping")
def on_every_grid(weight, word, grouping):
    """One program for all grids, to compile less often."""
    quantize = ft.partial(granularity.quantize_weight, weight, word, grouping=grouping)
    return {grid: quantize(grid=grid) for grid in GRIDS}


@every_grouping
@settings(max_examples=20)
@given(weight=strategies.arrays(SHAPE, 64), bits=st.integers(2, 8))
def test_float64_equals_the_oracle_bit_for_bit(grouping, weight, bits):
    with jax.enable_x64(True):
        rounded = on_every_grid(jnp.asarray(weight), jnp.int32(bits), grouping)
    for grid in GRIDS:
        expected = oracles.quantized_weight(weight, bits, grid, *fields(grouping))
        np.testing.assert_array_equal(rounded[grid], expected)


@pytest.mark.parametrize("name", ["channel", "group"])
@settings(max_examples=20)
@given(weight=strategies.arrays(7, 64))
def test_a_vector_is_one_tensor(name, weight):
    with jax.enable_x64(True):
        rounded = on_every_grid(jnp.asarray(weight), jnp.int32(4), GROUPINGS[name])
    low, high = oracles.absmax_range(weight)
    for grid in GRIDS:
        expected = oracles.grid_round_trip(weight, low, high, 4, grid)
        np.testing.assert_array_equal(rounded[grid], expected)


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (8, 4), (1, 5), (5, 1), (7,)])
def test_ungrouped_undoes_grouped(shape):
    @jax.jit
    def there_and_back(weight):
        groups = {k: granularity.grouped(weight, g) for k, g in GROUPINGS.items()}
        again = {
            name: granularity.ungrouped(groups[name], shape, grouping)
            for name, grouping in GROUPINGS.items()
        }
        return groups, again

    weight = matrix(shape)
    groups, again = there_and_back(weight)
    for name, grouping in GROUPINGS.items():
        np.testing.assert_array_equal(again[name], weight, name)
        places = oracles.weight_groups(shape, *fields(grouping))
        for row, members in zip(np.asarray(groups[name]), places, strict=True):
            values = [weight[place] for place in members]
            assert row[: len(values)].tolist() == values
            assert (row[len(values) :] == 0).all()


@jax.jit
def all_thresholds(weight):
    found = {k: granularity.thresholds(weight, g) for k, g in GROUPINGS.items()}
    return {name: (f.low, f.high, f.threshold) for name, f in found.items()}


@settings(max_examples=20)
@given(weight=strategies.arrays(SHAPE))
def test_thresholds_are_the_largest_magnitudes(weight):
    weight = np.float32(weight)
    for name, found in all_thresholds(weight).items():
        groups = oracles.weight_groups(SHAPE, *fields(GROUPINGS[name]))
        expected = [oracles.absmax_range([weight[p] for p in g]) for g in groups]
        np.testing.assert_array_equal(found[0], [low for low, _ in expected])
        np.testing.assert_array_equal(found[1], [high for _, high in expected])
        np.testing.assert_array_equal(found[2], [max(-a, b) for a, b in expected])


@pytest.mark.parametrize("name", ["channel of an embedding", "group"])
@settings(max_examples=20)
@given(weight=strategies.arrays(SHAPE), bits=st.integers(2, 8))
def test_errors_stay_within_half_a_step_of_the_group(name, weight, bits):
    weight, grouping = np.float32(weight), GROUPINGS[name]
    rounded = on_every_grid(jnp.asarray(weight), jnp.int32(bits), grouping)
    for grid, found in rounded.items():
        errors = np.abs(weight - np.asarray(found))
        for places in oracles.weight_groups(SHAPE, *fields(grouping)):
            low, high = oracles.absmax_range([weight[place] for place in places])
            step = oracles.grid_step(low, high, bits, grid)
            # A few float32 ulps (2^-24) of the largest level, at most twice the
            # largest magnitude.
            slack = 2**-21 * max(-low, high)
            assert max(errors[place] for place in places) <= step / 2 + slack


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("channel", np.s_[:, 2]),
        ("group", np.s_[:, 2]),
        ("channel of an embedding", np.s_[2]),
        ("group of an embedding", np.s_[2]),
    ],
)
def test_output_channels_do_not_see_one_another(name, one):
    weight, word = matrix(), jnp.int32(3)
    louder = weight.copy()
    louder[one] *= 64.0
    before = on_every_grid(weight, word, GROUPINGS[name])
    after = on_every_grid(louder, word, GROUPINGS[name])
    for grid in GRIDS:
        expected = np.array(before[grid])
        expected[one] *= 64.0
        np.testing.assert_array_equal(after[grid], expected, grid)


# Grids and groupings meet in one `vmap`: each grid once, each grouping once.
pairs = pytest.mark.parametrize(
    ("grid", "grouping"),
    [(grid, GROUPINGS["group"]) for grid in GRIDS]
    + [("affine", GROUPINGS[name]) for name in GROUPINGS if name != "group"],
)


@pairs
def test_scale_multiplies_both_limits(grid, grouping):
    weight = jnp.asarray(matrix())
    limits = granularity.thresholds(weight, grouping)
    rounding = ft.partial(granularity.round_groups, grid=grid, grouping=grouping)
    quantize = ft.partial(granularity.quantize_weight, grid=grid, grouping=grouping)
    np.testing.assert_array_equal(quantize(weight, 4), rounding(weight, limits, 4))
    for scale in (0.5, 0.0):
        scaled = jax.tree.map(lambda limit, scale=scale: scale * limit, limits)
        expected = rounding(weight, scaled, 4)
        found = quantize(weight, 4, scale=jnp.float32(scale))
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(quantize(weight, 4, scale=scale), expected)
    assert (np.asarray(expected) == 0).all()


@pairs
def test_layers_are_the_callers_vmap(grid, grouping):
    weights = matrix((5, *SHAPE))
    words = np.int32([2, 3, 4, 6, 8])
    scales = np.linspace(0.6, 1.0, 5, dtype=np.float32)
    traces = []

    def quantize(weight, word, scale):
        traces.append(None)
        return granularity.quantize_weight(
            weight, word, grid=grid, grouping=grouping, scale=scale
        )

    mapped = jax.jit(jax.vmap(quantize))(weights, words, scales)
    one = jax.jit(quantize)
    separate = [one(*layer) for layer in zip(weights, words, scales, strict=True)]
    np.testing.assert_array_equal(mapped, np.stack(separate))
    assert len(traces) == 2  # one for each jit: bits and scales do not recompile


@pairs
def test_gradients_are_finite(grid, grouping):
    @jax.jit
    @ft.partial(jax.grad, argnums=(0, 1))
    def slopes(weight, scale):
        return granularity.quantize_weight(
            weight, 4, grid=grid, grouping=grouping, scale=scale
        ).sum()

    for weight in (matrix(), np.zeros(SHAPE, np.float32)):
        assert all(np.isfinite(s).all() for s in slopes(weight, np.float32(0.7)))


@pytest.mark.parametrize("size", [0, -3])
def test_group_size_is_positive(size):
    with pytest.raises(ValueError, match=f"positive integer, got {size}"):
        Grouping(granularity="group", group_size=size)


def test_channel_axis_is_an_axis():
    with pytest.raises(ValueError, match="must be an axis of a matrix, got 2"):
        Grouping(granularity="channel", channel_axis=2)


def test_bits_out_of_range():
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 17"):
        granularity.quantize_weight(
            jnp.asarray(matrix()), 17, grid="symmetric", grouping=Grouping()
        )
    limits = granularity.thresholds(jnp.asarray(matrix()), Grouping())
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 1"):
        granularity.round_groups(
            jnp.asarray(matrix()), limits, 1, grid="symmetric", grouping=Grouping()
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
    with pytest.raises(ValueError, match=r"positive integer, got 1\.5"):
        Grouping(group_size=1.5)
    with pytest.raises(ValueError, match=r"one or two axes, got shape \(2, 6, 10\)"):
        granularity.thresholds(jnp.ones((2, *SHAPE)), Grouping())
    with pytest.raises(ValueError, match="grid must be affine or one of"):
        granularity.quantize_weight(
            jnp.asarray(matrix()), 4, grid="nf4", grouping=Grouping()
        )
    assert isinstance(
        granularity.thresholds(jnp.asarray(matrix()), Grouping()), grids.Range
    )
