"""Equivalence against statsmodels, pingouin and all points of an interval."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from jaxdisp.stats import equivalence
from jaxdisp.stats.equivalence import margin_left


def test_whole_interval_within_beyond_and_across():
    def of(low, high):
        return margin_left((low + high) / 2, (low, high), target=1.0, margin=0.5)

    assert of(0.75, 1.25) == (0.5, (0.25, 0.5))
    assert of(2.0, 3.0) == (-1.0, (-1.5, -0.5))
    assert of(-2.0, 0.0) == (-1.5, (-2.5, -0.5))
    assert of(1.25, 1.75) == (0.0, (-0.25, 0.25))


# quarters, so that differences are exact
quarters = st.integers(-20, 20).map(lambda number: number / 4)


@given(a=quarters, b=quarters, target=quarters)
def test_bounds_are_the_least_and_the_largest_over_the_interval(a, b, target):
    low, high = min(a, b), max(a, b)
    points = [low + (high - low) * k / 64 for k in range(65)]
    if low <= target <= high:
        points.append(target)
    values = [0.5 - abs(x - target) for x in points]
    effect, bounds = margin_left(low, (low, high), target=target, margin=0.5)
    assert bounds == (min(values), max(values))
    assert effect == 0.5 - abs(low - target)


def test_refuses_what_is_no_interval_or_margin():
    with pytest.raises(ValueError, match=r"from 2.0 to 1.0 is none"):
        margin_left(1.0, (2.0, 1.0), target=0.0, margin=1.0)
    with pytest.raises(ValueError, match=r"must be positive, got 0.0"):
        margin_left(1.0, (1.0, 2.0), target=0.0, margin=0.0)


KEYS = jax.random.split(jax.random.key(0))
ONE, OTHER = (np.asarray(jax.random.normal(key, (15,)), np.float64) for key in KEYS)
MARGINS = (0.1, 0.6, 1.5)
BOUNDS = "low", "high"


def bounds(found):
    return [getattr(found, name) for name in BOUNDS]


@pytest.mark.parametrize("margin", MARGINS)
def test_pairs_are_as_statsmodels_and_pingouin_say(margin):
    found = equivalence.paired(ONE, OTHER, margin=margin)
    p_value, *_ = ttost_paired(ONE, OTHER, -margin, margin)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    pingouin = pytest.importorskip("pingouin")
    expected = pingouin.tost(ONE, OTHER, bound=margin, paired=True)["pval"].iloc[0]
    assert found.p_value == pytest.approx(expected, rel=1e-9)
    gaps = stats.ttest_rel(ONE, OTHER).confidence_interval(0.9)
    np.testing.assert_allclose(bounds(found), gaps, rtol=1e-9)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("equal", [True, False])
def test_groups_are_as_statsmodels_says(margin, equal):
    one, other = ONE, 2 * OTHER[:9]
    found = equivalence.two_groups(one, other, margin=margin, equal_variances=equal)
    usevar = "pooled" if equal else "unequal"
    p_value, *_ = ttost_ind(one, other, -margin, margin, usevar=usevar)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    gaps = stats.ttest_ind(one, other, equal_var=equal).confidence_interval(0.9)
    np.testing.assert_allclose(bounds(found), gaps, rtol=1e-9)


def test_correlations_by_hand():
    found = equivalence.correlation(0.1, 200, margin=0.25)
    z = (math.atanh(0.25) - math.atanh(0.1)) * math.sqrt(197)
    assert found.p_value == pytest.approx(stats.norm.sf(z))
    half = stats.norm.isf(0.05) / math.sqrt(197)
    expected = np.tanh([math.atanh(0.1) - half, math.atanh(0.1) + half])
    np.testing.assert_allclose(bounds(found), expected)
    assert found.verdict == "equivalent"
    assert equivalence.correlation(0.6, 200, margin=0.25).verdict == "different"
    assert equivalence.correlation(-0.1, 12, margin=0.25).verdict == "undecided"


@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=12).map(np.array),
    st.floats(0.01, 10),
    st.floats(0.01, 0.4),
)
def test_verdict_p_value_and_smallest_margin_agree(values, margin, alpha):
    if values.std() < 0.01:
        return
    zero = np.zeros(len(values))
    found = equivalence.paired(values, zero, margin=margin, alpha=alpha)
    if abs(found.smallest_margin - margin) < 1e-9:
        return
    equal = found.verdict == "equivalent"
    assert equal == (found.p_value < alpha) == (margin > found.smallest_margin)
    assert found.low < found.estimate < found.high
    more = equivalence.paired(
        values, zero, margin=1.001 * found.smallest_margin, alpha=alpha
    )
    assert more.verdict == "equivalent"
    swapped = equivalence.paired(zero, values, margin=margin, alpha=alpha)
    assert swapped.verdict == found.verdict
    assert swapped.p_value == pytest.approx(found.p_value)


def test_means_on_the_margin_are_found_equivalent_as_often_as_alpha():
    draws, n = 1500, 40
    drawn = np.asarray(jax.random.normal(jax.random.key(2), (draws, n)), np.float64)
    zero = np.zeros(n)
    found = [
        equivalence.paired(each + 1.0, zero, margin=1.0).verdict == "equivalent"
        for each in drawn
    ]
    # four binomial standard errors
    assert abs(np.mean(found) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / draws)


def test_any_interval_decides():
    def of(low, high):
        return equivalence.of_interval((low + high) / 2, (low, high), margin=0.5)

    assert of(-0.1, 0.4).verdict == "equivalent"
    assert of(-0.1, 0.4).smallest_margin == 0.4
    assert of(-0.1, 0.4).p_value is None
    assert of(0.6, 0.9).verdict == "different"
    assert of(-0.9, -0.6).verdict == "different"
    assert of(0.4, 0.6).verdict == "undecided"
    around = equivalence.of_interval(1.0, (0.9, 1.2), target=1.0, margin=0.3)
    assert around.verdict == "equivalent"
    assert around.smallest_margin == pytest.approx(0.2)


CONSTANT = np.full(5, 0.5)
REFUSED = [
    (lambda: equivalence.paired(ONE, OTHER[:9], margin=1.0), "got 15 and 9"),
    (lambda: equivalence.paired(ONE[:1], OTHER[:1], margin=1.0), "at least 2 values"),
    (lambda: equivalence.paired(ONE * np.nan, OTHER, margin=1.0), "finite values"),
    (lambda: equivalence.paired(ONE, ONE, margin=1.0), "do not vary"),
    (lambda: equivalence.paired(ONE, OTHER, margin=0.0), "must be positive, got 0"),
    (lambda: equivalence.paired(ONE, OTHER, margin=1.0, alpha=0.5), "below 0.5"),
    (lambda: equivalence.two_groups(CONSTANT, CONSTANT, margin=1.0), "do not vary"),
    (lambda: equivalence.correlation(1.0, 9, margin=0.2), "r must be above -1"),
    (lambda: equivalence.correlation(0.1, 3, margin=0.2), "at least 4 points, got 3"),
    (
        lambda: equivalence.correlation(0.1, 9, margin=1.0),
        "margin of r must be above 0",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
