"""Power of t tests against statsmodels, pingouin and simulation."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import power as peer

from jaxdisp.stats import t_test_power

SIDES = st.sampled_from(["one", "two"])
ALTERNATIVE = {"one": "larger", "two": "two-sided"}


@given(st.floats(0.05, 1.5), st.integers(2, 80), st.floats(0.001, 0.3), SIDES)
def test_pairs_are_as_statsmodels_says(effect, n, alpha, sides):
    found = t_test_power.paired(effect, n, alpha=alpha, sides=sides)
    expected = peer.TTestPower().power(effect, n, alpha, alternative=ALTERNATIVE[sides])
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sides", ["one", "two"])
def test_sizes_and_effects_are_as_statsmodels_says(sides):
    for effect in (0.3, 0.8, 2.0):
        expected = peer.TTestPower().solve_power(
            effect, None, 0.05, 0.9, ALTERNATIVE[sides]
        )
        found = t_test_power.pairs_needed(effect, 0.9, sides=sides)
        assert found == math.ceil(expected)
    expected = peer.TTestPower().solve_power(None, 12, 0.05, 0.8, ALTERNATIVE[sides])
    found = t_test_power.smallest_difference(12, 0.8, sides=sides)
    assert found == pytest.approx(expected, abs=1e-6)  # the peer's search ends there


def test_pairs_are_as_pingouin_says():
    pingouin = pytest.importorskip("pingouin")
    expected = pingouin.power_ttest(d=0.5, n=20, alpha=0.05, contrast="paired")
    assert t_test_power.paired(0.5, 20) == pytest.approx(expected, abs=1e-9)


def test_pairs_are_as_simulated():
    draws, n, effect = 40_000, 9, 0.9
    drawn = np.asarray(jax.random.normal(jax.random.key(5), (draws, n))) + effect
    p = stats.ttest_1samp(drawn, 0, axis=1).pvalue
    expected = t_test_power.paired(effect, n)
    error = math.sqrt(expected * (1 - expected) / draws)
    # four standard errors: wrong once in 16 000 seeds
    assert abs(np.mean(p < 0.05) - expected) < 4 * error


@given(st.floats(-8, 8), st.floats(1, 1e5), st.floats(1e-6, 0.5), SIDES)
def test_is_a_probability_that_grows_with_the_effect(effect, df, alpha, sides):
    here = t_test_power.power(effect, df, alpha=alpha, sides=sides)
    assert alpha - 1e-9 <= here <= 1 + 1e-9
    assert t_test_power.power(-effect, df, alpha=alpha, sides=sides) == here
    more = t_test_power.power(abs(effect) + 0.5, df, alpha=alpha, sides=sides)
    assert more >= here - 1e-9


@given(st.integers(2, 200), st.floats(0.3, 0.99), SIDES)
def test_the_smallest_difference_has_the_power_wanted(n, wanted, sides):
    effect = t_test_power.smallest_difference(n, wanted, sides=sides)
    found = t_test_power.paired(effect, n, sides=sides)
    assert found == pytest.approx(wanted, abs=1e-8)


@given(st.floats(0.05, 4), st.floats(0.3, 0.99))
def test_the_size_found_is_enough_and_one_less_is_not(effect, wanted):
    n = t_test_power.pairs_needed(effect, wanted)
    assert t_test_power.paired(effect, n) >= wanted
    assert n == 2 or t_test_power.paired(effect, n - 1) < wanted


REFUSED = [
    (lambda: t_test_power.power(math.inf, 5), "an effect must be finite, got inf"),
    (lambda: t_test_power.power(1.0, 0), "degrees of freedom above 0, got 0"),
    (lambda: t_test_power.power(1.0, 5, alpha=1.5), "below 1, got 1.5"),
    (lambda: t_test_power.power(1e6, 1, alpha=1e-9), "too far out for float64"),
    (lambda: t_test_power.paired(0.5, 1), "at least 2 pairs, got 1"),
    (lambda: t_test_power.pairs_needed(0.0, 0.8), "the difference is 0"),
    (lambda: t_test_power.pairs_needed(0.5, 0.05), r"above alpha \(0.05\)"),
    (lambda: t_test_power.smallest_difference(1, 0.8), "at least 2 pairs"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
