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
