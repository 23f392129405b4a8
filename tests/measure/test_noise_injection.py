import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import noise_injection
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from tests.claims import subject as made

KEY = jax.random.key(2)


@pytest.fixture(scope="module")
def measured():
    subject = made.tiny()
    levels = np.array([0.0, 0.0004, 0.0016])
    found = noise_injection.noise_losses(
        subject.model, subject.corpus, levels, tap=1, key=KEY
    )
    return subject, levels, found


def test_no_noise_adds_nothing_and_little_adds_in_proportion(measured):
    _, levels, found = measured
    assert found.shape == (3, 3, 8)
    # logits in float32: a few 1e-6 of losses of 100 nats
    np.testing.assert_allclose(found[0], 0, atol=1e-3)
    assert np.abs(found[2]).max() > 0.003
    # four times the variance, four times the loss, up to the fourth order
    np.testing.assert_allclose(
        found[2].sum() / found[1].sum(), levels[2] / levels[1], rtol=0.3
    )


def test_is_half_the_curvature_times_the_variance():
    """Averaged over noise the slope is the trace of the Hessian, by differences."""
    subject = made.tiny()
    model, variance = subject.model, 0.0025
    corpus = dataclasses.replace(
        corpora.keep(subject.corpus, [2]),
        languages=("de",),
        sentences=(("Ja.",),),
    )
    tap = model.config.n_layers
    draws = [
        noise_injection.noise_losses(
            model,
            corpus,
            np.array([variance]),
            tap=tap,
            key=jax.random.fold_in(KEY, draw),
        )[0, 0, 0]
        for draw in range(60)
    ]
    (sentence,) = encode(model, corpus)[0]
    taps, _ = decoder.hidden_states(
        model.architecture,
        model.config,
        (model.params,),
        jnp.zeros(tap + 1, jnp.int32),
        jnp.asarray([sentence]),
    )
    step, width, expected = 0.05, model.config.width, 0.0
    for token in range(1, len(sentence) - 1):
        own = np.asarray(taps[tap, 0, token])
        moves = step * np.sqrt(np.mean(own**2)) * np.eye(width, dtype=np.float32)
        rows = np.concatenate([own + moves, own - moves, own[None]])
        logits = model.architecture.readout(
            model.params["outside"], jnp.asarray(rows)[None], model.config
        )
        chances = special.log_softmax(np.asarray(logits[0], np.float64), axis=1)
        loss = -chances[:, sentence[token + 1]]
        trace = (loss[:-1].sum() - 2 * width * loss[-1]) / step**2
        expected += variance * trace / 2
    # four standard errors of 60 draws, and a tenth for the fourth order
    error = np.std(draws) / np.sqrt(60)
    assert abs(np.mean(draws)) > 4 * error
    np.testing.assert_allclose(
        np.mean(draws), expected, atol=4 * error + 0.1 * abs(expected)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tap": 4}, "tap must be from 0 to 3, got 4"),
        ({"variances": np.array([-1.0])}, "variances must not be negative"),
    ],
)
def test_refuses(changes, message):
    subject = made.tiny()
    arguments = {"variances": np.array([0.1]), "tap": 1, "key": KEY} | changes
    with pytest.raises(ValueError, match=message):
        noise_injection.noise_losses(subject.model, subject.corpus, **arguments)
