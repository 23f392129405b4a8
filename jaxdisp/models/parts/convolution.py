"""Short causal convolutions, each channel by itself."""

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float


def causal_convolution(
    state: Float[Array, "sentence token channel"], kernel: Mapping[str, Array]
) -> Float[Array, "sentence token channel"]:
    """Mixes every token with the few before it, channel by channel.

    Definition: `y[t] = sum_k W[k] x[t - (K - 1) + k] + b`, with `x` 0 before the first
    token and the bias only where there is one.

    Args:
        state: hidden states.
        kernel: `weight`, with one row of `K` numbers per channel, and perhaps `bias`.

    Reference: Gu and Dao 2023, arXiv:2312.00752, figure 3.
    """
    weight, n_tokens = kernel["weight"], state.shape[1]
    length = weight.shape[1]
    # shifted products: of all forms tried, XLA's CPU compiler fuses this one best, and
    # its own convolution by channels is tens of times slower
    found = state * weight[None, None, :, -1]
    for back in range(1, min(length, n_tokens)):
        product = state[:, :-back] * weight[None, None, :, length - 1 - back]
        found = found + jnp.pad(product, ((0, 0), (back, 0), (0, 0)))
    return found + kernel["bias"][None, None] if "bias" in kernel else found
