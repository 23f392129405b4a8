"""Relative errors: against loops, and what they do and do not depend on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import granularity, grids, relative_error
from tests import strategies
from tests.models import small

TENSOR = granularity.Grouping()
CHANNEL = granularity.Grouping(granularity="channel")


def matrix(rows=64, columns=48, seed=0):
    return jnp.asarray(small.normal("matrix", (rows, columns), seed))


def rounded(weight, grouping=TENSOR, bits=4, grid="symmetric"):
    return granularity.quantize_weight(weight, bits, grid=grid, grouping=grouping)


@given(x=strategies.arrays((3, 5)), y=strategies.arrays((3, 5)))
def test_equals_float64_sums(x, y):
    power, lost = np.sum(x**2), np.sum((x - y) ** 2)
    found = relative_error.relative_error(
        jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    )
    expected = lost / (power if power > 0 else 1.0)
    if np.isfinite(found) and (power == 0 or power > 1e-30):  # else squares underflow
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("grouping", [TENSOR, CHANNEL])
def test_predicted_error_is_the_squared_step_over_twelve(grouping):
    weight = matrix()
    limits = granularity.thresholds(weight, grouping)
    found = relative_error.uniform_error(
        weight, limits, 4, grid="symmetric", grouping=grouping
    )
    w = np.asarray(weight, np.float64)
    top = np.abs(w).max(axis=0 if grouping == CHANNEL else None, keepdims=True)
    expected = np.sum(np.broadcast_to((top / 7) ** 2 / 12, w.shape)) / np.sum(w**2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    if grouping == TENSOR:
        crest = float(relative_error.crest_factor(weight))
        np.testing.assert_allclose(found, crest**2 / 588, rtol=1e-5)
    # errors of many values are uniform within cells far finer than the law
    measured = relative_error.relative_error(weight, rounded(weight, grouping))
    np.testing.assert_allclose(measured, expected, rtol=0.06)


def test_short_groups_count_by_their_weights():
    weight = matrix(10, 3)
    grouping = granularity.Grouping(granularity="group", group_size=4)
    limits = granularity.thresholds(weight, grouping)
    found = relative_error.uniform_error(
        weight, limits, 4, grid="symmetric", grouping=grouping
    )
    w, total = np.asarray(weight, np.float64), 0.0
    for column in w.T:
        for part in (column[:4], column[4:8], column[8:]):
            total += len(part) * (np.abs(part).max() / 7) ** 2 / 12
    np.testing.assert_allclose(found, total / np.sum(w**2), rtol=1e-5)


@given(
    scale=st.floats(-3, 3).map(lambda x: 10.0**x),
    seed=st.integers(0, 20),
    bits=st.integers(2, 8),
)
def test_scaling_changes_nothing(scale, seed, bits):
    weight = matrix(8, 6, seed)
    other = weight * jnp.float32(scale)
    errors = [
        float(relative_error.relative_error(x, rounded(x, bits=bits)))
        for x in (weight, other)
    ]
    # a weight halfway between levels may go to either side, which costs alike
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-4)


def test_powers_of_two_and_the_order_change_nothing_at_all():
    weight = matrix()
    error = relative_error.relative_error(weight, rounded(weight))
    double = relative_error.relative_error(2 * weight, rounded(2 * weight))
    assert float(error) == float(double)
    order = np.argsort(small.normal("order", (weight.size,)))
    mixed = weight.reshape(-1)[order].reshape(weight.shape)
    shuffled = relative_error.relative_error(mixed, rounded(mixed))
    np.testing.assert_allclose(shuffled, error, rtol=1e-5)  # sums in another order


def test_zeros_have_no_error():
    zero = jnp.zeros((2, 3))
    assert float(relative_error.relative_error(zero, zero)) == 0
    assert float(relative_error.crest_factor(zero)) == 1
    limits = granularity.thresholds(zero, TENSOR)
    predicted = relative_error.uniform_error(
        zero, limits, 4, grid="symmetric", grouping=TENSOR
    )
    assert float(predicted) == 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_step_bits_count_steps(bits):
    expected = {"symmetric": 2**bits - 2, "midrise": 2**bits, "affine": 2**bits - 1}
    for grid, count in (expected | {"twos_complement": 2**bits - 2}).items():
        found = relative_error.step_bits(bits, grid=grid)
        np.testing.assert_allclose(found, np.log2(count), rtol=1e-6)
        levels = grids.levels(grids.within(jnp.ones(())), bits, grid=grid)
        np.testing.assert_allclose(2 / np.diff(levels)[0], 2**found, rtol=1e-5)


def test_refuses_words_that_are_too_long():
    with pytest.raises(ValueError, match="between 2 and 8, got 9"):
        relative_error.step_bits(9, grid="symmetric")


def test_maps_over_layers():
    weight = jnp.stack([matrix(seed=1), matrix(seed=2)])
    found = jax.vmap(relative_error.crest_factor)(weight)
    w = np.asarray(weight, np.float64)
    expected = np.abs(w).max((1, 2)) / np.sqrt(np.mean(w**2, (1, 2)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
