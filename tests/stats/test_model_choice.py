"""Curves of few points: against SciPy's optimisers, and on curves that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from jaxdisp.stats import model_choice
from tests.models import small

BITS = np.arange(3.0, 9.0)
POWER = 4.0**-BITS


def noisy(n, floor, scatter=0.02, seed=0):
    """Curves of `POWER`, with a floor that is a share of the last point."""
    whole = POWER / POWER[-1] * (1 - floor) + floor
    noise = small.normal("curves", (n, len(BITS)), seed).astype(np.float64)
    return whole * np.exp(scatter * noise)


def test_lines_equal_scipy_and_a_batch_equals_one_at_a_time():
    y = small.normal("lines", (4, 6)).astype(np.float64)
    found = model_choice.straight_line(BITS, y)
    for row in range(4):
        expected = stats.linregress(BITS, y[row])
        np.testing.assert_allclose(found.slope[row], expected.slope, rtol=1e-12)
        np.testing.assert_allclose(found.intercept[row], expected.intercept, rtol=1e-12)
        left = y[row] - expected.slope * BITS - expected.intercept
        np.testing.assert_allclose(found.squares[row], left @ left, rtol=1e-10)


@pytest.mark.parametrize("floor", [-0.3, 0.0, 0.4, 0.99])
def test_floors_equal_those_of_a_general_optimiser(floor):
    y = noisy(1, floor)[0]
    found = model_choice.above_floor(POWER, y)

    def residuals(parameters):
        u, w = np.exp(parameters[0]), parameters[1] * y[-1]
        return np.log(np.maximum(u * POWER + w, 1e-300)) - np.log(y)

    best = optimize.least_squares(
        residuals, [np.log(y[0] / POWER[0]), 0.0], xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    u, w = np.exp(best.x[0]), best.x[1] * y[-1]
    # both stop where the squares are flat to 1e-15, so the place is known to 1e-7
    np.testing.assert_allclose(found.share, w / (u * POWER[-1] + w), atol=1e-5)
    np.testing.assert_allclose(found.squares, 2 * best.cost, rtol=1e-6)
    np.testing.assert_allclose(found.log_factor, np.log(u), atol=1e-5)


# the exact curve is found again
@given(
    floor=st.floats(-0.5, 0.9),
    scale=st.floats(-3, 3),
    order=st.permutations(range(len(BITS))),
)
def test_a_floor_is_found_in_any_unit_and_order(floor, scale, order):
    y = noisy(1, floor, scatter=0.0)[0] * 10**scale
    found = model_choice.above_floor(POWER[order] * 7, y[order])
    np.testing.assert_allclose(found.share, floor, atol=1e-6)
    np.testing.assert_allclose(found.squares, 0.0, atol=1e-11)


def test_a_batch_of_floors_is_one_at_a_time():
    y = noisy(5, 0.2)
    whole = model_choice.above_floor(POWER, y)
    for row in range(5):
        alone = model_choice.above_floor(POWER, y[row])
        np.testing.assert_allclose(whole.share[row], alone.share, rtol=1e-9)
        np.testing.assert_allclose(
            model_choice.proportional(POWER, y)[row],
            np.var(np.log(y[row] / POWER)) * len(BITS),
            rtol=1e-9,
        )


def chosen(y):
    n = len(BITS)
    without = model_choice.aicc(model_choice.proportional(POWER, y), n, 1)
    found = model_choice.above_floor(POWER, y).squares
    return model_choice.aicc(found, n, 2) < without


def test_aicc_finds_a_floor_where_there_is_one_and_rarely_elsewhere():
    # over 200 seeds: a floor of a fifth of the last point is nearly always seen at a
    # scatter of 2 %; without one, it is chosen in less than one case of ten
    assert chosen(noisy(200, 0.2)).mean() > 0.95
    assert chosen(noisy(200, 0.0, seed=1)).mean() < 0.1


def test_aicc_is_the_textbooks():
    n, k, squares = 6, 3, 0.25
    expected = n * np.log(squares / n) + 2 * k * n / (n - k - 1)
    np.testing.assert_allclose(
        model_choice.aicc(np.array(squares), n, k - 1), expected, rtol=1e-12
    )
    assert np.isfinite(model_choice.aicc(np.array(0.0), n, 1))


def test_refuses_what_has_no_fit():
    ones = np.ones(3)
    with pytest.raises(ValueError, match="at least 2 different places"):
        model_choice.straight_line(ones, ones)
    with pytest.raises(ValueError, match="positive places and values"):
        model_choice.above_floor(ones, -ones)
    with pytest.raises(ValueError, match="positive places and values"):
        model_choice.proportional(0 * ones, ones)
    with pytest.raises(ValueError, match="at least 3 points, got 2"):
        model_choice.above_floor(ones[:2], ones[:2])
    with pytest.raises(ValueError, match="needs at least 5 points, got 4"):
        model_choice.aicc(np.array(1.0), 4, 2)
