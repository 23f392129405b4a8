"""Nested fits against statsmodels, and fits without each point one by one."""

import jax
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import nested_regression


def drawn(seed, n=14, p=2, q=2):
    table = np.asarray(jax.random.normal(jax.random.key(seed), (n, p + q + 1)))
    table = table.astype(np.float64)
    features, further = table[:, :p], table[:, p : p + q]
    return features, further, table[:, -1] + 0.7 * table.sum(axis=1)


def peers(features, further, response):
    both = np.concatenate([features, further], axis=1)
    return [
        sm.OLS(response, sm.add_constant(x, has_constant="add")).fit()
        for x in (features, both)
    ]


@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (3, 1), (0, 2)])
def test_is_as_statsmodels_says(sizes):
    data = drawn(0, 14, *sizes)
    found = nested_regression.compare(*data)
    if sizes[0]:
        smaller, larger = peers(*data)
    else:
        smaller = sm.OLS(data[2], np.ones(14)).fit()
        larger = sm.OLS(data[2], sm.add_constant(data[1])).fit()
    f, p_value, df = larger.compare_f_test(smaller)
    assert found.f == pytest.approx(f, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    assert found.df == (df, larger.df_resid)
    assert found.r2 == pytest.approx(larger.rsquared)
    assert found.r2_change == pytest.approx(larger.rsquared - smaller.rsquared)
    k = sum(sizes) + 2  # with the constant and the variance
    penalty = 2 * k * (k + 1) / (14 - k - 1)
    constant = 14 * (1 + np.log(2 * np.pi))
    # statsmodels' AIC keeps the constant and does not count the variance
    assert found.aicc == pytest.approx(larger.aic - constant + 2 + penalty)


def test_condition_and_inflation_are_as_statsmodels_says():
    features, further, response = drawn(1)
    both = np.concatenate([features, further], axis=1)
    standard = (both - both.mean(axis=0)) / both.std(axis=0)
    found = nested_regression.compare(features, further, response)
    expected = sm.OLS(response, standard).fit().condition_number
    assert found.condition == pytest.approx(expected)
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    table = sm.add_constant(both)
    factors = [variance_inflation_factor(table, place + 1) for place in range(4)]
    np.testing.assert_allclose(found.inflation, factors)


def test_leave_one_out_is_fits_without_each_point():
    features, further, response = drawn(2)

    def worth(x):
        left, by_mean = 0.0, 0.0
        for place in range(len(response)):
            kept = np.arange(len(response)) != place
            found = sm.OLS(response[kept], sm.add_constant(x[kept])).fit()
            predicted = found.params @ np.append(1, x[place])
            left += (response[place] - predicted) ** 2
            by_mean += (response[place] - response[kept].mean()) ** 2
        return 1 - left / by_mean

    found = nested_regression.compare(features, further, response)
    both = worth(np.concatenate([features, further], axis=1))
    assert found.loo_r2 == pytest.approx(both)
    assert found.loo_r2_change == pytest.approx(both - worth(features))


def test_features_of_nothing_are_significant_as_often_as_alpha():
    draws = 800
    table = np.asarray(jax.random.normal(jax.random.key(3), (draws, 10, 4)), np.float64)
    p = [nested_regression.compare(x[:, :1], x[:, 1:3], x[:, 3]).p_value for x in table]
    # four binomial standard errors
    assert abs(np.mean(np.array(p) < 0.1) - 0.1) < 4 * np.sqrt(0.09 / draws)


@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-5, 5))
def test_units_do_not_matter(seed, scale, shift):
    features, further, response = drawn(seed)
    here = nested_regression.compare(features, further, response)
    moved = nested_regression.compare(
        scale * features + shift, further, scale * response - shift
    )
    assert here.r2_change >= -1e-12
    for name in ("f", "p_value", "r2", "loo_r2_change", "aicc_change", "condition"):
        assert getattr(moved, name) == pytest.approx(
            getattr(here, name), rel=1e-6, abs=1e-9
        )


def test_a_perfect_fit_is_certain():
    features, further, _ = drawn(4)
    found = nested_regression.compare(features, further, further @ np.array([1.0, 2.0]))
    assert found.r2 == pytest.approx(1)
    assert found.p_value < 1e-12
    assert np.isfinite(found.aicc)


FEATURES, FURTHER, RESPONSE = drawn(5)
REFUSED = [
    ((FEATURES, FURTHER[:, :0], RESPONSE), "at least 1 further feature"),
    ((FEATURES[:7], FURTHER[:7], RESPONSE[:7]), "by at least 8 points, got 7"),
    ((FEATURES, FURTHER[:9], RESPONSE), "needs all values, got 14, 9 and 14"),
    ((FEATURES, FEATURES + 1.0, RESPONSE), "is a linear function of the others"),
    ((FEATURES, FURTHER * np.nan, RESPONSE), "finite values"),
    ((FEATURES, FURTHER * 0.0, RESPONSE), "feature 2 is the same at every point"),
    ((FEATURES, FURTHER, RESPONSE * 0.0), "leaves nothing to explain"),
]


@pytest.mark.parametrize(("given_", "message"), REFUSED)
def test_refuses(given_, message):
    with pytest.raises(ValueError, match=message):
        nested_regression.compare(*given_)
