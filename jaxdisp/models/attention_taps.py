"""Weights of attention, layer by layer, reduced where they are made."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder


def attends(architecture: decoder.Architecture, config: Any) -> bool:
    """Says whether the layers of a model have attention.

    Definition: whether `block` returns something under `decoder.ATTENTION`; shapes
    alone are computed.

    Args:
        architecture: the family's functions.
        config: its configuration.

    Reference: our own definition.
    """
    layer = decoder.assemble(
        {
            tensor.path: jax.ShapeDtypeStruct(tensor.shape, jnp.float32)
            for tensor in architecture.tensors(config)
            if tensor.stacked
        }
    )["blocks"]
    state = jax.ShapeDtypeStruct((1, 2, config.width), jnp.float32)
    index = jax.ShapeDtypeStruct((), jnp.int32)
    _, found = jax.eval_shape(
        lambda *given: architecture.block(*given, config), layer, state, index
    )
    return decoder.ATTENTION in found


def attention(
    architecture: decoder.Architecture,
    config: Any,
    versions: tuple[decoder.Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    reduce: Callable[[Float[Array, "sentence head token source"]], Any],
) -> Any:
    """Runs the decoder and keeps what a function makes of each layer's attention.

    Definition: `reduce(w)` of the weights `w`, layers stacked on axis 0; `w[s, h, t]`
    adds up to 1 over sources. All weights of a long text do not fit into memory, which
    is why they are reduced layer by layer.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        assignment: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, padded on the right.
        reduce: what is kept of the weights of one layer; in float32.

    Raises:
        ValueError: if the layers have no attention.

    Reference: our own definition; weights as in Vaswani et al. 2017, equation 1.
    """
    if not attends(architecture, config):
        raise ValueError(f"layers of {architecture.name} have no attention")

    def keep(_: Array, found: dict[decoder.Path, Array]) -> Any:
        return reduce(found[decoder.ATTENTION].astype(jnp.float32))

    return decoder.taps(architecture, config, versions, assignment, tokens, keep)
