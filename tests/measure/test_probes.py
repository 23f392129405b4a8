"""Linear probes against SciPy's logistic regression, and what they must not tell."""

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure import probes

TAPS, UNITS, WIDTH = 2, 24, 12
LABELS = np.tile([0, 1], UNITS)
MEMBERS = np.repeat(np.arange(UNITS), 2)


def noise(seed, *shape):
    return np.array(jax.random.normal(jax.random.key(seed), shape), np.float32)


def best(inputs, labels, weights, penalty):
    """Coefficients, then the intercept, of the penalized logistic regression."""
    x, y, v = (np.asarray(each, np.float64) for each in (inputs, labels, weights))

    def loss(w):
        z = x @ w[:-1] + w[-1]
        each = np.logaddexp(0.0, z) - y * z
        return np.average(each, weights=v) + penalty / 2 * np.sum(w[:-1] ** 2)

    def slope(w):
        rest = v / v.sum() * (1 / (1 + np.exp(-(x @ w[:-1] + w[-1]))) - y)
        return np.append(x.T @ rest + penalty * w[:-1], rest.sum())

    start = np.zeros(x.shape[1] + 1)
    exact = {"gtol": 1e-12, "ftol": 1e-16, "maxiter": 10_000}
    return scipy.optimize.minimize(
        loss, start, jac=slope, method="L-BFGS-B", options=exact
    ).x


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(0.0, 5.0))
def test_fit_is_the_logistic_regression_of_scipy(seed, shift):
    labels = (np.arange(40) % 2).astype(np.float32)
    states = noise(seed, 1, 40, WIDTH)
    states[0, :, 0] += shift * labels
    inputs = probes.standardized(states)[0]
    weights = (np.arange(40) % 5 > 0).astype(np.float32)
    found = probes.fit(*map(jnp.asarray, (inputs, labels, weights)))
    expected = best(inputs, labels, weights, probes.PENALTY)
    # float32 gradients near 1e-6 over a curvature of 0.01, the penalty
    np.testing.assert_allclose(found[0], expected[:-1], atol=2e-3)
    np.testing.assert_allclose(found[1], expected[-1], atol=2e-3)


def test_items_without_weight_do_not_count():
    inputs, labels = noise(3, 30, WIDTH), (np.arange(30) % 2).astype(np.float32)
    weights = (np.arange(30) < 20).astype(np.float32)
    once = probes.fit(*map(jnp.asarray, (inputs, labels, weights)))
    inputs[20:], labels[20:] = 99.0, 1.0
    again = probes.fit(*map(jnp.asarray, (inputs, labels, weights)))
    np.testing.assert_array_equal(once[0], again[0])


def ask(states, labels=LABELS, units=MEMBERS, types=None, seed=0, **options):
    kinds = np.arange(len(labels)) if types is None else types
    return probes.held_out(
        states, labels, units, kinds, key=jax.random.key(seed), **options
    )


def test_a_feature_that_is_there_is_found_and_its_control_is_not():
    states = noise(1, TAPS, len(LABELS), WIDTH)
    states[1, :, 3] += 6 * LABELS
    found = ask(states)
    assert found.feature[1].mean() > 0.95
    # 24 units: chance is 0.5 with a standard deviation of about 0.07
    assert abs(found.feature[0].mean() - 0.5) < 0.25
    assert abs(found.control[1].mean() - 0.5) < 0.25


def test_control_tasks_are_learnt_where_types_come_again():
    # four types, each with a coordinate of its own: their labels can be learnt by heart
    types = np.arange(len(LABELS)) % 4
    states = 0.1 * noise(2, TAPS, len(LABELS), WIDTH)
    states[:, :, :4] += 3 * np.eye(4)[types].astype(np.float32)
    found = ask(states, types=types)
    assert found.control.mean() > 0.95


def test_units_are_held_out_as_a_whole():
    # items of a unit look alike and share a label drawn at random for the unit: a fold
    # that split units would tell it
    coins = np.asarray(jax.random.bits(jax.random.key(5), (UNITS,))) & 1
    states = np.repeat(noise(4, TAPS, UNITS, 40), 2, axis=1)
    found = ask(states, labels=coins[MEMBERS].astype(np.int64))
    assert found.feature.mean() < 0.7


def test_chance_is_one_half_on_average():
    shares = [
        ask(noise(100 + seed, 1, len(LABELS), WIDTH), seed=seed).feature.mean()
        for seed in range(60)
    ]
    # standard deviation 0.08 each, so 0.01 of the mean; four of these
    assert abs(np.mean(shares) - 0.5) < 0.045


def test_filling_up_changes_nothing():
    states = noise(6, TAPS, len(LABELS), WIDTH)
    states[:, :, 0] += 2 * LABELS
    once, again = ask(states, size=64), ask(states, size=64)
    np.testing.assert_array_equal(once.feature, again.feature)
    folds = probes._draws(jax.random.key(0), MEMBERS, MEMBERS, 64)
    assert folds[0].shape == (probes.REPEATS, len(LABELS))
    assert all(len(set(row[MEMBERS == 3])) == 1 for row in folds[0])
    assert all(np.ptp(np.bincount(row)) == 0 for row in folds[0])


def test_turning_the_labels_turns_nothing_else():
    states = noise(7, TAPS, len(LABELS), WIDTH)
    states[:, :, 0] += 2 * LABELS
    once, again = ask(states), ask(states, labels=1 - LABELS)
    # a logit within rounding of 0 may fall on either side
    assert np.mean(once.feature != again.feature) < 0.02


STATES = hnp.arrays(np.float32, (2, 6, 3), elements=st.floats(-100, 100, width=32))


@given(STATES)
def test_standardized_states_are_centred_and_of_length_one(states):
    found = probes.standardized(states).astype(np.float64)
    np.testing.assert_allclose(found.mean(axis=1), 0.0, atol=1e-4)
    variance = found.var(axis=1) * 3
    spread = np.ptp(states, axis=1) > 1e-2
    np.testing.assert_allclose(variance[spread], 1.0, atol=1e-2)


def test_too_few_units_are_refused():
    with pytest.raises(ValueError, match="probes need at least 4 units, got 3"):
        ask(noise(8, 1, 6, 2), labels=LABELS[:6], units=np.array([0, 0, 1, 1, 2, 2]))
