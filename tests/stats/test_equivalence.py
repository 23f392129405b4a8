import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats.equivalence import margin_left


def test_whole_interval_within_beyond_and_across():
    def of(low, high):
        return margin_left((low + high) / 2, (low, high), target=1.0, margin=0.5)

    assert of(0.75, 1.25) == (0.5, (0.25, 0.5))
    assert of(2.0, 3.0) == (-1.0, (-1.5, -0.5))
    assert of(-2.0, 0.0) == (-1.5, (-2.5, -0.5))
    assert of(1.25, 1.75) == (0.0, (-0.25, 0.25))


# quarters, so that differences are exact
quarters = st.integers(-20, 20).map(lambda number: number / 4)


@given(a=quarters, b=quarters, target=quarters)
def test_bounds_are_the_least_and_the_largest_over_the_interval(a, b, target):
    low, high = min(a, b), max(a, b)
    points = [low + (high - low) * k / 64 for k in range(65)]
    if low <= target <= high:
        points.append(target)
    values = [0.5 - abs(x - target) for x in points]
    effect, bounds = margin_left(low, (low, high), target=target, margin=0.5)
    assert bounds == (min(values), max(values))
    assert effect == 0.5 - abs(low - target)


def test_refuses_what_is_no_interval_or_margin():
    with pytest.raises(ValueError, match=r"from 2.0 to 1.0 is none"):
        margin_left(1.0, (2.0, 1.0), target=0.0, margin=1.0)
    with pytest.raises(ValueError, match=r"must be positive, got 0.0"):
        margin_left(1.0, (1.0, 2.0), target=0.0, margin=0.0)
