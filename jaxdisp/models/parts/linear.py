"""Matrix products on hidden states."""

from collections.abc import Mapping

from jaxtyping import Array, Float


def product(
    state: Float[Array, "*batch width"], weight: Float[Array, "width out"]
) -> Float[Array, "*batch out"]:
    """Multiplies every hidden state with a matrix.

    Definition: `y = x W`, as one product over flattened sentences and tokens, whose
    backward pass is faster on a CPU than that of a batched product.

    Args:
        state: hidden states.
        weight: the matrix, input-first.

    Reference: our own definition.
    """
    flat = state.reshape(-1, state.shape[-1]) @ weight
    return flat.reshape(*state.shape[:-1], weight.shape[-1])


def linear(
    state: Float[Array, "*batch width"], affine: Mapping[str, Array]
) -> Float[Array, "*batch out"]:
    """Applies a matrix, and a bias where there is one.

    Definition: `y = x W + b`.

    Args:
        state: hidden states.
        affine: `weight`, input-first, and perhaps `bias`.

    Reference: our own definition.
    """
    found = product(state, affine["weight"])
    if "bias" not in affine:
        return found
    return found + affine["bias"].reshape((1,) * (found.ndim - 1) + (-1,))
