"""Uniform numbers that instances of theorems are made of."""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray


def uniforms(
    key: PRNGKeyArray, n: int, count: int
) -> Float[np.ndarray, "instance number"]:
    """Draws numbers strictly between 0 and 1, in double precision.

    Args:
        key: of the draws.
        n: instances.
        count: numbers of each.

    Reference: Salmon et al. 2011, SC (the generator).
    """
    with jax.enable_x64(True):
        drawn = jax.random.uniform(key, (n, count), "float64", 1e-12, 1.0)
    return np.array(drawn)
