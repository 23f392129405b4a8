"""Normalizations of hidden states, computed in float32 whatever the states are in."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def layer_norm(
    state: Float[Array, "*batch width"], norm: Mapping[str, Array], epsilon: float
) -> Float[Array, "*batch width"]:
    """Centres and scales every hidden state.

    Definition: `(x - mean x) / sqrt(var x + epsilon) * weight + bias`, gain and bias
    only where there are any.

    Args:
        state: hidden states.
        norm: perhaps `weight` and `bias`.
        epsilon: added to the variance.

    Reference: Ba et al. 2016, arXiv:1607.06450, equation 4.
    """
    wide = state.astype(jnp.float32)
    centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    scaled = centred * jax.lax.rsqrt(variance + epsilon)
    if "weight" in norm:
        scaled = scaled * _as_last(norm["weight"], scaled)
    if "bias" in norm:
        scaled = scaled + _as_last(norm["bias"], scaled)
    return scaled.astype(state.dtype)


def rms_norm(
    state: Float[Array, "*batch width"],
    weight: Float[Array, " width"],
    epsilon: float,
    *,
    offset: float = 0.0,
) -> Float[Array, "*batch width"]:
    """Scales every hidden state to a root mean square of one, times a gain.

    Definition: `x / sqrt(mean x^2 + epsilon) * (offset + weight)`.

    Args:
        state: hidden states.
        weight: the gain, less `offset`.
        epsilon: added to the mean square.
        offset: 1 where checkpoints store the gain less one.

    Reference: Zhang and Sennrich 2019, arXiv:1910.07467, equation 4.
    """
    wide = state.astype(jnp.float32)
    power = jnp.mean(jnp.square(wide), axis=-1, keepdims=True)
    scaled = wide * jax.lax.rsqrt(power + epsilon)
    return (scaled * (offset + _as_last(weight, scaled))).astype(state.dtype)


def _as_last(weight: Array, state: Array) -> Array:
    return weight.astype(jnp.float32).reshape((1,) * (state.ndim - 1) + (-1,))
