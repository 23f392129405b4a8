"""Noise on hidden states: what a model loses when the states of a layer are shaken."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.activations import FEW_SHAPES
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model


def noise_losses(
    model: Model,
    corpus: corpora.Corpus,
    variances: Float[np.ndarray, " level"],
    *,
    tap: int,
    key: PRNGKeyArray,
    stride: int | None = None,
) -> Float[np.ndarray, "level language sentence"]:
    """Measures what noise on the states of one tap adds to the loss.

    Definition: each token's state `h` becomes `h + sqrt(v |h|^2 / d) e`, e standard
    normal, the first token of a window excepted (it is the start token, whose state may
    be a hundred times the others'); added is the mean loss with `e` and with `-e`,
    which cancels what is linear in the noise, less the loss without. All levels share
    their noise.

    Args:
        model: an open model.
        corpus: parallel text.
        variances: `v`, relative to the power of each state.
        tap: 0 before the first layer, i after layer i - 1.
        key: of the noise.
        stride: of windows, in tokens; None is half of the context.

    Returns:
        Nats per sentence.

    Raises:
        ValueError: if there is no such tap, or a variance is negative.

    Reference: our own definition; antithetic pairs are Hammersley and Morton 1956.
    """
    if not 0 <= tap <= model.config.n_layers:
        raise ValueError(f"tap must be from 0 to {model.config.n_layers}, got {tap}")
    if np.any(variances < 0):
        raise ValueError(f"variances must not be negative, got {variances.min()}")
    encoded = encode(model, corpus)
    context = model.config.context
    cut = [windows.cut(sentences, context, stride) for sentences in encoded]
    classes = length_classes(cut, FEW_SHAPES)
    size = jnp.asarray(np.sqrt(variances), jnp.float32)
    found = np.zeros((len(variances), len(cut), corpus.n_sentences))
    for language, parts in enumerate(cut):
        of_parts = np.zeros((len(variances), len(parts)))
        own = jax.random.fold_in(key, language)
        for number, batch in enumerate(equal_batches(parts, classes, context)):
            added = _added(
                model.params,
                jnp.asarray(batch.tokens[0]),
                jnp.asarray(batch.scored[0]),
                jax.random.fold_in(own, number),
                size,
                tap=tap,
                architecture=model.architecture,
                config=model.config,
            )
            of_parts[:, batch.places] = np.asarray(added)[:, : len(batch.places)]
        found[:, language] = windows.add_up(of_parts, windows.sentences_of(parts))
    return found


@ft.partial(jax.jit, static_argnames=("tap", "architecture", "config"))
def _added(
    params: decoder.Parameters,
    tokens: Int[Array, "sentence token"],
    scored: Bool[Array, "sentence token"],
    key: PRNGKeyArray,
    size: Float[Array, " level"],
    *,
    tap: int,
    architecture: decoder.Architecture,
    config: Any,
) -> Float[Array, "level sentence"]:
    full = jnp.zeros(config.n_layers + 1, jnp.int32)
    taps, clean = decoder.hidden_states(architecture, config, (params,), full, tokens)
    own = taps[tap].astype(jnp.float32)
    power = jnp.sqrt(jnp.mean(own**2, axis=-1, keepdims=True))
    noise = power * jax.random.normal(key, own.shape)
    shaken = jnp.zeros(taps.shape[:-1], bool).at[tap, :, 1:].set(True)

    def loss(logits: Array) -> Array:
        return jnp.sum(decoder.token_losses(logits, tokens, scored), axis=-1)

    def one(amplitude: Array) -> Array:
        states = jnp.broadcast_to(own + amplitude * noise, taps.shape)
        return loss(
            decoder.patched_logits(
                architecture, config, (params,), full, tokens, states, shaken
            )
        )

    there, back = jax.lax.map(one, jnp.concatenate([size, -size])).reshape(
        2, len(size), -1
    )
    return (there + back) / 2 - loss(clean)[None]
