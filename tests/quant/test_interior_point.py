"""The largest geometric mean under linear limits: both sides, and proofs of none."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import interior_point
from tests.quant import certificate_oracles as oracles

WEIGHTS = np.arange(1.0, 7.0) / 21
LOW, HIGH = np.full(6, 4.0**-8), np.full(6, 4.0**-2)


def solve(rows, limits, low=LOW, high=HIGH):
    return interior_point.largest_geometric_mean(WEIGHTS, rows, limits, low, high)


@settings(max_examples=40)
@given(rows=oracles.languages, scale=st.floats(0.01, 1), lean=st.floats(0, 0.3))
def test_both_sides_meet(rows, scale, lean):
    rows = rows - lean * rows.mean(axis=1, keepdims=True)
    rows = rows[np.abs(rows).max(axis=1) > 0]
    if len(rows) == 0:
        return
    middle = np.sqrt(LOW * HIGH)
    limits = scale * np.abs(rows) @ middle + rows.clip(max=0) @ middle
    program = scipy.optimize.linprog(
        np.zeros(6), A_ub=rows * HIGH, b_ub=limits, bounds=(LOW[0] / HIGH[0], 1)
    )
    found = solve(rows, limits)
    assert bool(found.feasible) == (program.status == 0)
    assert (found.prices >= 0).all()
    if not found.feasible:
        assert np.isinf(found.cost)
        assert found.bound > -WEIGHTS @ np.log(LOW)
        return
    assert found.cost - found.bound <= 1e-10
    assert found.bound <= found.cost + 1e-12
    assert ((found.noise >= LOW) & (found.noise <= HIGH)).all()
    size = np.abs(rows) @ found.noise + np.abs(limits)
    assert (rows @ found.noise <= limits + 1e-11 * size).all()
    assert found.cost == pytest.approx(-WEIGHTS @ np.log(found.noise), abs=1e-12)


def test_by_hand():
    # one limit and no other end within reach: u = w / p with sum g u = h, so p = 1 / h
    row = np.array([[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]])
    found = solve(row, np.array([0.5]), np.zeros(6), np.ones(6) * 9)
    # a gap of 1e-11 in a strictly convex cost leaves its root in the noise
    np.testing.assert_allclose(found.noise, WEIGHTS / row[0] / 2, rtol=1e-4)
    np.testing.assert_allclose(found.prices, [2.0], rtol=1e-4)


def test_an_edge():
    # only u = LOW meets the limit
    row = np.ones((1, 6))
    inside = solve(row, np.array([6 * LOW[0] * 1.0001]))
    assert inside.feasible
    outside = solve(row, np.array([6 * LOW[0] * 0.9999]))
    assert not outside.feasible


def test_steps_that_are_too_few(monkeypatch):
    monkeypatch.setattr(interior_point, "STEPS", 1)
    with pytest.raises(ValueError, match="neither noise powers strictly within"):
        solve(np.ones((1, 6)), np.array([0.1]))


def test_limits_that_leave_no_room():
    # the first two must be equal: no noise is strictly within, but some is within
    rows = np.array([[1.0, -1, 0, 0, 0, 0], [-1.0, 1, 0, 0, 0, 0]])
    found = solve(rows, np.zeros(2))
    np.testing.assert_allclose(found.noise, HIGH, rtol=1e-8)
