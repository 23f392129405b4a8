"""The floor comes first; then size against the worst language, one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.search.recommended import recommended

ROWS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 5)),
    min_size=1,
    max_size=8,
)


def columns(rows):
    size = np.array([row[0] for row in rows])
    worst = np.array([float(max(row[1:])) for row in rows])
    mean = np.array([float(min(row[1:])) for row in rows])
    return size, worst, mean


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(-1, 6))
def test_equals_comparing_all_with_all(rows, floor):
    size, worst, mean = columns(rows)
    found = recommended(size, worst=worst, mean=mean, floor=float(floor))
    allowed = {i for i in range(len(rows)) if worst[i] <= floor}
    key = [(size[i], worst[i], mean[i]) for i in range(len(rows))]
    front = {
        i
        for i in allowed
        if not any(
            (size[j] <= size[i] and worst[j] <= worst[i] and key[j][:2] != key[i][:2])
            or (key[j][:2] == key[i][:2] and mean[j] < mean[i])
            for j in allowed
        )
    }
    assert set(np.flatnonzero(found.allowed)) == allowed
    assert set(np.flatnonzero(found.front)) == front
    if not front:
        assert (found.smallest, found.fairest) == (-1, -1)
    else:
        assert size[found.smallest] == min(size[i] for i in allowed)
        assert worst[found.fairest] == min(worst[i] for i in allowed)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 5))
def test_a_lower_floor_allows_no_more(rows, floor):
    size, worst, mean = columns(rows)
    one, other = (
        recommended(size, worst=worst, mean=mean, floor=float(each))
        for each in (floor, floor + 1)
    )
    assert not np.any(one.allowed & ~other.allowed)


def test_equal_ruin_is_not_recommended():
    # the second is as bad for all, and the smallest
    found = recommended(
        np.array([8, 1]),
        worst=np.array([0.2, 50.0]),
        mean=np.array([0.1, 50.0]),
        floor=1.0,
    )
    assert found.front.tolist() == [True, False]
    assert (found.smallest, found.fairest) == (0, 0)


def test_what_is_not_a_number_is_not_allowed():
    found = recommended(
        np.array([1, 2]),
        worst=np.array([math.nan, 0.5]),
        mean=np.array([math.nan, 0.5]),
        floor=1.0,
    )
    assert found.allowed.tolist() == [False, True]


def test_refuses():
    size, ones = np.array([1]), np.ones(1)
    with pytest.raises(ValueError, match="floor must be"):
        recommended(size, worst=ones, mean=ones, floor=math.nan)
    with pytest.raises(ValueError, match="above its worst"):
        recommended(size, worst=ones, mean=2 * ones, floor=1.0)
