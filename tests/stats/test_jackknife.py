import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval

ROWS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9),
    elements=st.floats(-100, 100),
)


def without_each(rows, statistic):
    return np.stack(
        [statistic(np.delete(rows, place, axis=0)) for place in range(len(rows))]
    )


@given(ROWS)
def test_of_a_mean_is_the_t_interval(rows):
    """The jackknife's standard error of a mean is the usual one, exactly."""
    mean = rows.mean(axis=0)
    low, high = jackknife_interval(mean, without_each(rows, lambda x: x.mean(axis=0)))
    error = stats.sem(rows, axis=0)
    half = stats.t.isf(0.025, len(rows) - 1) * error
    np.testing.assert_allclose(low, mean - half, atol=1e-9)
    np.testing.assert_allclose(high, mean + half, atol=1e-9)


def test_of_a_ratio_is_that_of_the_delta_method():
    """For many groups both converge; 400 of them leave 2 %."""
    place = np.arange(400)
    rows = np.stack([3 + np.sin(place), 2 + np.cos(2.4 * place)], axis=1)

    def ratio(x):
        return x[:, 0].sum() / x[:, 1].sum()

    low, high = jackknife_interval(np.array(ratio(rows)), without_each(rows, ratio))
    residual = rows[:, 0] - ratio(rows) * rows[:, 1]
    error = np.std(residual, ddof=1) / np.sqrt(len(rows)) / rows[:, 1].mean()
    half = stats.t.isf(0.025, len(rows) - 1) * error
    np.testing.assert_allclose((high - low) / 2, half, rtol=0.02)


def test_a_higher_level_is_wider():
    left = np.array([[1.0], [2.0], [4.0]])
    narrow = jackknife_interval(np.array([2.0]), left)
    wide = jackknife_interval(np.array([2.0]), left, level=bonferroni_level(10))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("left_out", "level", "message"),
    [
        (np.ones((1, 2)), 0.95, "at least 2 groups, got 1"),
        (np.ones((3, 2)), 1.0, "between 0 and 1, got 1.0"),
    ],
)
def test_refuses(left_out, level, message):
    with pytest.raises(ValueError, match=message):
        jackknife_interval(np.ones(2), left_out, level=level)


def test_bonferroni():
    assert bonferroni_level(1) == 0.95
    np.testing.assert_allclose(bonferroni_level(5), 0.99)
    with pytest.raises(ValueError, match="at least 1 interval, got 0"):
        bonferroni_level(0)
