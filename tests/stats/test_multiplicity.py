"""Corrected p-values against the step-down procedure, one level at a time."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.stats.multiplicity import holm

P_VALUES = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])),
    min_size=1,
    max_size=6,
)


def rejected(p_values, level):
    """Holm's procedure: rejects from the smallest on, until one is too large."""
    waiting = sorted(range(len(p_values)), key=lambda place: p_values[place])
    found = set()
    while waiting and p_values[waiting[0]] * len(waiting) <= level:
        found.add(waiting.pop(0))
    return found


@hypothesis.given(P_VALUES, st.floats(0.001, 0.999))
def test_what_is_below_a_level_is_what_the_procedure_rejects(p_values, level):
    found = holm(np.array(p_values))
    hypothesis.assume(np.min(np.abs(found - level)) > 1e-9)
    expected = rejected(p_values, level)
    # of equal p-values the procedure may reject one and keep the other in name only
    assert {place for place, p in enumerate(found) if p <= level} == expected


@hypothesis.given(P_VALUES)
def test_corrected_values_lie_between_the_raw_and_bonferronis(p_values):
    raw = np.array(p_values)
    found = holm(raw)
    assert np.all(found >= raw)
    assert np.all(found <= np.minimum(1, len(raw) * raw) + 1e-15)
    assert np.all(np.diff(found[np.argsort(raw, kind="stable")]) >= 0)


def test_a_worked_example():
    # Holm 1979 by hand: 4 x .005, 3 x .01, 2 x .03, then no less than before
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02], rtol=1e-15)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(np.array([0.5, p]))
