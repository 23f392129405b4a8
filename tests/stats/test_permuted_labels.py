"""Permuted labels: against all divisions, and what every p-value satisfies."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats.permuted_labels import label_p_value

KEY = jax.random.key(5)
WEIGHTS = np.array([1, 1, 1, -1, -1, -1]) / 3


def every_division(values):
    found = []
    for chosen in itertools.combinations(range(len(values)), 3):
        inside = np.isin(np.arange(len(values)), chosen)
        found.append(values[inside].mean() - values[~inside].mean())
    return np.array(found)


@pytest.mark.parametrize("values", [[6, 5, 4, 3, 2, 1], [3, 1, 6, 2, 5, 4]])
def test_equals_the_share_of_all_divisions(values):
    array = np.array(values, float)
    null = every_division(array)
    exact = np.mean(null >= null[0] - 1e-9)
    found = label_p_value(array, WEIGHTS, key=KEY, draws=4000)
    error = np.sqrt(exact * (1 - exact) / 4000)
    assert abs(found - exact) < 4 * error + 1 / 4000


def test_one_member_against_the_rest_is_one_sided():
    weights = np.array([1, -0.2, -0.2, -0.2, -0.2, -0.2])
    array = np.array([2.0, 9.0, 1.0, 0.0, 0.5, -1.0])
    # only the second member gives more, and the first as much: 2 of 6
    found = label_p_value(array, weights, key=KEY, draws=4000)
    assert abs(found - 1 / 3) < 4 * np.sqrt(2 / 9 / 4000)
    most = label_p_value(-array, weights, key=KEY, draws=4000)
    assert abs(most - 5 / 6) < 4 * np.sqrt(5 / 36 / 4000)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=6))
def test_is_a_share_and_does_not_see_shifts(values):
    array = np.array(values, float)
    found = label_p_value(array, WEIGHTS, key=KEY, draws=100)
    assert 1 / 101 <= found <= 1
    assert label_p_value(array + 5, WEIGHTS, key=KEY, draws=100) == found
    both = found + label_p_value(-array, WEIGHTS, key=KEY, draws=100)
    assert both >= 1  # ties count on both sides


def test_weights_that_are_missing():
    with pytest.raises(ValueError, match=r"^2 values need a weight each, got 3"):
        label_p_value(np.ones(2), np.ones(3), key=KEY)
