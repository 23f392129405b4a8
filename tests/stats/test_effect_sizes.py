"""Effect sizes against pingouin, statsmodels and intervals that are inverted tests."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import effect_size as peer

from jaxdisp.stats import effect_sizes

ONE = np.array([3.1, 2.4, 4.0, 3.3, 2.9, 3.8, 3.0])
OTHER = np.array([2.2, 2.6, 2.9, 2.1, 2.8, 2.5, 3.1])

samples = st.lists(st.floats(-10, 10), min_size=4, max_size=12).map(np.array)


def bounds(effect):
    return effect.low, effect.high


def test_pooled_is_as_pingouin_says():
    pingouin = pytest.importorskip("pingouin")
    found = effect_sizes.pooled(ONE, OTHER[:5])
    expected = pingouin.compute_effsize(ONE, OTHER[:5], eftype="cohen")
    assert found.d.estimate == pytest.approx(expected, rel=1e-12)
    expected = pingouin.compute_effsize(ONE, OTHER[:5], eftype="hedges")
    # which takes 1 - 3 / (4 f - 1) for the factor: off by 0.1 % at 10 degrees
    assert found.g.estimate == pytest.approx(expected, rel=2e-3)


def test_paired_is_as_pingouin_says():
    pingouin = pytest.importorskip("pingouin")
    found = effect_sizes.paired(ONE, OTHER)
    expected = pingouin.compute_effsize(ONE, OTHER, paired=True, eftype="cohen")
    assert found.d_av.estimate == pytest.approx(expected, rel=1e-12)
    t = stats.ttest_rel(ONE, OTHER).statistic
    assert found.d_z.estimate == pytest.approx(t / math.sqrt(7), rel=1e-12)


def test_correlation_is_as_pingouin_says():
    pingouin = pytest.importorskip("pingouin")
    found = effect_sizes.correlation(ONE, OTHER)
    r = np.corrcoef(ONE, OTHER)[0, 1]
    assert found.estimate == pytest.approx(r, rel=1e-12)
    expected = pingouin.compute_esci(stat=r, nx=7, ny=7, eftype="r", decimals=12)
    np.testing.assert_allclose(bounds(found), expected, atol=1e-11)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_intervals_of_d_are_as_statsmodels_says(level):
    found = effect_sizes.pooled(ONE, OTHER[:5], level=level).d
    root = math.sqrt(7 * 5 / 12)
    close = {"rtol": 1e-6}  # where the peer's search ends
    expected = peer._noncentrality_t(found.estimate * root, 10, alpha=1 - level)
    np.testing.assert_allclose(
        bounds(found), np.array(expected.confint) / root, **close
    )
    found = effect_sizes.paired(ONE, OTHER, level=level).d_z
    expected = peer._noncentrality_t(found.estimate * 7**0.5, 6, alpha=1 - level)
    np.testing.assert_allclose(
        bounds(found), np.array(expected.confint) / 7**0.5, **close
    )


def test_the_interval_of_d_covers():
    n, delta, draws = 6, 1.0, 600
    drawn = np.asarray(jax.random.normal(jax.random.key(0), (draws, 2, n)), np.float64)
    held = 0
    for one, other in drawn:
        effect = effect_sizes.pooled(one + delta, other, level=0.9).d
        held += effect.low <= delta <= effect.high
    # four binomial standard errors
    assert abs(held / draws - 0.9) < 4 * math.sqrt(0.09 / draws)


def test_hedges_g_has_no_bias_and_d_has():
    n, delta, draws = 5, 1.0, 4000
    drawn = np.asarray(jax.random.normal(jax.random.key(1), (draws, 2, n)), np.float64)
    one, other = drawn[:, 0] + delta, drawn[:, 1]
    spread = np.sqrt((one.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / 2)
    d = (one.mean(axis=1) - other.mean(axis=1)) / spread
    error = d.std() / math.sqrt(draws)
    assert d.mean() - delta > 4 * error
    assert abs(effect_sizes.correction(8) * d.mean() - delta) < 4 * error


def test_the_factor_is_near_its_usual_approximation():
    for df in (5, 20, 1000):
        expected = 1 - 3 / (4 * df - 1)
        assert effect_sizes.correction(df) == pytest.approx(expected, abs=0.04 / df**2)


@given(samples, samples, st.floats(0.1, 50), st.floats(-50, 50))
def test_standardized_differences_have_no_unit(one, other, scale, shift):
    if one.std() + other.std() < 0.1:
        return
    here = effect_sizes.pooled(one, other).d
    moved = effect_sizes.pooled(scale * one + shift, scale * other + shift).d
    assert moved.estimate == pytest.approx(here.estimate, rel=1e-6, abs=1e-6)
    swapped = effect_sizes.pooled(other, one).d
    assert swapped.estimate == pytest.approx(-here.estimate)
    np.testing.assert_allclose(bounds(swapped), (-here.high, -here.low), atol=1e-7)
    assert here.low < here.estimate < here.high


def test_paired_differences_are_two_quantities():
    """Sides that go together: d_z is large, as differences hardly vary."""
    base = np.linspace(0, 10, 9)
    other = base + np.tile([0.1, -0.1, 0.0], 3)
    found = effect_sizes.paired(base + 1.0, other)
    assert found.d_z.estimate > 20 * found.d_av.estimate
    ratio = found.d_av.estimate / found.d_z.estimate
    np.testing.assert_allclose(
        bounds(found.d_av), np.multiply(ratio, bounds(found.d_z)), rtol=1e-12
    )
    np.testing.assert_allclose(
        found.g_av.estimate, effect_sizes.correction(8) * found.d_av.estimate
    )


def test_log_ratios_by_hand():
    found = effect_sizes.log_ratio(ONE, OTHER, of_pairs=False)
    shares = [x.var(ddof=1) / 7 / x.mean() ** 2 for x in (ONE, OTHER)]
    df = sum(shares) ** 2 / sum(share**2 / 6 for share in shares)
    half = stats.t.isf(0.025, df) * math.sqrt(sum(shares))
    estimate = math.log(ONE.mean() / OTHER.mean())
    np.testing.assert_allclose(
        (found.estimate, found.low, found.high),
        (estimate, estimate - half, estimate + half),
        rtol=1e-12,
    )
    # the delta method of pairs: residuals of each pair
    residuals = ONE / ONE.mean() - OTHER / OTHER.mean()
    error = residuals.std(ddof=1) / math.sqrt(7)
    found = effect_sizes.log_ratio(ONE, OTHER, of_pairs=True)
    assert found.high - found.estimate == pytest.approx(stats.t.isf(0.025, 6) * error)


def test_proportional_pairs_have_a_certain_ratio():
    found = effect_sizes.log_ratio(3 * ONE, ONE, of_pairs=True)
    assert found.estimate == pytest.approx(math.log(3))
    assert found.high - found.low < 1e-6  # rounding of a variance of 0


def test_the_interval_of_a_log_ratio_covers():
    draws, n = 1500, 12
    drawn = np.asarray(jax.random.normal(jax.random.key(2), (draws, 2, n)), np.float64)
    held = 0
    for one, other in drawn:
        found = effect_sizes.log_ratio(6 + one, 4 + other, of_pairs=False)
        held += found.low <= math.log(1.5) <= found.high
    assert 0.93 < held / draws < 0.97  # 3.5 binomial standard errors


NUMBER = np.array([4.24])
CONSTANT = np.full(5, 2.0)
REFUSED = [
    (lambda: effect_sizes.pooled(NUMBER, ONE), "a single number, a ratio or a percent"),
    (lambda: effect_sizes.pooled(CONSTANT, CONSTANT), "that do not vary"),
    (lambda: effect_sizes.pooled(ONE * np.nan, ONE), "needs finite values"),
    (lambda: effect_sizes.pooled(ONE, OTHER, level=1.0), r"level must be in \(0, 1\)"),
    (lambda: effect_sizes.paired(ONE, OTHER[:5]), "as many values, got 7 and 5"),
    (lambda: effect_sizes.paired(ONE, ONE + 0.1), "that do not vary"),
    (lambda: effect_sizes.paired(ONE[:2], OTHER[:2]), "it takes 3 pairs or more"),
    (lambda: effect_sizes.correction(1), "d of 1 degrees of freedom has no mean"),
    (lambda: effect_sizes.correlation(ONE[:3], OTHER[:3]), "at least 4 points, got 3"),
    (lambda: effect_sizes.correlation(CONSTANT, ONE[:5]), "correlates with nothing"),
    (lambda: effect_sizes.correlation(ONE, 2 * ONE), "points on a line"),
    (
        lambda: effect_sizes.log_ratio(ONE - 3.0, OTHER, of_pairs=False),
        "unbounded: a mean of 0.214 with the lower bound",
    ),
    (
        lambda: effect_sizes.log_ratio(ONE, OTHER[:5], of_pairs=True),
        "as many values, got 7 and 5",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
