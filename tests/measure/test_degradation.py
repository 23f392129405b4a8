"""Degradation against float64, one resample and one language at a time."""

import numpy as np
import pytest
from hypothesis import given, settings

from jaxdisp.measure import degradation as degradations
from jaxdisp.stats import bootstrap
from tests.measure import cubes, oracles

VOCABULARY = 5000


def measure(evaluation, groups=cubes.GROUPS):
    return degradations.degradation(
        evaluation, cubes.reference(), groups, key=cubes.KEY, vocabulary=VOCABULARY
    )


def close(interval, at, expected):
    """float32 sums of eighths are exact, their quotients off by a rounding (6e-8).

    The acceleration inherits that, moves the bound between two draws, and these lie up
    to a standard error apart: 1e-3 of one is ample, and any other resample is 0.1 off.
    """
    error = float(interval.standard_error[at])
    estimate, low, high = expected
    assert interval.estimate[at] == pytest.approx(estimate, rel=1e-6)
    assert interval.low[at] == pytest.approx(low, abs=1e-3 * error)
    assert interval.high[at] == pytest.approx(high, abs=1e-3 * error)


@pytest.mark.parametrize("groups", [cubes.GROUPS, np.arange(12)])
def test_estimates_and_intervals_equal_float64(groups):
    added = np.stack([3 + cubes.noise("clear", 1), cubes.noise("noise", 2)])
    found = measure(cubes.losing(*added), groups)
    n_groups = len(set(groups.tolist()))
    counts = bootstrap.draw_counts(cubes.KEY, n_clusters=n_groups)
    for config in range(2):
        definitions = oracles.degradations(added[config], cubes.N_TOKENS, cubes.N_BYTES)
        for name, definition in definitions.items():
            for language in (0, 3):
                expected = oracles.measured(
                    lambda rows, f=definition, n=language: f(n, rows), groups, counts
                )
                close(getattr(found, name), (config, language), expected)


def test_losses_added_are_per_sentence_and_exact():
    added = np.stack(
        [cubes.noise("a", 1), cubes.noise("b", 1), 0 * cubes.noise("c", 1)]
    )
    found = degradations.losses_added(cubes.losing(*added), cubes.reference())
    assert found.shape == (12, 3, 4)
    np.testing.assert_array_equal(found, np.moveaxis(added, -1, 0))


def test_full_precision_loses_exactly_nothing():
    found = measure(cubes.losing(np.zeros((4, 12)), 1 + np.zeros((4, 12))))
    for interval in (found.per_sentence, found.per_byte, found.per_token):
        np.testing.assert_array_equal(interval.estimate[0], 0)
        np.testing.assert_array_equal(interval.low[0], 0)
        np.testing.assert_array_equal(interval.high[0], 0)
    # the same loss of every sentence has no spread
    np.testing.assert_array_equal(found.per_sentence.low[1], 1)
    np.testing.assert_array_equal(found.per_sentence.high[1], 1)


@settings(max_examples=3)  # each compiles
@given(added=cubes.ADDED)
def test_how_hard_a_language_is_does_not_matter(added):
    harder = np.array([[0.0], [8.0], [64.0], [0.5]])
    same = cubes.losing(added, 2 * added, 1 + added)
    shifted = cubes.evaluation(np.asarray(same.nll) + harder[None])
    found = measure(same)
    moved = degradations.degradation(
        shifted,
        cubes.reference() + np.float32(harder),
        cubes.GROUPS,
        key=cubes.KEY,
        vocabulary=VOCABULARY,
    )
    for name in ("per_sentence", "per_byte", "per_token"):
        one, other = getattr(found, name), getattr(moved, name)
        np.testing.assert_array_equal(one.estimate, other.estimate)
        np.testing.assert_array_equal(one.low, other.low)
        np.testing.assert_array_equal(one.high, other.high)
        # twice the loss is twice the degradation: powers of 2 are exact
        np.testing.assert_array_equal(one.estimate[1], 2 * one.estimate[0])
        np.testing.assert_array_equal(one.high[1], 2 * one.high[0])
    # one nat more per sentence is one nat more; float32 sums near 200 round by 1e-5
    per_sentence = found.per_sentence
    for bound in (per_sentence.estimate, per_sentence.low, per_sentence.high):
        np.testing.assert_allclose(bound[2], 1 + bound[0], atol=2e-5)


@settings(max_examples=2)  # each compiles
@given(added=cubes.ADDED)
def test_languages_are_independent_columns(added):
    order = [2, 0, 3, 1]
    whole = cubes.losing(added)
    found = measure(whole)
    permuted = whole.replace(
        nll=whole.nll[:, np.array(order)],
        n_tokens=whole.n_tokens[np.array(order)],
        n_bytes=whole.n_bytes[np.array(order)],
    )
    moved = degradations.degradation(
        permuted,
        cubes.reference()[np.array(order)],
        cubes.GROUPS,
        key=cubes.KEY,
        vocabulary=VOCABULARY,
    )
    for name in ("per_sentence", "per_byte", "per_token"):
        one, other = getattr(found, name), getattr(moved, name)
        # a matrix product may sum a column at another place in another order
        for bound in ("estimate", "low", "high"):
            np.testing.assert_allclose(
                getattr(other, bound)[0],
                getattr(one, bound)[0, np.array(order)],
                atol=1e-5,
            )


def test_collapse_is_nine_tenths_of_a_uniform_guess():
    chance = np.log(VOCABULARY)
    shares = np.array([0.5, 0.899, 0.901, 1.2])
    nll = shares[:, None] * chance * cubes.N_TOKENS
    found = measure(cubes.evaluation(nll[None]))
    assert found.collapsed.tolist() == [[False, False, True, True]]
    # means of float32 losses: a few roundings
    np.testing.assert_allclose(found.loss[0], nll.mean(axis=1), rtol=1e-6)
