"""Held-out choices by hand, and that they are not flattered."""

import jax
import numpy as np
import pytest

from jaxdisp.stats import held_out

GROUPS = np.array([0, 0, 4, 4, 4, 2])


def test_by_hand():
    values = np.array([[9.0, 9, 1, 1, 1, 2], [3.0, 3, 3, 3, 3, 3]])
    # without group 0 the second is better (3 to 1.25), else the first
    choice = held_out.chosen_without(values, GROUPS)
    assert choice.tolist() == [1, 1, 0, 0, 0, 0]
    assert held_out.taken(values, choice).tolist() == [3, 3, 1, 1, 1, 2]


def test_equals_a_loop():
    values = np.asarray(jax.random.normal(jax.random.key(2), (5, 6)), float)
    expected = [
        int(np.argmax(values[:, group != GROUPS].mean(axis=1))) for group in GROUPS
    ]
    assert held_out.chosen_without(values, GROUPS).tolist() == expected


def test_own_group_has_no_say():
    values = np.asarray(jax.random.normal(jax.random.key(3), (4, 6)), float)
    moved = values + 100 * (GROUPS == 4) * np.arange(4)[:, None]
    first = held_out.chosen_without(values, GROUPS)
    second = held_out.chosen_without(moved, GROUPS)
    assert np.array_equal(first[GROUPS == 4], second[GROUPS == 4])


def test_of_options_without_difference_the_choice_attains_nothing():
    draws = np.asarray(jax.random.normal(jax.random.key(4), (400, 6, 16)), float)
    groups = np.arange(16)
    attained = [
        held_out.taken(each, held_out.chosen_without(each, groups)).mean()
        for each in draws
    ]
    flattered = draws.mean(axis=2).max(axis=1)
    error = np.std(attained) / np.sqrt(400)
    assert np.mean(attained) < 2 * error
    assert flattered.mean() > 10 * error


def test_one_group_is_too_few():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        held_out.chosen_without(np.ones((2, 3)), np.zeros(3, int))
