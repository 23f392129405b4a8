import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.stats.correlation import rank_correlation, rank_interval

KEY = jax.random.key(0)
X = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0])
Y = np.array([2.0, 7.0, 1.0, 8.0, 2.0, 0.0, 6.0])


def test_estimate_is_spearmans():
    found = rank_correlation(X, Y, key=KEY)
    np.testing.assert_allclose(found.estimate, stats.spearmanr(X, Y).statistic)
    assert found.n == 7


def test_p_value_is_the_share_of_all_orders():
    x, y = X[:6], Y[:6]
    observed = abs(stats.spearmanr(x, y).statistic)
    orders = [
        abs(stats.spearmanr(x, np.array(order)).statistic)
        for order in itertools.permutations(y)
    ]
    exact = np.mean(np.array(orders) >= observed - 1e-9)
    found = rank_correlation(x, y, key=KEY, draws=20_000)
    # four standard errors of 20,000 draws
    error = np.sqrt(exact * (1 - exact) / 20_000)
    np.testing.assert_allclose(found.p_value, exact, atol=4 * error + 1e-4)
    assert found.null_low < 0 < found.null_high


def test_interval_covers_in_normal_samples():
    """Bonett and Wright report close to 95 % for n = 25 and a correlation of .6."""
    draws = np.asarray(jax.random.normal(KEY, (2, 1500, 25)), np.float64)
    x, y = draws[0], 0.6 * draws[0] + 0.8 * draws[1]
    true = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a normal pair
    inside = 0
    for one, other in zip(x, y, strict=True):
        low, high = rank_interval(stats.spearmanr(one, other).statistic, 25)
        inside += low <= true <= high
    assert 0.93 < inside / 1500 < 0.975


@given(st.permutations(range(8)), st.integers(0, 3))
def test_what_a_monotone_map_and_an_order_do(order, power):
    x, y = np.arange(8.0), np.array(order, float)
    found = rank_correlation(x, y, key=KEY, draws=100)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert found.high - found.low > 0.02
    again = rank_correlation(x, np.exp(power * y / 4 + y / 8), key=KEY, draws=100)
    np.testing.assert_allclose(again.estimate, found.estimate, atol=1e-12)
    turned = rank_correlation(x, -y, key=KEY, draws=100)
    np.testing.assert_allclose(turned.estimate, -found.estimate, atol=1e-12)
    np.testing.assert_allclose(turned.high, -found.low, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:4], Y[:4], "at least 5 points"),
        (X, np.full(7, 2.0), "constant correlates with nothing"),
        (X, np.where(Y == 7, np.nan, Y), "finite"),
    ],
)
def test_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        rank_correlation(x, y, key=KEY)


def test_refuses_an_interval_of_few():
    with pytest.raises(ValueError, match="at least 5 points, got 4"):
        rank_interval(0.5, 4)
