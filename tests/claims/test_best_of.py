"""The best against the best: by hand, and how often the interval is wrong."""

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.claims import best_of
from jaxdisp.stats import bootstrap

KEY = jax.random.key(1)
CLUSTERS, OPTIONS, REPEATS = 16, 7, 200
COUNTS = bootstrap.draw_counts(KEY, n_clusters=CLUSTERS) / CLUSTERS
ALL = np.arange(OPTIONS)


def compared(values, here, there):
    """Of options by cluster."""
    mean, replicates = values.mean(axis=1), COUNTS @ values.T
    return best_of.best_difference(
        mean, replicates, here, there, clusters=values.shape[1]
    )


def drawn(seed, means):
    keys = jax.random.split(jax.random.key(seed), 2)
    own = np.asarray(jax.random.normal(keys[0], (OPTIONS, CLUSTERS)), float)
    common = np.asarray(jax.random.normal(keys[1], (CLUSTERS,)), float)
    return np.asarray(means)[:, None] + own + 3 * common


def test_of_one_option_each_it_is_students_interval():
    values = drawn(0, np.zeros(OPTIONS))
    difference = values[2] - values[5]
    value, low, high = compared(values, np.array([2]), np.array([5]))
    assert value == pytest.approx(difference.mean())
    test = scipy.stats.ttest_1samp(difference, 0).confidence_interval()
    # 2000 draws: 2.5 % quantiles are known to 3 % of the width
    assert low == pytest.approx(test.low, abs=0.06 * (test.high - test.low))
    assert high == pytest.approx(test.high, abs=0.06 * (test.high - test.low))


@pytest.mark.parametrize("n_here", [1, 3, 6])
@pytest.mark.parametrize(
    ("means", "true"),
    [
        (np.zeros(OPTIONS), 0.0),
        # nothing here is as good as the two best there, for any number here
        (np.array([0.0, 0, 0, 0, 0, 0, 1.5]), -1.5),
        # one here stands out
        (np.array([1.5, 0, 0, 0, 0, 0, 0]), 1.5),
    ],
)
def test_the_interval_misses_the_truth_as_often_as_it_says(n_here, means, true):
    above = below = 0
    for seed in range(REPEATS):
        _, low, high = compared(drawn(seed, means), ALL[:n_here], ALL[n_here:])
        above += low > true
        below += high < true
    # 2.5 % of 200 is 5, and 11 the 99th percentile; ties are cautious
    assert max(above, below) <= 11


@given(st.integers(0, 100), st.integers(1, 6))
def test_bounds_are_in_order_and_turn_with_the_sides(seed, n_here):
    values = drawn(seed, np.linspace(0, 1, OPTIONS))
    value, low, high = compared(values, ALL[:n_here], ALL[n_here:])
    assert low <= value <= high
    back = compared(values, ALL[n_here:], ALL[:n_here])
    assert back[0] == pytest.approx(-value)
    moved = compared(5 * values + 3, ALL[:n_here], ALL[n_here:])
    np.testing.assert_allclose(moved, [5 * value, 5 * low, 5 * high], rtol=1e-6)


def test_options_without_spread_differ_by_what_they_do():
    values = np.repeat(np.arange(3.0)[:, None], CLUSTERS, axis=1)
    assert compared(values, np.array([2]), np.array([0, 1])) == (1.0, 1.0, 1.0)


def test_both_sides_need_an_option():
    with pytest.raises(ValueError, match="got 0 and 7"):
        compared(drawn(0, np.zeros(OPTIONS)), ALL[:0], ALL)
