"""Critical values and flags of many comparisons against slow float64."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdisp.search import simultaneous
from tests.models import small
from tests.search import search_oracles as oracles


def test_critical_values_equal_sorting():
    maxima = abs(small.normal("maxima", (5, 39)))
    for level in (0.5, 0.9, 0.95, 0.99):
        found = simultaneous.critical_values(maxima, level=level, clusters=7)
        expected = [oracles.critical_value(row, level, 7) for row in maxima]
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        plain = simultaneous.critical_values(maxima, level=level)
        assert np.all(plain < found)


def test_one_comparison_is_widened_as_an_expanded_interval_is():
    draws = scipy.stats.norm.ppf((1 + np.arange(1, 2000) / 2000) / 2)
    found = simultaneous.critical_values(draws[None], clusters=16)
    expected = np.sqrt(16 / 15) * scipy.stats.t.ppf(0.975, 15)
    assert found[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_levels_that_are_none(level):
    with pytest.raises(ValueError, match=r"^level must be between 0 and 1, got"):
        simultaneous.critical_values(np.ones((1, 100)), level=level)


def test_studentized_without_spread():
    found = simultaneous.studentized(
        np.array([3.0, 1e-9, -2.0, 0.0]),
        np.array([1.5, 1e-9, 0.0, 0.0]),
        np.array([1e-8]),
    )
    assert found.tolist() == [2.0, 0.0, -np.inf, 0.0]


def flags(estimate, replicates):
    found = simultaneous.above_noise(
        jnp.asarray(estimate, np.float32),
        jnp.asarray(replicates, np.float32),
        clusters=9,
    )
    return found.tolist()


def test_flags_equal_one_comparison_at_a_time():
    estimate = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 0.5])
    scale = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.1])
    deviations = small.normal("flags", (200, 7)) * scale
    error = deviations.std(axis=0, ddof=1)
    critical = oracles.critical_value((abs(deviations) / error).max(axis=1), 0.95, 9)
    expected = (abs(estimate) / error > critical).tolist()
    assert flags(estimate, estimate + deviations) == expected
    assert any(expected)
    assert not all(expected)


def test_without_spread_only_exact_zeros_are_noise():
    estimate = np.array([0.0, 1e-3, 1.0])
    replicates = np.tile(estimate, (100, 1))
    replicates[:, 2] += small.normal("flat", (100,))
    assert flags(estimate, replicates) == [False, True, False]
