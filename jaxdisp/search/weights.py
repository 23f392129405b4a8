"""Where the engine's weights come from: copies of every version, or made as needed."""

import dataclasses
import functools as ft
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxdisp.models.model import Model
from jaxdisp.models.quantized import (
    Quantizer,
    quantize,
    quantize_layer,
    quantize_outside,
    touches_outside,
)
from jaxdisp.search.engine import Weights

KEPT = 4
"""Layers that are kept when they are rounded as needed: two threads, two versions."""


def needed_bytes(model: Model, quantizers: Sequence[Quantizer]) -> int:
    """Counts the bytes that copies of every version of every layer take.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Reference: our own definition.
    """
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(model.params))
    return size * (len(quantizers) + 1)


def kept_bytes(model: Model, quantizers: Sequence[Quantizer]) -> int:
    """Counts the bytes that weights made as needed take at most.

    Definition: `KEPT` layers, and what lies outside them once per quantizer that
    rounds any of it.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Reference: our own definition.
    """
    outside, blocks = (
        sum(leaf.nbytes for leaf in jax.tree.leaves(model.params[room]))
        for room in ("outside", "blocks")
    )
    versions = sum(touches_outside(model, quantizer) for quantizer in quantizers)
    return versions * outside + KEPT * blocks // model.config.n_layers


def copies(model: Model, quantizers: Sequence[Quantizer]) -> Weights:
    """Rounds the whole model with every quantizer and cuts it into layers.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Raises:
        ValueError: if a quantizer does not fit the model.

    Reference: our own definition.
    """
    cut = jax.jit(lambda blocks, layer: jax.tree.map(lambda x: x[layer], blocks))
    held = {}
    for version, quantizer in enumerate((None, *quantizers)):
        params = model.params if quantizer is None else quantize(model, quantizer)
        held[version, -1] = params["outside"]
        for layer in range(model.config.n_layers):
            held[version, layer] = cut(params["blocks"], jnp.int32(layer))
    return lambda version, layer: held[version, layer]


def as_needed(model: Model, quantizers: Sequence[Quantizer]) -> Weights:
    """Rounds a layer when it is asked for, so that no second model is held.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...

    Raises:
        ValueError: if a quantizer does not fit the model.

    Reference: our own definition.
    """
    # parameters are arguments: as constants they would be compiled into each program
    functions = [
        jax.jit(lambda params, layer: jax.tree.map(lambda x: x[layer], params))
    ] + [jax.jit(ft.partial(_rounded, model, quantizer)) for quantizer in quantizers]
    outside = [model.params["outside"]] + [
        quantize_outside(model, quantizer) for quantizer in quantizers
    ]

    @ft.lru_cache(maxsize=KEPT)
    def made(version: int, layer: int) -> object:
        return functions[version](model.params["blocks"], jnp.int32(layer))

    return lambda version, layer: (
        outside[version] if layer < 0 else made(version, layer)
    )


def _rounded(
    model: Model, quantizer: Quantizer, blocks: object, layer: jax.Array
) -> object:
    return quantize_layer(
        dataclasses.replace(model, params={"blocks": blocks}), quantizer, layer
    )
