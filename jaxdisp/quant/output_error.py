"""What an error of the weights does to the output of a matrix, `y = x W`.

With `S = E[x x^T]` the second moment of the inputs (not centred, since a constant input
carries error like any other) and `C` the change of the weights, the output changes by
`x C`, whose mean square is `tr(C^T S C)`. The diagonal surrogate keeps only the inputs'
mean squares; it is exact for uncorrelated inputs, or for errors whose products average
out. Clipping errors do not: they share a sign. So both are reported.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def output_error(
    change: Float[Array, "input output"], second: Float[Array, "input input"]
) -> Float[Array, ""]:
    """Evaluates the mean square of the change of the output.

    Formula: `tr(C^T S C)`.

    Args:
        change: of the weights, input-first.
        second: second moment of the inputs, averaged over tokens.

    Reference: as for layer-wise quantization, Nagel et al. 2020, arXiv:2004.10568,
        equation 13.
    """
    return jnp.sum(change * (second @ change))


def diagonal_output_error(
    change: Float[Array, "input output"], square: Float[Array, " input"]
) -> Float[Array, ""]:
    """Evaluates the diagonal surrogate of the mean square of the output's change.

    Formula: `sum over i, j of S_ii C_ij^2`.

    Args:
        change: of the weights, input-first.
        square: mean square of each input.

    Reference: our own definition.
    """
    return jnp.sum(square[:, None] * change * change)
