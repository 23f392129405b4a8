import zlib

import jax
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import within_groups

KEY = jax.random.key(0)


def normal(name, *shape):
    key = jax.random.fold_in(KEY, zlib.crc32(name.encode()))
    return np.asarray(jax.random.normal(key, shape), np.float64)


def made(name="x", n_groups=7, n=60):
    """Rows of groups of several sizes, errors that depend within groups."""
    groups = np.minimum(np.arange(n) % (n_groups + 3), n_groups - 1)
    level = normal(f"{name} level", n_groups)[groups]
    controls = normal(f"{name} controls", n, 2) * [1.0, 100.0] + level[:, None]
    x = 3 + level + controls @ [0.5, 0.01] + normal(f"{name} exposure", n)
    own = normal(f"{name} own", n_groups)[groups]
    noise = normal(f"{name} noise", n) + own * (x - 3)
    return (
        2 + 0.7 * x + controls @ [1.0, -0.02] + 3 * level + noise,
        x,
        controls,
        groups,
    )


def dummies(*groups):
    columns = [numbers[:, None] == np.unique(numbers) for numbers in groups]
    return np.column_stack(columns).astype(float)


def test_against_statsmodels_with_a_constant():
    y, x, controls, _ = made()
    found = within_groups.slope(y, x, controls)
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, controls]))).fit()
    np.testing.assert_allclose(found.estimate, fit.params[1], rtol=1e-9)
    np.testing.assert_allclose(found.error, fit.bse[1], rtol=1e-9)
    np.testing.assert_allclose(found.t, fit.tvalues[1], rtol=1e-9)
    assert (found.df, found.robust_df) == (fit.df_resid, fit.df_resid)
    assert found.robust_error == found.error
    without = sm.OLS(y, sm.add_constant(controls)).fit()
    np.testing.assert_allclose(found.partial_r2, 1 - fit.ssr / without.ssr, rtol=1e-9)


@pytest.mark.parametrize("n_controls", [0, 2])
def test_against_statsmodels_with_constants_of_groups(n_controls):
    y, x, controls, groups = made()
    controls = controls[:, :n_controls]
    found = within_groups.slope(y, x, controls, (groups,))
    design = np.column_stack([x, controls, dummies(groups)])
    fit = sm.OLS(y, design).fit()
    np.testing.assert_allclose(found.estimate, fit.params[0], rtol=1e-9)
    np.testing.assert_allclose(found.error, fit.bse[0], rtol=1e-9)
    assert found.df == fit.df_resid
    options = {"groups": groups, "use_correction": False}
    clustered = fit.get_robustcov_results("cluster", **options)
    # constants of groups are nested in the clusters and do not count
    correction = 7 / 6 * (len(y) - 1) / (len(y) - 2 - n_controls)
    np.testing.assert_allclose(
        found.robust_error, clustered.bse[0] * correction**0.5, rtol=1e-9
    )
    assert found.robust_df == 6


def test_against_statsmodels_with_two_groupings():
    y, x, controls, groups = made()
    other = np.arange(len(y)) // 3 % 5
    found = within_groups.slope(y, x, controls, (groups, other))
    fit = sm.OLS(y, np.column_stack([x, controls, dummies(groups, other)[:, 1:]])).fit()
    np.testing.assert_allclose(found.estimate, fit.params[0], rtol=1e-9)
    np.testing.assert_allclose(found.error, fit.bse[0], rtol=1e-9)
    assert found.df == fit.df_resid


def test_groupings_that_fall_apart():
    """Rows in two parts that share no group: one constant more cannot be told."""
    y, x, controls, _ = made(n=40)
    one = np.arange(40) // 10
    other = np.arange(40) // 20 * 5 + np.arange(40) % 5  # 0-4 for the first half
    found = within_groups.slope(y, x, controls, (one, other))
    apart = dummies(one, other)[:, [1, 3, *range(4, 14)]]
    fit = sm.OLS(y, np.column_stack([x, controls, apart])).fit()
    assert found.df == fit.df_resid == 40 - 3 - (4 + 10 - 2)
    np.testing.assert_allclose(found.error, fit.bse[0], rtol=1e-9)


def test_controls_that_do_not_vary_within_groups():
    y, x, controls, groups = made()
    more = np.column_stack([controls, normal("level", 7)[groups], controls.sum(axis=1)])
    found = within_groups.slope(y, x, more, (groups,))
    expected = within_groups.slope(y, x, controls, (groups,))
    np.testing.assert_allclose(found.estimate, expected.estimate, rtol=1e-9)
    assert found.df == expected.df


