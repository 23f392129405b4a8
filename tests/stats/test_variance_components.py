"""Variance between rows beyond noise, against random halves and explicit shuffles."""

import itertools

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.stats.variance_components import row_variance, shuffled_excess
from tests.models import small


def cells(seed=0, shape=(3, 6, 4)):
    return small.normal("cells", shape, seed).astype(np.float64)


def variance(means):
    """Variance of rows, channel by channel, summed."""
    return sum(np.var(channel, ddof=1) for channel in np.transpose(means))


def test_noise_is_what_all_halves_of_the_columns_give():
    table = cells() + np.arange(6)[:, None] ** 2  # what all rows share is no noise
    halves = []
    for half in itertools.combinations(range(6), 3):
        other = [column for column in range(6) if column not in half]
        halves.append(
            variance(table[:, half].mean(axis=1) - table[:, other].mean(axis=1)) / 4
        )
    found = row_variance(table)
    # 1e-12: roundings of float64
    assert found.noise == pytest.approx(np.mean(halves), rel=1e-12)
    assert found.observed == pytest.approx(variance(table.mean(axis=1)), rel=1e-12)
    assert found.excess == pytest.approx(found.observed - found.noise, rel=1e-12)


@hypothesis.given(st.integers(0, 50), st.floats(0.1, 10))
def test_columns_count_for_nothing_and_scale_squares(seed, scale):
    table = cells(seed)
    moved = scale * (table + 7 * cells(seed + 1)[0])
    one, other = row_variance(table), row_variance(moved)
    assert other.observed == pytest.approx(scale**2 * one.observed, rel=1e-9)
    assert other.noise == pytest.approx(scale**2 * one.noise, rel=1e-9)


def test_excess_is_unbiased():
    draws = np.asarray(jax.random.normal(jax.random.key(0), (400, 3, 5, 2)), np.float64)
    effect = np.array([-1.0, 0.0, 2.0])[:, None, None]
    found = [row_variance(draw + effect).excess for draw in draws]
    expected = 2 * np.var([-1, 0, 2], ddof=1)
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 20)
    null = [row_variance(draw).excess for draw in draws]
    assert np.mean(null) == pytest.approx(0, abs=4 * np.std(null) / 20)


def test_shuffled_excess_is_that_of_shuffled_cells():
    table = cells(3) + 5 * cells(4)[:, :1]
    bits = jax.random.bits(jax.random.key(1), (10, 6, 3))
    order = np.argsort(np.asarray(bits), axis=2)
    expected = []
    for draw in order:
        mixed = np.empty_like(table)
        for column, row in itertools.product(range(6), range(3)):
            mixed[row, column] = table[draw[column, row], column]
        expected.append(row_variance(mixed).excess)
    found = shuffled_excess(table, order)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    # and the rows are gone
    assert np.max(found) < row_variance(table).excess


@pytest.mark.parametrize("shape", [(1, 4, 2), (3, 1, 2)])
def test_what_has_no_variance(shape):
    with pytest.raises(ValueError, match="needs 2 rows and 2 columns"):
        row_variance(np.ones(shape))
    order = np.zeros((1, shape[1], shape[0]), int)
    with pytest.raises(ValueError, match="needs 2 rows and 2 columns"):
        shuffled_excess(np.ones(shape), order)
