"""Where the last states of a sentence would have to go for R to change most."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdisp.causal.interventions.joint_readings import Encoded
from jaxdisp.measure import redundancy, windows
from jaxdisp.measure.batches import make_batches
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result


@result
class Slope:
    """How 1 / R of each sentence depends on a shift of all its last states.

    `value` is 1 / R, `direction` its gradient by the shift, `size` the root mean square
    length of the states.
    """

    value: Float[np.ndarray, "language sentence"]
    direction: Float[np.ndarray, "language sentence width"]
    size: Float[np.ndarray, "language sentence"]


def readout_slope(model: Model, encoded: Encoded) -> Slope:
    """Differentiates 1 / R of every sentence by a shift of its last states.

    Definition: `1 / R` is the mean over tokens of `p = sum c^2 / (sum |c|)^2`, `c = g
    h` (`redundancy.readout_participation`); with the gradient `g` of the readout as it
    is, `dp / dh_i = (2 c_i / (sum |c|)^2 - 2 p sign(c_i) / sum |c|) g_i`. Since `g`
    changes with `h`, this is a direction to seek along, not the slope itself.

    Args:
        model: an open model.
        encoded: token numbers by language and sentence, the start token first.

    Reference: our own definition; differentiation of the formula.
    """
    flat = [sentence for language in encoded for sentence in language]
    parts = windows.cut(flat, model.config.context)
    of_sentence = windows.sentences_of(parts)
    starts = np.diff(of_sentence, prepend=-1) > 0
    sums = np.zeros((len(flat), model.config.width + 3))
    for batch in make_batches(parts, model.config.context):
        final = np.concatenate([_final(model, tokens) for tokens in batch.tokens])
        tokens = batch.tokens.reshape(len(final), -1)
        counted = batch.scored.reshape(tokens.shape)[:, 1:].copy()
        n = len(batch.places)
        counted[n:] = False
        counted[:n, 0] &= ~starts[batch.places]
        row, column = np.nonzero(counted)
        states = final[row, column]
        gradient = redundancy.readout_gradient(model, states, tokens[row, column + 1])
        np.add.at(sums, of_sentence[batch.places[row]], _token_slopes(gradient, states))
    means = sums[:, 1:] / sums[:, :1]
    shape = (len(encoded), -1)
    return Slope(
        value=means[:, 0].reshape(shape),
        size=np.sqrt(means[:, 1]).reshape(shape),
        direction=means[:, 2:].reshape(*shape, model.config.width),
    )


def _token_slopes(gradient: np.ndarray, states: np.ndarray) -> np.ndarray:
    """One, p, the square of the length, and the gradient of p, token by token."""
    g, h = gradient.astype(np.float64), states.astype(np.float64)
    c = g * h
    total = np.sum(np.abs(c), axis=1, keepdims=True)
    some = total > 0
    total = np.where(some, total, 1.0)
    p = np.sum(c**2, axis=1, keepdims=True) / total**2
    slope = (2 * c / total**2 - 2 * p * np.sign(c) / total) * g
    square = np.sum(h**2, axis=1, keepdims=True)
    return np.where(some, np.hstack([np.ones_like(p), p, square, slope]), 0.0)


def _final(
    model: Model, tokens: Int[np.ndarray, "window token"]
) -> Float[np.ndarray, "window token width"]:
    return np.asarray(
        _final_states(
            model.params,
            jnp.asarray(tokens),
            architecture=model.architecture,
            config=model.config,
        ),
        np.float32,
    )


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _final_states(
    params: decoder.Parameters,
    tokens: Int[Array, "window token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> Float[Array, "window token width"]:
    everything = jnp.zeros(config.n_layers + 1, jnp.int32)
    return decoder.hidden_states(architecture, config, (params,), everything, tokens)[
        0
    ][-1]