def test_a_control_that_is_constant_but_for_rounding():
    """Means of one text over groups differ in the last digit, which is no control."""
    y, x, controls, _ = made()
    constant = np.full(len(y), 4.7) * (1 + 1e-16 * np.arange(len(y)))
    found = within_groups.slope(y, x, np.column_stack([controls, constant]))
    expected = within_groups.slope(y, x, controls)
    assert (found.df, found.estimate) == (expected.df, expected.estimate)
    # a column far from 0 that does vary counts
    far = 1e6 + normal("far", len(y))
    assert within_groups.slope(y, x, far[:, None]).df == len(y) - 3


@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-50, 50))
def test_levels_of_groups_do_not_count(seed, factor, shift):
    """Any shift of a group, and any unit, leaves t and partial R^2 as they are."""
    y, x, controls, groups = made(f"any {seed % 5}")
    level = shift * np.cos(np.arange(7.0) * (1 + seed % 11))
    found = within_groups.slope(y, x, controls, (groups,))
    other = within_groups.slope(
        factor * y + level[groups], x - level[::-1][groups], controls * 2, (groups,)
    )
    # shifts are at most 50 with deviations of about 1
    np.testing.assert_allclose(other.estimate, factor * found.estimate, rtol=1e-9)
    np.testing.assert_allclose(other.t, found.t, rtol=1e-9)
    np.testing.assert_allclose(other.partial_r2, found.partial_r2, rtol=1e-9)
    share = found.t**2 / (found.t**2 + found.df)
    np.testing.assert_allclose(found.partial_r2, share, rtol=1e-9)


def test_contrast_is_mundlaks():
    """With groups of one size the random-effects regression has both slopes."""
    groups = np.arange(70) % 7
    y, x, controls, _ = made(n=70)
    control = controls[:, :1]
    found = within_groups.contrast(y, x, control, groups)
    means = within_groups.group_means(np.column_stack([y, x, control]), groups)
    design = [x - means[groups, 1], means[groups, 1]]
    design += [control[:, 0] - means[groups, 2], means[groups, 2]]
    fit = sm.OLS(y, sm.add_constant(np.column_stack(design))).fit()
    np.testing.assert_allclose(found.within.estimate, fit.params[1], rtol=1e-9)
    np.testing.assert_allclose(found.between.estimate, fit.params[2], rtol=1e-9)
    np.testing.assert_allclose(
        found.difference, fit.params[2] - fit.params[1], rtol=1e-9
    )
    between = sm.OLS(means[:, 0], sm.add_constant(means[:, 1:])).fit()
    np.testing.assert_allclose(found.between.error, between.bse[1], rtol=1e-9)
    assert found.low < found.difference < found.high


def test_interval_of_the_contrast_covers():
    """Errors of groups and rows, no confounding: 95 % of intervals hold 0."""
    inside, draws, n_groups, each = 0, 400, 10, 8
    groups = np.repeat(np.arange(n_groups), each)
    for draw in range(draws):
        noise = normal(f"cover {draw}", 4, n_groups * each)
        own = noise[0, :n_groups][groups]
        x = noise[1] + noise[2, :n_groups][groups]
        y = 0.4 * x + own + noise[3]
        found = within_groups.contrast(y, x, np.zeros((80, 0)), groups)
        inside += found.low <= 0 <= found.high
    # 380 +- 4.4 expected; robust errors of ten groups are a little short
    assert 0.91 * draws <= inside <= 0.99 * draws


def test_confounding_between_groups_shows():
    groups = np.repeat(np.arange(12), 30)
    level = normal("confounder", 12)[groups]
    x = level + normal("exposure", 360)
    y = 0.3 * x + 2 * level + normal("response", 360)
    found = within_groups.contrast(y, x, np.zeros((360, 0)), groups)
    assert abs(found.within.estimate - 0.3) < 3 * found.within.robust_error
    assert found.low > 0.5


def test_errors():
    y, x, controls, groups = made()
    with pytest.raises(ValueError, match="needs finite values"):
        within_groups.slope(y, np.where(x > 4, np.nan, x), controls)
    with pytest.raises(ValueError, match="does not vary apart from controls"):
        within_groups.slope(y, controls.sum(axis=1), controls)
    with pytest.raises(ValueError, match="does not vary apart from controls"):
        within_groups.slope(y, groups.astype(float), controls, (groups,))
    with pytest.raises(ValueError, match="4 rows leave no degree of freedom for 3"):
        within_groups.slope(y[:4], x[:4], controls[:4])
    more = np.column_stack([controls, normal("more", 60)])
    with pytest.raises(ValueError, match=r"7 groups are too few .* 4 var.* are 8"):
        within_groups.contrast(y, x, more, groups)
