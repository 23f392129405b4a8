"""Errors at the logits: against float64, the loss's second derivative, and the cube."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, logit_errors
from jaxdisp.models import decoder
from jaxdisp.models.quantized import quantize
from tests.claims import subject as made
from tests.measure import tiny
from tests.models import small

LAYERS, TOKENS, VOCABULARY = 3, 4, 7


def logits(seed=0, size=0.3):
    full = 2 * small.normal("full", (TOKENS, VOCABULARY), seed)
    change = size * small.normal("change", (LAYERS, TOKENS, VOCABULARY), seed)
    return full, full[None] + change


def test_products_are_those_of_the_loss_s_second_derivative():
    full, changed = logits()
    fisher, plain = logit_errors.token_products(jnp.asarray(full), jnp.asarray(changed))
    error = changed.astype(np.float64) - full
    for token in range(TOKENS):
        p = special.softmax(full[token].astype(np.float64))
        metric = np.diag(p) - np.outer(p, p)
        centring = np.eye(VOCABULARY) - 1 / VOCABULARY
        e = error[:, token]
        np.testing.assert_allclose(
            fisher[token], e @ metric @ e.T, rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            plain[token], e @ centring @ e.T, rtol=1e-4, atol=1e-5
        )

    def loss(shift):
        return jax.nn.logsumexp(jnp.asarray(full[0]) + shift) - full[0, 2]

    hessian = jax.hessian(loss)(jnp.zeros(VOCABULARY))
    expected = error[:, 0] @ np.asarray(hessian) @ error[:, 0].T
    np.testing.assert_allclose(fisher[0], expected, rtol=1e-3, atol=1e-6)


@given(
    seed=st.integers(0, 50),
    shift=st.floats(-50, 50, width=32),
    size=st.sampled_from([1e-3, 0.3, 5.0, 200.0]),
)
def test_divergences_equal_float64_at_any_size_and_shift(seed, shift, size):
    full, changed = logits(seed, size)
    other = changed[0] + np.float32(shift)
    p = special.log_softmax(full.astype(np.float64), axis=-1)
    q = special.log_softmax(other.astype(np.float64), axis=-1)
    expected = np.sum(np.exp(p) * (p - q), axis=-1)
    found = logit_errors.token_divergence(jnp.asarray(full), jnp.asarray(other))
    # logits around 50 are known to 4e-6, and changes of them are the first-order part
    rounding = 4e-6
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=rounding * max(1, size))
    assert np.all(np.asarray(found) >= -rounding)
    moved = logit_errors.token_products(jnp.asarray(full), jnp.asarray(changed))
    still = logit_errors.token_products(
        jnp.asarray(full), jnp.asarray(changed + np.float32(4.0))
    )
    for one, two in zip(moved, still, strict=True):
        scale = float(np.max(np.abs(one)))
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=3e-5 * max(1.0, scale))


def test_small_divergences_are_half_the_product():
    full, changed = logits(size=1e-2)
    fisher, _ = logit_errors.token_products(jnp.asarray(full), jnp.asarray(changed))
    found = logit_errors.token_divergence(jnp.asarray(full), jnp.asarray(changed[1]))
    # to third order in changes of 0.01
    np.testing.assert_allclose(found, np.asarray(fisher)[:, 1, 1] / 2, rtol=0.05)


@ft.cache
def measured():
    subject = made.tiny()
    model, text = subject.model, subject.few
    version = quantize(model, subject.quantizer)
    n_layers = model.config.n_layers
    sites = np.concatenate([np.zeros((1, n_layers), int), np.eye(n_layers, dtype=int)])
    return (
        subject,
        sites,
        version,
        list(logit_errors.final_states(model, text, version, sites)),
    )


def test_losses_are_those_of_the_cube(monkeypatch):
    subject, sites, _, states = measured()
    expected = np.asarray(
        cube.evaluate(subject.model, subject.few, sites, [subject.quantizer]).nll
    )
    # chunks that do not divide the tokens
    monkeypatch.setattr(logit_errors, "BYTES", 5 * 4 * 2 * small.TOKENS)
    for number, (language, found) in enumerate(states):
        assert language == subject.few.languages[number]
        full = found.replace(values=found.values[:1])
        for config in range(len(sites)):
            other = found.replace(values=found.values[config : config + 1])
            each = logit_errors.divergences(
                subject.model, full, other, subject.few.n_sentences
            )
            np.testing.assert_allclose(each.loss, expected[config, number], rtol=1e-5)
            if config == 0:
                np.testing.assert_allclose(each.divergence, 0.0, atol=1e-5)


def test_products_are_summed_by_sentence(monkeypatch):
    subject, sites, version, states = measured()
    model, text = subject.model, subject.few
    encoded = cube.encode(model, text)
    monkeypatch.setattr(logit_errors, "BYTES", 6 * 4 * len(sites) * small.TOKENS)
    found = logit_errors.error_products(model, states[1][1], text.n_sentences)
    for sentence in (0, 5):
        tokens = encoded[1][sentence]
        outputs = jax.lax.map(
            lambda site, given=tokens: decoder.logits(
                model.architecture,
                model.config,
                (model.params, version),
                site,
                jnp.asarray([given]),
            )[0, :-1],
            jnp.asarray(np.pad(sites, ((0, 0), (0, 1)))),
        )
        fisher, plain = logit_errors.token_products(outputs[0], outputs[1:])
        np.testing.assert_allclose(
            found.fisher[sentence], np.asarray(fisher).sum(0), rtol=1e-3, atol=1e-4
        )
        np.testing.assert_allclose(
            found.plain[sentence], np.asarray(plain).sum(0), rtol=1e-3, atol=1e-3
        )


def test_tokens_of_long_sentences_count_once(tmp_path):
    subject, _, version, _ = measured()
    model = subject.model
    text = corpora.load_corpus(tiny.write_corpus(tmp_path, tiny.LONG))
    sites = np.ones((1, model.config.n_layers), int)
    expected = np.asarray(cube.evaluate(model, text, sites, [subject.quantizer]).nll)
    states = dict(logit_errors.final_states(model, text, version, sites))
    for number, language in enumerate(text.languages):
        each = states[language]
        found = logit_errors.divergences(model, each, each, text.n_sentences)
        np.testing.assert_allclose(found.loss, expected[0, number], rtol=1e-5)
