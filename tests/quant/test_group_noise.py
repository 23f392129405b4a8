"""The checks that protection and bits share."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from jaxdisp.quant import group_noise
from tests import strategies


@given(terms=strategies.arrays((7,), width=64))
def test_rounding_down(terms):
    exact = sum(map(Fraction, terms.tolist()))
    found = group_noise.rounded_down(terms)
    size = sum(abs(Fraction(term)) for term in terms.tolist())
    assert Fraction(float(found)) <= exact
    # 1e-14 of the terms, and the rounding of the sum
    assert exact - Fraction(float(found)) <= size * Fraction(2, 10**14)


def test_shares():
    assert group_noise.shares(np.array([1, 3])).tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="sizes must be positive numbers"):
        group_noise.shares(np.array([]))
