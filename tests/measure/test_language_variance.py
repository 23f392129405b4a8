"""Profiles of languages against statistics taken token by token."""

import numpy as np
import pytest

from jaxdisp.measure import language_variance as measure
from jaxdisp.stats.variance_components import row_variance
from tests.measure import drawn_states

GROUPS = (7, 7, 2, 2, 5, 9)


def languages(moved=0.0, scaled=1.0):
    found = {name: drawn_states.drawn(seed) for seed, name in enumerate(("a", "b"))}
    found["c"] = drawn_states.drawn(2, lengths=(2, 8, 3, 3, 9, 4))
    for states in found.values():
        states.values[...] = moved + scaled * states.values
    return found


def tokens(states, tap, without=None):
    """Tokens of a language but the start tokens, without one text."""
    text = np.array(GROUPS)[states.sentence]
    return states.values[tap, (states.place > 0) & (text != without)].astype(float)


def pseudo(statistic, states, tap):
    """Pseudo-values of a statistic, text by text."""
    whole = statistic(tokens(states, tap))
    return [
        4 * whole - 3 * statistic(tokens(states, tap, text))
        for text in dict.fromkeys(GROUPS)
    ]


@pytest.mark.parametrize("tap", [0, 2])
def test_profiles_are_pseudo_values_of_tokens(tap):
    found = languages()
    sums = measure.text_sums(found.items(), GROUPS)
    assert measure.fewest_tokens(sums) == min(
        len(tokens(states, tap, text)) for states in found.values() for text in GROUPS
    )
    each = [tokens(states, tap) for states in found.values()]
    # all languages alike: the mean of means, and of squares about it
    centre = np.mean([values.mean(axis=0) for values in each], axis=0)
    variance = np.mean([np.mean((values - centre) ** 2, axis=0) for values in each], 0)
    means = [
        pseudo(lambda values: values.mean(axis=0), states, tap)
        for states in found.values()
    ]
    spreads = [
        pseudo(lambda values: np.log(values.var(axis=0)), states, tap)
        for states in found.values()
    ]
    profiles = measure.profiles(sums, tap)
    expected = np.array(means) / np.sqrt(variance.sum())
    # the origin is free; 1e-6: states are float32, and sums of them are not
    np.testing.assert_allclose(
        profiles.means - profiles.means[0, 0], expected - expected[0, 0], atol=1e-6
    )
    np.testing.assert_allclose(profiles.spreads, np.array(spreads) / 2, atol=1e-6)


def test_neither_scale_nor_origin_of_states_matters():
    one = measure.text_sums(languages().items(), GROUPS)
    other = measure.text_sums(languages(moved=20.0, scaled=8.0).items(), GROUPS)
    for tap in range(3):
        plain, moved = measure.profiles(one, tap), measure.profiles(other, tap)
        for name in ("means", "spreads"):
            found = row_variance(getattr(moved, name))
            expected = row_variance(getattr(plain, name))
            # float32 states around 200 are known to 1e-5 of their spread
            assert found.observed == pytest.approx(expected.observed, rel=1e-4)
            assert found.noise == pytest.approx(expected.noise, rel=1e-4)


def test_a_language_that_is_moved_is_found_where_it_was():
    found = languages()
    found["b"].values[1] += 5 * 3.0  # five standard deviations in every channel
    sums = measure.text_sums(found.items(), GROUPS)
    share = [row_variance(measure.profiles(sums, tap).means).excess for tap in range(3)]
    assert share[1] > 0.5
    assert max(share[0], share[2]) < 0.1
    found["b"].values[2] *= 4.0
    sums = measure.text_sums(found.items(), GROUPS)
    spread = [
        row_variance(measure.profiles(sums, tap).spreads).excess for tap in range(3)
    ]
    # log 16 in one of three languages
    assert spread[2] == pytest.approx(np.var([0, np.log(16), 0], ddof=1), rel=0.3)
    assert max(spread[:2]) < 0.3


def test_constant_channels_have_no_variance_to_speak_of():
    found = languages()
    for states in found.values():
        states.values[:, :, 1] = 3.0
    profiles = measure.profiles(measure.text_sums(found.items(), GROUPS), 0)
    assert profiles.means.shape == (3, 4, 4)
    assert profiles.spreads.shape == (3, 4, 3)
    for states in found.values():
        states.values[...] = 3.0
    profiles = measure.profiles(measure.text_sums(found.items(), GROUPS), 0)
    assert profiles.spreads.shape == (3, 4, 0)
    assert row_variance(profiles.spreads).observed == 0
    # no more than what rounding leaves
    assert row_variance(profiles.means).observed < 1e-20


def test_too_few_tokens_are_said():
    few = {"a": drawn_states.drawn(0, lengths=(2, 2, 2, 2, 2, 2))}
    sums = measure.text_sums(few.items(), (0, 0, 0, 1, 1, 1))
    with pytest.raises(ValueError, match=r"8 tokens of each language .* got 6"):
        measure.profiles(sums, 0)
    with pytest.raises(ValueError, match="no states of any language"):
        measure.text_sums([], (0,))
