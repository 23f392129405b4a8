"""Effective dimensions of weighted texts against covariances of repeated tokens."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.measure import token_covariance as measure
from tests.measure import drawn_states
from tests.models import small

BLOCK = np.array([0, 0, 1, 2, 2, 1])
COUNTS = np.array([[1, 1, 1], [0, 1, 1], [2, 0, 1], [0, 3, 0]])


def languages():
    return {
        "a": drawn_states.drawn(0),
        "b": drawn_states.drawn(1, lengths=(2, 8, 3, 3, 9, 4)),
    }


def tokens(states, tap, counts):
    """Tokens but the start tokens, each text as often as it was drawn."""
    block = np.where(states.place > 0, BLOCK[states.sentence], -1)
    parts = [
        states.values[tap, block == number].astype(float)
        for number, times in enumerate(counts)
        for _ in range(times)
    ]
    return np.concatenate(parts)


def spectrum(values, weights=None):
    return np.linalg.eigvalsh(np.cov(values.T, aweights=weights, ddof=0))


def ratio(values, weights=None):
    found = spectrum(values, weights)
    return found.sum() ** 2 / np.sum(found**2)


def test_dimension_of_each_language_for_weights_of_texts():
    found = measure.covariances(languages().items(), BLOCK)
    for moments, states in zip(found.each, languages().values(), strict=True):
        expected = [
            [ratio(tokens(states, tap, counts)) for tap in range(3)]
            for counts in COUNTS
        ]
        dimensions = measure.dimensions(moments, COUNTS.astype(float))
        # 1e-9: the means that are taken off cost digits
        np.testing.assert_allclose(dimensions, expected, rtol=1e-9)


def test_languages_count_the_same_when_pooled():
    found = measure.covariances(languages().items(), BLOCK)
    whole = [len(tokens(states, 0, (1, 1, 1))) for states in languages().values()]
    assert found.n_tokens.tolist() == whole
    for row, counts in enumerate(COUNTS):
        for tap in range(3):
            parts = [tokens(states, tap, counts) for states in languages().values()]
            weights = np.concatenate(
                [np.full(len(p), 1 / n) for p, n in zip(parts, whole, strict=True)]
            )
            values = np.concatenate(parts)
            dimension = measure.dimensions(found.pooled, COUNTS.astype(float))
            assert dimension[row, tap] == pytest.approx(ratio(values, weights))
            if not row:
                np.testing.assert_allclose(
                    found.pooled_eigenvalues[tap], spectrum(values, weights), rtol=1e-9
                )


def test_eigenvalues_are_those_of_each_language():
    found = measure.covariances(languages().items(), BLOCK)
    for place, states in enumerate(languages().values()):
        for tap in range(3):
            np.testing.assert_allclose(
                found.eigenvalues[place, tap],
                spectrum(tokens(states, tap, (1, 1, 1))),
                rtol=1e-9,
            )


@hypothesis.given(st.integers(0, 20), st.floats(0.01, 100), st.floats(-50, 50))
def test_dimension_is_that_of_rotated_scaled_and_moved_states(seed, scale, move):
    states = drawn_states.drawn(seed, taps=1)
    turn = np.linalg.qr(small.normal("turn", (4, 4), seed).astype(float))[0]
    moved = scale * (states.values.astype(float) @ turn + move)
    both = {
        name: drawn_states.states(values, states.sentence, states.place)
        for name, values in (("plain", states.values), ("moved", moved))
    }
    found = measure.covariances(both.items(), BLOCK)
    weights = np.array([[1.0, 1.0, 1.0], [0.5, 0.0, 2.0]])
    one, other = (measure.dimensions(moments, weights) for moments in found.each)
    # states are rounded to float32 after they are moved
    np.testing.assert_allclose(one, other, rtol=1e-3)
    assert np.all((one >= 1) & (one <= 4))


def test_known_dimensions():
    """Tokens on three axes in turn, then on one."""
    place = np.tile(np.arange(25), 2)
    sentence = np.repeat([0, 1], 25)
    values = np.zeros((2, 50, 4))
    axis = np.arange(50) % 25
    for token in np.flatnonzero(place):
        step = (axis[token] - 1) % 6
        values[0, token, step // 2] = 1 - 2 * (step % 2)
        values[1, token, 3] = 1 - 2 * (step % 2)
    states = {"a": drawn_states.states(values, sentence, place)}
    found = measure.covariances(states.items(), np.array([0, 1]))
    dimension = measure.dimensions(found.pooled, np.array([[1.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(dimension, [[3, 1], [3, 1]], rtol=1e-12)


def test_where_nothing_varies_there_is_one_dimension():
    states = drawn_states.drawn(0)
    states.values[...] = 4.0
    found = measure.covariances({"a": states}.items(), BLOCK)
    assert np.all(measure.dimensions(found.pooled, np.ones((1, 3))) == 1)
    assert np.all(found.eigenvalues == 0)
