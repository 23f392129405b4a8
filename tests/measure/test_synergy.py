"""What two protections do together, by hand and for errors that are independent."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import synergy

ERRORS = st.floats(0.001, 1e3)


def cells(*values):
    return [np.array([value], float) for value in values]


def test_written_out():
    # 10 without, 8 and 7 with one, 3 with both: saved 2, 3 and 7, so 2 of 10 beyond
    assert synergy.synergy(*cells(10, 8, 7, 3))[0] == pytest.approx(0.2)
    assert synergy.synergy(*cells(10, 8, 7, 7))[0] == pytest.approx(-0.2)


@given(ERRORS, ERRORS, ERRORS, st.floats(0.01, 100))
def test_errors_that_add_up_have_no_synergy(first, second, rest, size):
    found = synergy.synergy(
        *cells(
            size * (first + second + rest),
            size * (second + rest),
            size * (first + rest),
            size * rest,
        )
    )
    assert found[0] == pytest.approx(0, abs=1e-9)


@given(*[ERRORS] * 4)
def test_the_order_of_the_two_does_not_matter_and_bounds(neither, one, other, both):
    there = synergy.synergy(*cells(neither, one, other, both))
    back = synergy.synergy(*cells(neither, other, one, both))
    np.testing.assert_allclose(there, back, rtol=1e-9, atol=1e-9)
    if both <= min(one, other) and max(one, other) <= neither:
        assert -1 - 1e-12 <= there[0] <= 1 + 1e-12


def test_synergy_of_linear_propagation_of_independent_errors_is_zero():
    # a chain of three linear layers with a random error each: squares add on average
    drawn = np.asarray(jax.random.normal(jax.random.key(0), (20000, 3)), float)
    gains = np.array([0.5, 2.0, 1.0])
    error = {
        kept: np.mean(
            (drawn * gains * [layer not in kept for layer in range(3)]).sum(axis=1) ** 2
        )
        for kept in ((), (0,), (2,), (0, 2))
    }
    found = synergy.synergy(*cells(error[()], error[0,], error[2,], error[0, 2]))
    # products of 20000 draws: an error of 2 / sqrt(20000) of the 5.25 in all
    assert found[0] == pytest.approx(0, abs=0.05)


def test_advantage_is_the_log_of_the_rivals_geometric_mean():
    found = synergy.advantage(np.array([1.0, 2.0]), np.array([[4.0, 2.0], [1.0, 2.0]]))
    np.testing.assert_allclose(found, [math.log(2), 0.0])


def test_errors_say_what_is_needed():
    with pytest.raises(ValueError, match="needs an error above 0"):
        synergy.synergy(*cells(0, 1, 1, 1))
    with pytest.raises(ValueError, match="at least 1 rival, got 0"):
        synergy.advantage(np.ones(2), np.ones((0, 2)))
    with pytest.raises(ValueError, match="errors above 0"):
        synergy.advantage(np.ones(2), np.zeros((1, 2)))
