import zlib

import jax
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from jaxdisp.stats import sensitivity, within_groups

KEY = jax.random.key(0)


def normal(name, *shape):
    key = jax.random.fold_in(KEY, zlib.crc32(name.encode()))
    return np.asarray(jax.random.normal(key, shape), np.float64)


def r2(response, column, others):
    """The share of variance that a column adds to others."""
    fits = [
        sm.OLS(response, sm.add_constant(design)).fit()
        for design in (others, np.column_stack([others, column]))
    ]
    return 1 - fits[1].ssr / fits[0].ssr


def left(t, df, r2_exposure, r2_outcome):
    """|t| with the worst variable of such strength, from scratch."""
    bias = np.sqrt(df * r2_outcome * r2_exposure / (1 - r2_exposure))
    error = np.sqrt((1 - r2_outcome) / (1 - r2_exposure) * df / (df - 1))
    return (abs(t) - bias) / error


def least(t, df, critical):
    """The robustness value by search: the worst variable of strength v at most."""

    def excess(v):
        share = np.linspace(0, 1, 4001) * v
        return np.min(left(t, df, v, share)) - critical

    return optimize.brentq(excess, 1e-12, 1 - 1e-9, xtol=1e-12)


def test_published_example():
    """Darfur: t = 4.18 with 783 degrees of freedom, female as the benchmark."""
    assert round(sensitivity.partial_r2(4.18, 783), 4) == 0.0218
    assert round(sensitivity.robustness_value(4.18, 783), 3) == 0.139
    assert round(sensitivity.robustness_value(4.18, 783, alpha=0.05), 3) == 0.076
    found = within_groups.Slope(
        estimate=0.09732,
        error=0.02326,
        robust_error=0.02326,
        t=4.184,
        df=783,
        robust_df=783,
        partial_r2=0.0219,
    )
    # "R2dz.x .00916, R2yz.dx .12464" with one times female: .0752, .0219 and 3.44
    x = 0.00916 / 1.00916
    shared = x**2 / (1 - x) ** 2
    odds = 0.12464 * (1 - shared) / (1 + shared**0.5) ** 2
    for times, (estimate, error, t) in {
        1.0: (0.0752, 0.0219, 3.44),
        2.0: (0.0529, 0.0204, 2.60),
        3.0: (0.0304, 0.0187, 1.63),
    }.items():
        bound = sensitivity.benchmark(found, x, odds / (1 + odds), times=times)
        # inputs are known to three or four digits
        np.testing.assert_allclose(bound.adjusted.estimate, estimate, atol=2e-4)
        np.testing.assert_allclose(bound.adjusted.error, error, atol=1e-4)
        np.testing.assert_allclose(bound.adjusted.t, t, atol=1e-2)


def test_twelve_languages():
    """r = -.924 of 12 points: both published values, and a benchmark that flips it."""
    r, df = -0.924, 10
    t = r * np.sqrt(df / (1 - r**2))
    np.testing.assert_allclose(sensitivity.robustness_value(t, df), 0.870, atol=5e-4)
    # .780 is the formula for f f* <= 1, which does not hold here; the least is .771
    f, critical = 2.416, stats.t.isf(0.025, 9) / 3
    assert f * critical > 1
    gap = f - critical
    np.testing.assert_allclose((np.sqrt(gap**4 + 4 * gap**2) - gap**2) / 2, 0.780, 1e-3)
    found = sensitivity.robustness_value(t, df, alpha=0.05)
    np.testing.assert_allclose(found, 0.7706, atol=5e-4)
    # partial R^2 of .929 and .541: the bias factor 2.65 is above f = 2.42
    slope = within_groups.Slope(
        estimate=r,
        error=r / t,
        robust_error=r / t,
        t=t,
        df=df,
        robust_df=df,
        partial_r2=r**2,
    )
    np.testing.assert_allclose(abs(t) / np.sqrt(df), 2.42, atol=5e-3)
    after = sensitivity.adjusted(slope, 0.929, 0.541)
    factor = (after.estimate - r) / (slope.error * np.sqrt(df))
    # 1 - .929 has two digits
    np.testing.assert_allclose(factor, 2.65, atol=2e-2)
    assert after.estimate > 0


@given(st.floats(-60, 60), st.integers(2, 800), st.sampled_from([None, 0.01, 0.05]))
def test_robustness_value_by_search(t, df, alpha):
    assume(abs(t) > 0.01)
    critical = 0.0 if alpha is None else float(stats.t.isf(alpha / 2, df - 1))
    found = sensitivity.robustness_value(t, df, alpha=alpha)
    assert 0 <= found <= 1
    if abs(t) / np.sqrt(df) <= critical / np.sqrt(df - 1):
        assert found == 0
    elif found < 0.999:
        # the grid of the search has 4000 steps, flat at the minimum
        np.testing.assert_allclose(found, least(t, df, critical), rtol=1e-5, atol=1e-9)


