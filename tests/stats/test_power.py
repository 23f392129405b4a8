import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.stats.power import check_power, least_number, smallest_detectable


def test_is_the_effect_whose_interval_excludes_zero_that_often():
    # exact power of a two-sided z-test at the effect found, over standard error 1
    half = stats.norm.isf(0.025)
    for power in (0.5, 0.8, 0.95):
        effect = smallest_detectable(-half, half, power=power)
        shown = stats.norm.sf(half - effect) + stats.norm.cdf(-half - effect)
        np.testing.assert_allclose(shown, power, atol=1e-4)  # the far tail: 3e-5


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(-5, 5))
def test_depends_on_the_width_alone(low, width, shift):
    found = smallest_detectable(low, low + width)
    np.testing.assert_allclose(
        found, smallest_detectable(low + shift, low + width + shift), atol=1e-9
    )
    assert abs(found - 0.7147 * width) <= 1e-4 * width + 1e-9  # 1.43 half-widths


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 0.0, 0.8), "from 1.0 to 0.0 is none"),
        ((0.0, float("nan"), 0.8), "is none"),
        ((0.0, 1.0, 1.0), r"must be in \(0, 1\), got 1.0 and 0.95"),
    ],
)
def test_refuses(arguments, message):
    low, high, power = arguments
    with pytest.raises(ValueError, match=message):
        smallest_detectable(low, high, power=power)


@given(st.integers(1, 5), st.integers(1, 3000))
def test_finds_the_least_number_that_is_enough(first, enough):
    tried = []

    def shown(n):
        tried.append(n)
        return 0.5 * n / enough  # exactly 0.5 there

    assert least_number(shown, 0.5, first=first) == max(first, enough)
    assert min(tried) >= first


def test_says_when_no_number_is_enough():
    with pytest.raises(ValueError, match=r"no n up to 100 has power 0\.9"):
        least_number(lambda _: 0.5, 0.9, first=3, most=100)


@pytest.mark.parametrize(
    ("power", "alpha", "message"),
    [
        (0.8, 0.0, "alpha must be above 0 and below 1, got 0"),
        (0.8, float("nan"), "got nan"),
        (0.01, 0.05, r"power must be above alpha \(0.05\), which no effect has"),
        (1.0, 0.05, "and below 1, got 1"),
        (float("nan"), 0.05, "got nan"),
    ],
)
def test_refuses_what_is_no_power(power, alpha, message):
    with pytest.raises(ValueError, match=message):
        check_power(power, alpha)
