"""Where the engine's weights come from: every version kept, or made as needed.

Either way a layer is rounded when it is first asked for; what differs is how many are
kept. The ranges of its groups are found once, so that making it again is one pass over
its weights; full precision is not copied at all where it can be read in place.
"""

import dataclasses
import functools as ft
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import (
    Quantizer,
    Ranges,
    layer_ranges,
    quantize_layer,
    quantize_outside,
    touches_outside,
)
from jaxdisp.search.engine import Weights

KEPT = 4
"""Layers that are kept when they are rounded as needed: two threads, two versions."""


def needed_bytes(model: Model, quantizers: Sequence[Quantizer]) -> int:
    """Counts the bytes that copies of every version of every layer take at most.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Reference: our own definition.
    """
    return _bytes(model, quantizers, model.config.n_layers * (len(quantizers) + 1))


def kept_bytes(model: Model, quantizers: Sequence[Quantizer]) -> int:
    """Counts the bytes that weights made as needed take at most.

    Definition: `KEPT` layers, and what lies outside them once per quantizer that
    rounds any of it.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Reference: our own definition.
    """
    return _bytes(model, quantizers, KEPT)


def _bytes(model: Model, quantizers: Sequence[Quantizer], layers: int) -> int:
    of_layer, outside = (
        sum(
            math.prod(tensor.shape) * jnp.dtype(model.dtype).itemsize
            for tensor in model.architecture.tensors(model.config)
            if tensor.stacked == stacked
        )
        for stacked in (True, False)
    )
    versions = sum(touches_outside(model, quantizer) for quantizer in quantizers)
    return versions * outside + layers * of_layer


def copies(model: Model, quantizers: Sequence[Quantizer]) -> Weights:
    """Keeps every layer in every version that was asked for.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Raises:
        ValueError: if a quantizer does not fit the model.

    Reference: our own definition.
    """
    return _weights(model, quantizers, None)


def as_needed(model: Model, quantizers: Sequence[Quantizer]) -> Weights:
    """Keeps few layers and makes the others again, so that no second model is held.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Raises:
        ValueError: if a quantizer does not fit the model.

    Reference: our own definition.
    """
    return _weights(model, quantizers, KEPT)


def _weights(
    model: Model, quantizers: Sequence[Quantizer], kept: int | None
) -> Weights:
    # parameters are arguments: as constants they would be compiled into each program
    ranges = [jax.jit(ft.partial(_ranges, model, each)) for each in quantizers]
    rounded = [jax.jit(ft.partial(_rounded, model, each)) for each in quantizers]
    full = jax.jit(ft.partial(_full, jnp.dtype(model.dtype)))
    outside = [model.params["outside"]] + [
        quantize_outside(model, quantizer) for quantizer in quantizers
    ]
    blocks = model.params["blocks"]
    in_place = _in_place(model)

    @ft.cache
    def ranges_of(version: int, layer: int) -> Ranges:
        return ranges[version - 1](blocks, jnp.int32(layer))

    @ft.lru_cache(maxsize=kept)
    def made(version: int, layer: int) -> Any:
        if version == 0:
            return full(blocks, jnp.int32(layer))
        return rounded[version - 1](blocks, jnp.int32(layer), ranges_of(version, layer))

    def give(version: int, layer: int) -> Any:
        if layer < 0:
            return outside[version]
        if version == 0 and in_place:
            return _view(blocks, layer)
        return made(version, layer)

    return give


def _in_place(model: Model) -> bool:
    """Whether layers can be read where they are: in main memory, in the right type."""
    return jax.default_backend() == "cpu" and all(
        leaf.dtype == model.dtype for leaf in jax.tree.leaves(model.params["blocks"])
    )


def _view(blocks: Any, layer: int) -> Any:
    return jax.tree.map(
        lambda x: jax.device_put(np.asarray(x)[layer], may_alias=True), blocks
    )


def _full(dtype: Any, blocks: Any, layer: jax.Array) -> Any:
    return jax.tree.map(lambda x: x[layer].astype(dtype), blocks)


def _ranges(
    model: Model, quantizer: Quantizer, blocks: Any, layer: jax.Array
) -> Ranges:
    return layer_ranges(_with(model, blocks), quantizer, layer)


def _rounded(
    model: Model,
    quantizer: Quantizer,
    blocks: Any,
    layer: jax.Array,
    ranges: Ranges,
) -> Any:
    return quantize_layer(_with(model, blocks), quantizer, layer, ranges)


def _with(model: Model, blocks: Any) -> Model:
    params: decoder.Parameters = {"blocks": blocks}
    return dataclasses.replace(model, params=params)