def test_dependent_errors_lower_it():
    values = [
        sensitivity.robustness_value(6.0, 500, alpha=0.05, inflation=inflation)
        for inflation in (1.0, 1.5, 2.0, 4.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0
    # twice the standard error is as good as half the t
    f, critical = 6 / np.sqrt(500), stats.t.isf(0.025, 499) / np.sqrt(499)
    gap = f - 2 * critical
    expected = (np.sqrt(gap**4 + 4 * gap**2) - gap**2) / 2
    np.testing.assert_allclose(values[2], expected, rtol=1e-9)


@given(st.integers(0, 200), st.floats(-2, 2), st.floats(-2, 2), st.booleans())
def test_formula_is_exact_for_a_variable_that_is_there(seed, to_x, to_y, grouped):
    """Leave out Z, and its two partial R^2 give the slope and error with it back."""
    assume(min(abs(to_x), abs(to_y)) > 1e-3)
    noise = normal(f"omitted {seed}", 5, 40)
    groups = (np.arange(40) % 4,) if grouped else ()
    control, z = noise[0], noise[1] + 0.3 * noise[0]
    x = to_x * z + control + noise[2]
    y = 0.5 * x + to_y * z - control + noise[3]
    short = within_groups.slope(y, x, control[:, None], groups)
    full = within_groups.slope(y, x, np.stack([control, z], axis=1), groups)
    with_x = within_groups.slope(x, z, control[:, None], groups).partial_r2
    both = np.stack([control, x], axis=1)
    with_y = within_groups.slope(y, z, both, groups).partial_r2
    after = sensitivity.adjusted(short, with_x, with_y)
    # the formula moves towards 0; the variable may do the opposite
    bias = abs(short.estimate - after.estimate)
    options = short.estimate + bias * np.array([-1, 1])
    assert np.min(np.abs(options - full.estimate)) < 1e-7 * (1 + bias)
    np.testing.assert_allclose(after.error, full.error, rtol=1e-6)


@given(st.integers(0, 200), st.sampled_from([0.5, 1.0, 2.0]))
def test_benchmark_of_a_stronger_twin(seed, times):
    """The bound is exact for a variable so strong that is orthogonal to the control."""
    noise = normal(f"twin {seed}", 4, 60)
    noise -= noise.mean(axis=1, keepdims=True)
    # columns without any correlation in the sample
    control, z, own, error = np.linalg.qr(noise.T)[0].T * 60**0.5
    x = 0.4 * control + 0.4 * times**0.5 * z + own

    def outcome(by):
        return x + 0.5 * control + by * z + error

    def excess(by):
        y = outcome(by)
        return r2(y, z, x[:, None]) - times * r2(y, control, x[:, None])

    y = outcome(optimize.brentq(excess, 0.25, 2.0, xtol=1e-14))
    short = within_groups.slope(y, x, control[:, None])
    bound = sensitivity.benchmark(
        short,
        r2(x, control, np.zeros((60, 0))),
        r2(y, control, x[:, None]),
        times=times,
    )
    np.testing.assert_allclose(bound.r2_exposure, r2(x, z, control[:, None]), rtol=1e-6)
    true = r2(y, z, np.stack([control, x], axis=1))
    np.testing.assert_allclose(bound.r2_outcome, true, rtol=1e-6)
    full = within_groups.slope(y, x, np.stack([control, z], axis=1))
    np.testing.assert_allclose(bound.adjusted.estimate, full.estimate, rtol=1e-6)
    np.testing.assert_allclose(bound.adjusted.error, full.error, rtol=1e-6)


def some_slope(t=4.0, df=50):
    return within_groups.Slope(
        estimate=0.5,
        error=0.5 / t,
        robust_error=0.2,
        t=t,
        df=df,
        robust_df=9,
        partial_r2=t**2 / (t**2 + df),
    )


@given(st.floats(0.0, 0.98), st.floats(0.0, 0.98), st.floats(0.0, 1.0))
def test_stronger_variables_do_more(one, outcome, share):
    found = some_slope()
    weaker = sensitivity.adjusted(found, one * share, outcome)
    stronger = sensitivity.adjusted(found, one, outcome)
    assert stronger.estimate <= weaker.estimate + 1e-12 <= found.estimate + 2e-12
    # at the robustness value nothing is left
    value = sensitivity.robustness_value(found.t, found.df)
    assert abs(sensitivity.adjusted(found, value, value).estimate) < 1e-12


def test_a_benchmark_that_is_too_strong():
    bound = sensitivity.benchmark(some_slope(), 0.929, 0.541)
    assert not bound.possible
    assert bound.r2_exposure == 1
    assert np.isnan(bound.adjusted.estimate)
    whole = sensitivity.benchmark(some_slope(), 0.3, 0.9)
    assert whole.r2_outcome == 1
    assert whole.adjusted.error == 0


def test_errors():
    with pytest.raises(
        ValueError, match=r"between 0 and 1 .*, got 1 with the exposure"
    ):
        sensitivity.adjusted(some_slope(), 1.0, 0.5)
    with pytest.raises(ValueError, match=r"at least 2 degrees of freedom, got 0.05"):
        sensitivity.robustness_value(1.0, 1, alpha=0.05)
    with pytest.raises(ValueError, match="level between 0 and 1"):
        sensitivity.robustness_value(1.0, 9, alpha=1.5)


def test_certain_and_absent_estimates():
    assert sensitivity.robustness_value(0.0, 9) == 0
    assert sensitivity.robustness_value(float("inf"), 9) == 1
    assert sensitivity.robustness_value(float("inf"), 9, alpha=0.05) == 1
