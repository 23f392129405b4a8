"""One set of stored integers, and a scale for each language to read them with."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def language_scales(
    x: Float[Array, "group value"],
    rounded: Float[Array, "group value"],
    weights: Float[Array, "group value"],
) -> Float[Array, " group"]:
    """Finds, by group, what to multiply shared rounded weights with for one language.

    Formula: `s = sum p x z / sum p z^2`, the least-squares fit of `s z` to `x`; 1 where
    every felt `z` is 0. The language's error is never larger than with `s = 1`, and it
    costs one float per group and language.

    Args:
        x: the weights.
        rounded: `z`, the weights as all languages share them.
        weights: mean square activation that each is felt with, in that language.

    Reference: our own definition; ordinary weighted least squares.
    """
    product = jnp.sum(weights * x * rounded, axis=1)
    square = jnp.sum(weights * rounded * rounded, axis=1)
    felt = square > 0
    return jnp.where(felt, product / jnp.where(felt, square, 1.0), 1.0)
