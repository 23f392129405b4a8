"""Curves of loss by bits: which points count, and how steep they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.measure import rate_curves
from tests.models import small

BITS = np.arange(2.0, 9.0)
GROUPS = np.repeat(np.arange(6), 2)


def losses(slope=-1.4, scatter=0.1, seed=0, level=1e3):
    mean = level * np.exp(slope * BITS)
    noise = small.normal("losses", (len(GROUPS), len(BITS)), seed)
    return mean * (1 + scatter * noise.astype(np.float64))


def test_means_without_each_text():
    values = losses()
    mean, left_out = rate_curves.text_means(values, GROUPS)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    for text in range(6):
        np.testing.assert_allclose(left_out[text], values[text != GROUPS].mean(axis=0))
    with pytest.raises(ValueError, match="at least 2 texts, got 1"):
        rate_curves.text_means(values, 0 * GROUPS)


def test_collapse_is_nine_tenths_of_a_uniform_guess():
    loss = np.array([[9.0, 17.9], [9.2, 18.5]])
    found = rate_curves.collapsed(loss, np.array([10.0, 20.0]), round(np.e))
    limit = 0.9 * np.log(3)
    np.testing.assert_array_equal(found, loss / [10, 20] > limit)
    assert rate_curves.collapsed(loss, np.array([1.0, 2.0]), 2000)[0, 0]


def test_points_count_up_to_the_first_that_cannot_be_told_from_zero():
    values = losses()
    values[:, 4] = np.resize([1.0, -1.0, -0.9], len(GROUPS))
    usable = np.array([False] + [True] * 6)
    found = rate_curves.counted(BITS, *rate_curves.text_means(values, GROUPS), usable)
    np.testing.assert_array_equal(found.kept, [0, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.bits, BITS[1:4])
    np.testing.assert_allclose(found.log, np.log(values.mean(axis=0)[1:4]))
    # a single text on the other side is enough
    values = losses()
    values[GROUPS == 0, 3] = 40 * values[:, 3].mean()
    values[GROUPS != 0, 3] *= -0.1
    found = rate_curves.counted(BITS, *rate_curves.text_means(values, GROUPS), usable)
    assert found.kept.sum() == 2


@given(
    slope=st.floats(-2, -0.1), seed=st.integers(0, 20), unit=st.sampled_from([1e-3, 50])
)
def test_slopes_equal_scipy_and_know_no_unit(slope, seed, unit):
    values = losses(slope, seed=seed)
    usable = np.ones(7, bool)
    curve = rate_curves.counted(BITS, *rate_curves.text_means(values, GROUPS), usable)
    estimate, (low, high) = rate_curves.slope(curve)
    expected = stats.linregress(BITS, np.log(values.mean(axis=0))).slope
    np.testing.assert_allclose(estimate, expected, rtol=1e-9)
    left = [
        stats.linregress(BITS, np.log(values[g != GROUPS].mean(axis=0))).slope
        for g in range(6)
    ]
    s = np.sqrt(5 / 6 * np.sum((left - np.mean(left)) ** 2))
    bounds = expected + stats.t.ppf([0.025, 0.975], 5) * s
    np.testing.assert_allclose([low, high], bounds, rtol=1e-7)
    other = rate_curves.counted(
        BITS, *rate_curves.text_means(unit * values, GROUPS), usable
    )
    np.testing.assert_allclose(rate_curves.slope(other)[0], estimate, rtol=1e-9)


def test_ratios_are_of_points_that_both_have():
    usable = np.ones(7, bool)
    one, other = losses(-1.0), losses(-1.5, seed=1)
    shorter = usable & (BITS > 3)
    low = rate_curves.counted(BITS, *rate_curves.text_means(one, GROUPS), usable)
    high = rate_curves.counted(BITS, *rate_curves.text_means(other, GROUPS), shorter)
    found = rate_curves.ratio(low, high, BITS)
    np.testing.assert_array_equal(found.kept, shorter)
    expected = np.log(one.mean(axis=0) / other.mean(axis=0))[2:]
    np.testing.assert_allclose(found.log, expected, rtol=1e-9)
    np.testing.assert_allclose(rate_curves.slope(found)[0], 0.5, atol=0.1)
    back = rate_curves.ratio(high, low, BITS)
    np.testing.assert_allclose(back.log_left_out, -found.log_left_out)
