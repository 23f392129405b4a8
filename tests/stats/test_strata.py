"""Means over strata against loops, and the coverage of their intervals."""

import hypothesis.extra.numpy as hnp
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.strata import member_means, strata_mean

STRATA = np.array([4, 4, 0, 4, 0, 2, 2, 2, 2])
NUMBERS = hnp.arrays(np.float64, (9, 2), elements=st.floats(-100, 100))


def mean(values, strata):
    means = [
        np.mean([v for v, s in zip(values, strata, strict=True) if s == one], axis=0)
        for one in sorted(set(strata.tolist()))
    ]
    return np.mean(means, axis=0)


@given(NUMBERS)
def test_strata_mean_is_the_mean_of_means_with_each_member_left_out(values):
    whole, without = strata_mean(values, STRATA)
    # 1e-9: float64 sums of nine numbers up to 100
    np.testing.assert_allclose(whole, mean(values, STRATA), atol=1e-9)
    for member in range(len(values)):
        keep = np.arange(len(values)) != member
        expected = mean(values[keep], STRATA[keep])
        np.testing.assert_allclose(without[member], expected, atol=1e-9)


@given(NUMBERS, st.permutations(range(9)))
def test_order_of_members_does_not_matter(values, order):
    first, _ = strata_mean(values, STRATA)
    again, without = strata_mean(values[order], STRATA[order])
    np.testing.assert_allclose(again, first, atol=1e-9)
    # left-out means of a stratum are centred on the mean of all
    np.testing.assert_allclose(
        np.mean(without[STRATA[order] == 2], axis=0), first, atol=1e-9
    )


def test_interval_covers_in_strata_of_unequal_size():
    strata = np.repeat([0, 1, 2], [12, 30, 20])
    spread = np.array([1.0, 3.0, 0.5])[strata]
    noise = np.array(jax.random.normal(jax.random.key(0), (400, 62)), np.float64)
    covered = 0
    for one in noise:
        estimate, without = strata_mean(one * spread + strata, strata)
        low, high = jackknife_interval(estimate, without)
        covered += bool(low <= 1.0 <= high)
    # 380 expected; 363 is four standard deviations below it
    assert covered >= 363


def test_member_means_are_means_of_each_group():
    groups = np.array([1, 0, 1, 2, 0])
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(
        member_means(values, groups), [[3.5, 2.0, 4.0], [0.5, 0.5, 1.0]], atol=1e-12
    )


def test_groups_without_members_are_refused():
    with pytest.raises(ValueError, match="group 1 has no member"):
        member_means(np.zeros(2), np.array([0, 2]))


def test_strata_of_one_member_are_refused():
    with pytest.raises(ValueError, match="every stratum needs at least 2 members"):
        strata_mean(np.zeros(3), np.array([0, 0, 1]))
