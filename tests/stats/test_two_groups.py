"""Exchanges of two groups against SciPy's permutation test and a slow inversion."""

import itertools

import hypothesis.extra.numpy as hnp
import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import two_groups

SHIFTS = st.integers(-40, 40)
ONE = hnp.arrays(np.float64, 5, elements=st.integers(-40, 40).map(float))
OTHER = hnp.arrays(np.float64, 4, elements=st.integers(-40, 40).map(float))


def share_as_large(one, other, shift):
    """Of all divisions, the share that gives as large a difference, after a shift."""
    values = np.concatenate([one - shift, other])
    seen = np.mean(one - shift) - np.mean(other)
    found = []
    for chosen in itertools.combinations(range(len(values)), len(one)):
        inside = np.isin(np.arange(len(values)), chosen)
        found.append(values[inside].mean() - values[~inside].mean() >= seen - 1e-9)
    return np.mean(found)


@given(ONE, OTHER)
def test_p_value_is_that_of_all_divisions(one, other):
    found = two_groups.difference(one, other)
    assert found.p_value == pytest.approx(share_as_large(one, other, 0.0), abs=1e-12)
    assert found.n_exchanges == 126


def test_p_value_is_that_of_scipy():
    one, other = np.array([1.0, 4.2, 3.3, 5.1, 2.8]), np.array([0.4, 2.9, 1.1, 2.2])
    expected = scipy.stats.permutation_test(
        (one, other),
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    found = two_groups.difference(one, other)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@given(ONE, OTHER)
def test_bounds_are_where_the_test_begins_to_reject(one, other):
    found = two_groups.difference(one, other)
    # differences of means of integers are multiples of 1/60: 0.001 lies between two
    assert share_as_large(one, other, found.low) > 0.025
    assert share_as_large(one, other, found.low - 0.001) <= 0.025
    assert share_as_large(-one, -other, -found.high) > 0.025
    assert share_as_large(-one, -other, -found.high - 0.001) <= 0.025


@given(ONE, OTHER, SHIFTS)
def test_interval_moves_with_the_values_and_turns_with_the_groups(one, other, shift):
    found = two_groups.difference(one, other)
    assert found.low <= found.estimate <= found.high
    moved = two_groups.difference(one + shift, other)
    np.testing.assert_allclose(
        [moved.estimate, moved.low, moved.high],
        np.array([found.estimate, found.low, found.high]) + shift,
        atol=1e-9,
    )
    turned = two_groups.difference(other, one)
    np.testing.assert_allclose(
        [-turned.high, -turned.low], [found.low, found.high], atol=1e-9
    )


def test_interval_covers_at_least_as_often_as_it_says():
    noise = np.array(jax.random.laplace(jax.random.key(1), (200, 9)), np.float64)
    found = [two_groups.difference(row[:5] + 2.0, row[5:]) for row in noise]
    missed = sum(not each.low <= 2.0 <= each.high for each in found)
    # the exact rate is 2 x 3 / 126 or 4.8 %, 9.5 of 200; 22 is four deviations above
    assert 1 <= missed <= 22


def test_small_groups_are_refused():
    assert two_groups.bound_rank(3, 3) == 0
    assert two_groups.bound_rank(4, 4) == 1
    assert two_groups.bound_rank(2, 38, level=0.9) == 39
    with pytest.raises(ValueError, match="3 and 3 have 20 divisions, too few for an"):
        two_groups.difference(np.zeros(3), np.zeros(3))
