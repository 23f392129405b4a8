"""What a layer and a readout cost: operations counted by XLA, and seconds."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.models import decoder
from jaxdisp.search import engine
from jaxdisp.search.passages import Passage


def flops(
    architecture: decoder.Architecture,
    config: Any,
    params: decoder.Parameters,
    shape: tuple[int, int],
    n_rows: int,
) -> tuple[float, float]:
    """Counts the operations of one layer, and of one readout, on a batch.

    Definition: XLA's count for the lowered programs: two per multiplication with
    addition, one for every other operation on a number.

    Args:
        architecture: the family.
        config: its configuration.
        params: whose shapes count.
        shape: sentences in the batch, and tokens in each, padding included.
        n_rows: places that are read out.

    Reference: our own definition.
    """

    def counted(function: Callable[..., Any], *operands: Any) -> float:
        found: Any = jax.jit(function).lower(*operands).cost_analysis()
        return float(found["flops"])

    def states(n_sentences: int, n_tokens: int) -> jax.ShapeDtypeStruct:
        sizes = (n_sentences, n_tokens, config.width)
        return jax.ShapeDtypeStruct(sizes, dtype)

    dtype = jax.tree.leaves(params["outside"])[0].dtype
    layer = jax.eval_shape(
        lambda p: jax.tree.map(lambda x: x[0].astype(dtype), p), params["blocks"]
    )
    index = jax.ShapeDtypeStruct((), jnp.int32)
    return counted(
        lambda layer, state, index: architecture.block(layer, state, index, config)[0],
        layer,
        states(*shape),
        index,
    ), counted(
        lambda outside, state: architecture.readout(outside, state, config),
        params["outside"],
        states(1, n_rows),
    )


def timed(
    prepared: engine.Engine, text: Passage, clock: Callable[[], float]
) -> tuple[float, float]:
    """Times one layer, and one readout, of a node on a batch, in seconds.

    Definition: the lesser of two calls after a first, as many nodes together as the
    engine takes, divided by their number.

    Args:
        prepared: the engine.
        text: the batch.
        clock: gives the time in seconds.

    Reference: our own definition.
    """
    together = engine.nodes_per_call(prepared.rows, text.tokens.size)
    args = (prepared.architecture, prepared.config, prepared.mesh)
    outside = prepared.weights(0, -1)
    states = (engine.embed(outside, text.tokens, *args),) * together

    def least(call: Callable[[], Any]) -> float:
        spent = []
        for _ in range(3):
            began = clock()
            jax.block_until_ready(call())
            spent.append(clock() - began)
        return min(spent[1:]) / together

    layer = prepared.weights(0, 0)
    return (
        least(lambda: engine.apply(layer, np.int32(0), states, *args)),
        least(lambda: engine.readout(outside, states, text.rows, text.targets, *args)),
    )
