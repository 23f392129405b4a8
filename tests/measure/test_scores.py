"""The notes' fair-efficiency score: as printed, and what is wrong with it."""

import fractions
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure import scores

POSITIVE = st.floats(0.01, 100.0)


def array(*values):
    return np.array(values, np.float64)


def test_printed_scores_reproduce():
    # RESULTS_PAPER_DRAFT.md, section 3.5: efficiency, disparity, printed score
    rows = [
        (1.0, 1.0, 1.000),
        (2.8, 4.24, 0.813),
        (2.4, 2.50, 0.980),
        (1.8, 1.82, 0.994),
    ]
    for gain, disparity, printed in rows:
        found = scores.fair_efficiency(array(gain), array(disparity))[0]
        # half a unit of the last printed digit
        assert abs(found - printed) <= 5e-4
    # its row "INT4 + L0 only" was rounded down: .91287
    found = scores.fair_efficiency(array(2.6), array(3.12))[0]
    assert found == pytest.approx(math.sqrt(2.6 / 3.12), rel=1e-15)


def test_int8_beats_the_gateway():
    gain, disparity = array(2.4, 1.8), array(2.50, 1.82)
    gateway, int8 = scores.fair_efficiency(gain, disparity)
    assert int8 > gateway


def test_the_other_printed_score_needs_another_disparity():
    behind = scores.disparity_behind(array(1.064), array(2.4))[0]
    assert abs(behind - 2.12) < 5e-3
    assert abs(1 / behind - 0.47) < 5e-3
    assert abs(behind - 2.50) > 0.3


def test_a_broken_model_scores_four_times_full_precision():
    assert scores.uniformly_broken(1.0) == 4.0
    assert scores.uniformly_broken(16.0) == 1.0
    assert scores.uniformly_broken(1.0, full_bits=32.0) == pytest.approx(32**0.5)


def test_losing_a_thousand_times_more_changes_nothing():
    low, high, gain = array(0.3, 0.5), array(0.2, 0.1), array(2.0, 4.0)
    mild, wild = (
        scores.fair_efficiency(gain, scores.ratio(low * factor, high * factor))
        for factor in (1.0, 1000.0)
    )
    np.testing.assert_allclose(mild, wild, rtol=1e-15)


def test_the_unit_decides_the_order():
    # A: large losses, nearly equal; B: small losses, a larger ratio
    low, high, gain = array(4.0, 0.03), array(2.0, 0.012), array(4.0, 4.0)
    by_nats, by_perplexity = (
        scores.fair_efficiency(gain, scores.ratio(low, high, unit=unit))
        for unit in scores.UNITS
    )
    assert by_nats[0] > by_nats[1]
    assert by_perplexity[0] < by_perplexity[1]
    assert scores.turned_round(by_nats, by_perplexity) == 1


def test_ratios_in_both_units():
    low, high = array(9.0), array(4.0)
    assert scores.ratio(low, high)[0] == 2.25
    exact = math.expm1(9.0) / math.expm1(4.0)
    found = scores.ratio(low, high, unit="perplexity")[0]
    assert found == pytest.approx(exact, rel=1e-14)
    # small losses have the same ratio in both
    tiny = scores.ratio(low * 1e-9, high * 1e-9, unit="perplexity")[0]
    assert tiny == pytest.approx(2.25, rel=1e-7)


def test_capped_fairness_is_at_most_one():
    np.testing.assert_array_equal(scores.fairness(array(0.5, 1, 4)), [2, 1, 0.25])
    capped = scores.fairness(array(0.5, 1, 4), capped=True)
    np.testing.assert_array_equal(capped, [1, 1, 0.25])
    # without the cap, harming the language that loses least pays
    free, held = (
        scores.fair_efficiency(array(4.0), array(0.25), capped=capped)[0]
        for capped in (False, True)
    )
    assert (free, held) == (4.0, 2.0)


@settings(max_examples=50, deadline=None)
@given(POSITIVE, POSITIVE)
def test_undoing_the_score_gives_the_disparity(gain, disparity):
    score = scores.fair_efficiency(array(gain), array(disparity))
    back = scores.disparity_behind(score, array(gain))[0]
    # a square root and a square in float64
    assert back == pytest.approx(disparity, rel=1e-14)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=6))
def test_orders_as_the_quotient_does(rows):
    gain, disparity = array(*(x for x, _ in rows)), array(*(y for _, y in rows))
    score = scores.fair_efficiency(gain, disparity)
    for i, j in itertools.combinations(range(len(rows)), 2):
        exact = [
            fractions.Fraction(gain[k]) / fractions.Fraction(disparity[k])
            for k in (i, j)
        ]
        # quotients that differ by no more than rounding have no order in float64
        if abs(exact[0] / exact[1] - 1) > 1e-12:
            assert (score[i] < score[j]) == (exact[0] < exact[1])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=7)
)
def test_turned_pairs_are_counted_one_by_one(pairs):
    one, other = (array(*map(float, column)) for column in zip(*pairs, strict=True))
    counted = sum(
        (a[0] < b[0] and a[1] > b[1]) or (a[0] > b[0] and a[1] < b[1])
        for a, b in itertools.combinations(pairs, 2)
    )
    assert scores.turned_round(one, other) == counted


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_refuses_what_has_no_score(wrong):
    good, bad = array(1.0), array(wrong)
    with pytest.raises(ValueError, match="disparity must be"):
        scores.fair_efficiency(good, bad)
    with pytest.raises(ValueError, match="efficiency must be"):
        scores.fair_efficiency(bad, good)
    with pytest.raises(ValueError, match="bits per weight"):
        scores.efficiency(bad)
    with pytest.raises(ValueError, match="score must be"):
        scores.disparity_behind(bad, good)
    with pytest.raises(ValueError, match="high side"):
        scores.ratio(good, bad)
    with pytest.raises(ValueError, match="low side"):
        scores.ratio(bad, good, unit="perplexity")


def test_refuses_other_units_and_nan():
    with pytest.raises(ValueError, match="nats, perplexity"):
        scores.ratio(array(1.0), array(1.0), unit="bits")
    with pytest.raises(ValueError, match="full_bits"):
        scores.efficiency(array(4.0), full_bits=0.0)
    with pytest.raises(ValueError, match="NaN"):
        scores.turned_round(array(1.0, math.nan), array(1.0, 2.0))
