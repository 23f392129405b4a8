"""Corrected p-values against the step-down procedure, one level at a time."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from jaxdisp.stats import multiplicity
from jaxdisp.stats.multiplicity import holm

P_VALUES = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])),
    min_size=1,
    max_size=6,
)


def rejected(p_values, level):
    """Holm's procedure: rejects from the smallest on, until one is too large."""
    waiting = sorted(range(len(p_values)), key=lambda place: p_values[place])
    found = set()
    while waiting and p_values[waiting[0]] * len(waiting) <= level:
        found.add(waiting.pop(0))
    return found


@hypothesis.given(P_VALUES, st.floats(0.001, 0.999))
def test_what_is_below_a_level_is_what_the_procedure_rejects(p_values, level):
    found = holm(np.array(p_values))
    hypothesis.assume(np.min(np.abs(found - level)) > 1e-9)
    expected = rejected(p_values, level)
    # of equal p-values the procedure may reject one and keep the other in name only
    assert {place for place, p in enumerate(found) if p <= level} == expected


@hypothesis.given(P_VALUES)
def test_corrected_values_lie_between_the_raw_and_bonferronis(p_values):
    raw = np.array(p_values)
    found = holm(raw)
    assert np.all(found >= raw)
    assert np.all(found <= np.minimum(1, len(raw) * raw) + 1e-15)
    assert np.all(np.diff(found[np.argsort(raw, kind="stable")]) >= 0)


def test_a_worked_example():
    # Holm 1979 by hand: 4 x .005, 3 x .01, 2 x .03, then no less than before
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02], rtol=1e-15)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(np.array([0.5, p]))


def stepped_up(p_values, factor):
    """Benjamini and Hochberg's procedure, tried at every level that could matter."""
    m = len(p_values)
    found = np.ones(m)
    levels = sorted({p * factor * m / k for p in p_values for k in range(1, m + 1)})
    for level in reversed([level for level in levels if level <= 1]):
        ranked = sorted(p_values)
        enough = [
            k
            for k in range(1, m + 1)
            if ranked[k - 1] * factor * m / k <= level * (1 + 1e-12)
        ]
        if enough:
            found[np.array(p_values) <= ranked[max(enough) - 1]] = level
    return found


@hypothesis.given(P_VALUES)
def test_false_discoveries_are_as_the_procedure_says(p_values):
    raw = np.array(p_values)
    np.testing.assert_allclose(
        multiplicity.benjamini_hochberg(raw), stepped_up(p_values, 1.0), atol=1e-12
    )
    harmonic = sum(1 / k for k in range(1, len(raw) + 1))
    np.testing.assert_allclose(
        multiplicity.benjamini_yekutieli(raw),
        stepped_up(p_values, harmonic),
        atol=1e-12,
    )


@pytest.mark.parametrize(
    "p_values",
    [[0.01, 0.04, 0.03, 0.005], [0.2], [0.0, 0.0, 1.0, 0.5, 0.01, 0.02], 9 * [0.05]],
)
def test_procedures_are_as_statsmodels_says(p_values):
    raw = np.array(p_values)
    for name, ours in (
        ("bonferroni", multiplicity.bonferroni),
        ("holm", multiplicity.holm),
        ("fdr_bh", multiplicity.benjamini_hochberg),
        ("fdr_by", multiplicity.benjamini_yekutieli),
    ):
        expected = multipletests(raw, method=name)[1]
        np.testing.assert_allclose(ours(raw), expected, atol=1e-12)


@pytest.mark.parametrize(
    "procedure",
    [
        multiplicity.bonferroni,
        multiplicity.benjamini_hochberg,
        multiplicity.benjamini_yekutieli,
    ],
)
def test_no_p_values_and_what_is_none(procedure):
    with pytest.raises(ValueError, match="there are no p-values to correct"):
        procedure(np.array([]))
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="must be between 0 and 1"):
            procedure(np.array([0.5, p]))


ENDS = st.floats(-5, 5)


@hypothesis.given(
    ENDS, st.floats(0.01, 3), st.floats(0.01, 3), ENDS, st.floats(0.5, 0.99)
)
def test_a_p_value_is_small_just_where_the_interval_excludes(
    middle, down, up, null, level
):
    low, high = middle - down, middle + up
    hypothesis.assume(min(abs(low - null), abs(high - null)) > 1e-6)
    p = multiplicity.interval_p_value(middle, low, high, null=null, level=level)
    assert (p < 1 - level) == (null < low or null > high)
    assert 0 <= p <= 1


@pytest.mark.parametrize("z", [-3.0, -1.0, 0.0, 0.5, 2.5])
def test_the_p_value_of_a_normal_interval_is_that_of_a_z_test(z):
    half = stats.norm.isf(0.025) * 2.0
    estimate = 1.0 + 2.0 * z
    p = multiplicity.interval_p_value(
        estimate, estimate - half, estimate + half, null=1.0
    )
    assert p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


def test_p_values_of_intervals_that_are_not_normal():
    def of(estimate, low, high, null):
        return multiplicity.interval_p_value(estimate, low, high, null=null)

    assert of(2.0, 1.0, math.inf, 1.0) == pytest.approx(0.05)
    assert of(2.0, 1.0, math.inf, 3.0) == 1.0
    assert of(2.0, -math.inf, math.inf, 3.0) == 1.0
    assert of(2.0, 2.0, 2.0, 2.0) == 1.0
    assert of(2.0, 2.0, 2.5, 1.0) == 0.0
    assert of(9.0, 1.0, 3.0, 1.0) == pytest.approx(0.05)  # from the middle


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((0.0, 1.0, 0.0, 0.0, 0.95), "from 1.0 to 0.0 is none"),
        ((0.0, math.nan, 0.0, 0.0, 0.95), "is none"),
        ((math.nan, 0.0, 1.0, 0.0, 0.95), "needs finite numbers, got nan against 0"),
        ((0.0, 0.0, 1.0, 0.0, 1.0), r"must be in \(0, 1\), got 1"),
    ],
)
def test_intervals_without_a_p_value(given_, message):
    estimate, low, high, null, level = given_
    with pytest.raises(ValueError, match=message):
        multiplicity.interval_p_value(estimate, low, high, null=null, level=level)
