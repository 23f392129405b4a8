"""How additive losses are, and the checks that protection and bits share."""

from fractions import Fraction

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import group_noise
from tests import strategies

# the residual of a smaller loss may overflow
some_loss = st.floats(-10, 0) | st.floats(1e-6, 10)


@given(
    together=hnp.arrays(
        np.float64, 3, elements=st.floats(-10, 0) | st.floats(1e-6, 10)
    ),
    alone=hnp.arrays(np.float64, (3, 5), elements=st.floats(-10, 10)),
)
def test_additivity_residual(together, alone):
    found = group_noise.additivity_residual(together, alone)
    for language, whole in enumerate(together.tolist()):
        if whole <= 0:
            assert np.isnan(found[language])
            continue
        rest = Fraction(whole) - sum(map(Fraction, alone[language].tolist()))
        # the sum of five rounds to 52 bits of numbers up to 10, of the whole
        tolerance = 1e-14 * (1 + 50 / whole)
        expected = float(abs(rest) / Fraction(whole))
        assert found[language] == pytest.approx(expected, rel=1e-13, abs=tolerance)


def test_additive_losses_have_no_residual():
    found = group_noise.additivity_residual(
        np.array([3.0, 4.0, 0.0]), np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    )
    np.testing.assert_array_equal(found, [0.0, 0.25, np.nan])


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
