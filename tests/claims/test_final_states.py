"""Final states against whole passes of the decoder, one sentence at a time."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.claims import final_states, losses
from jaxdisp.measure import cube
from jaxdisp.models import decoder
from tests.claims import subject as made
from tests.measure import tiny as texts

SITES = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 0], [1, 0, 1]])
CLOSE = 3


def cosine_distance(x, y):
    a, b = np.asarray(x, float), np.asarray(y, float)
    return 1 - np.sum(a * b, axis=1) / np.sqrt(np.sum(a * a, 1) * np.sum(b * b, 1))


@ft.cache
def passes():
    """Final states and logits, `[config][language][sentence]`, full precision first."""
    subject = made.tiny()
    model = subject.model
    versions = (model.params, losses.rounded(subject))
    encoded = cube.encode(model, subject.few)
    run = jax.jit(
        ft.partial(decoder.hidden_states, model.architecture, model.config, versions)
    )

    def one(sites, sentence):
        # padding on the right changes nothing before it
        tokens = np.zeros((1, texts.CONTEXT), np.int32)
        tokens[0, : len(sentence)] = sentence
        states, logits = run(jnp.asarray([*sites, 0], jnp.int32), jnp.asarray(tokens))
        return states[-1, 0, : len(sentence)], logits[0, : len(sentence)]

    return [
        [[one(sites, sentence) for sentence in language] for language in encoded]
        for sites in [np.zeros(3, int), *SITES]
    ]


def test_equal_those_of_whole_passes():
    found = final_states.final_states(made.tiny(), SITES, close=CLOSE)
    for language in range(3):
        for sentence in range(8):
            full, full_logits = (np.asarray(x) for x in passes()[0][language][sentence])
            # from the first token after the start to the last that predicts one
            inner = slice(1, len(full) - 1)
            assert found.tokens[language, sentence] == len(full) - 2
            for config in range(len(SITES)):
                state, logits = (
                    np.asarray(x) for x in passes()[1 + config][language][sentence]
                )
                expected = cosine_distance(full[inner], state[inner]).sum()
                # states of float32, whose distances are of about 0.01
                assert found.distance[config, language, sentence] == pytest.approx(
                    expected, rel=1e-3, abs=1e-6
                )
                if config < CLOSE:
                    centred = (
                        x - x.mean(axis=1, keepdims=True) for x in (full_logits, logits)
                    )
                    apart = cosine_distance(*(x[inner] for x in centred)).sum()
                    assert found.readout[config, language, sentence] == pytest.approx(
                        apart, rel=1e-3, abs=1e-6
                    )
                    np.testing.assert_allclose(
                        found.means[1 + config, language, sentence],
                        state[inner].mean(axis=0),
                        atol=1e-4,
                    )
            np.testing.assert_allclose(
                found.means[0, language, sentence], full[inner].mean(axis=0), atol=1e-4
            )
