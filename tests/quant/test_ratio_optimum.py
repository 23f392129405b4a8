"""The best set for a ratio, against all sets."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import ratio_optimum
from tests.quant import certificate_oracles as oracles

any_sign = hnp.arrays(
    np.float64, oracles.GROUPS, elements=st.integers(-20, 60).map(float)
)
numbers = st.integers(0, oracles.GROUPS - 1)


@given(losses=any_sign, reference=any_sign, n_protected=numbers)
def test_least_ratio_is_the_least_of_all_sets(losses, reference, n_protected):
    left = [~mask for mask in oracles.sets(oracles.GROUPS, n_protected)]
    bases = [reference[rest].sum() for rest in left]
    if min(bases) <= 0:
        with pytest.raises(ValueError, match="leave the reference no loss"):
            ratio_optimum.least_ratio(losses, reference, n_protected=n_protected)
        return
    found = ratio_optimum.least_ratio(losses, reference, n_protected=n_protected)
    expected = min(
        losses[rest].sum() / base for rest, base in zip(left, bases, strict=True)
    )
    # integers: the sums are exact, and so is the ratio
    assert found.ratio == expected
    rest = ~found.protected
    assert found.protected.sum() == n_protected
    assert losses[rest].sum() / reference[rest].sum() == expected
    assert found.steps <= 5


def test_published_number():
    """`theory.md` C12: the notes' own importances reach 1.2222 with three layers."""
    language, reference = oracles.NOTES_LANGUAGE, oracles.NOTES_REFERENCE
    found = ratio_optimum.least_ratio(language, reference, n_protected=3)
    assert found.ratio == pytest.approx(1.2222, abs=5e-5)
    assert found.protected[[0, 11]].all()
    ties = [
        mask
        for mask in oracles.sets(12, 3)
        if language[~mask].sum() / reference[~mask].sum() < found.ratio + 1e-12
    ]
    assert len(ties) == 4


@pytest.mark.parametrize("number", [-1, 3])
def test_mistaken_numbers(number):
    message = rf"n_protected must be from 0 to 2, .*got {number}"
    with pytest.raises(ValueError, match=message):
        ratio_optimum.least_ratio(np.ones(3), np.ones(3), n_protected=number)


def test_mistaken_losses():
    wrong = np.array([1.0, np.nan, np.inf])
    message = "losses and reference must be finite, 2 are not"
    with pytest.raises(ValueError, match=message):
        ratio_optimum.least_ratio(wrong, np.ones(3), n_protected=1)
