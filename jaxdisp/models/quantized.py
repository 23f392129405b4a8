"""Quantized copies of a model's parameters, equal in structure to the original."""

import dataclasses
import functools as ft
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Int

from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.quant import grids, rules
from jaxdisp.quant.granularity import Granularity, Grouping, round_groups

Included = Literal["matrices", "embeddings", "head", "all"]
ROLES: dict[str, frozenset[str]] = {
    "matrices": frozenset({"matrix"}),
    "embeddings": frozenset({"embedding"}),
    "head": frozenset({"head"}),
    "all": frozenset(
        {"matrix", "embedding", "head", "norm", "convolution", "recurrence"}
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quantizer:
    """How weights are rounded: word length, grid, who shares a range, which, and where.

    `clipping` is the rule of `quant.rules` that sets the ranges; `absmax` clips
    nothing. `group_size` counts input channels and matters for groups only. `include`
    names kinds of weights: `matrices` are those of the blocks, `all` is every weight
    but the biases, normalization gains included, as the research notes had it.
    """

    bits: int = 4
    grid: grids.Grid = "symmetric"
    granularity: Granularity = "tensor"
    group_size: int = 64
    include: tuple[Included, ...] = ("matrices",)
    clipping: rules.Rule = "absmax"


def is_included(tensor: decoder.Tensor, quantizer: Quantizer, *, tied: bool) -> bool:
    """Says whether a quantizer touches a parameter.

    Definition: whether the parameter's role is among those included. Where embedding
    and head are one tensor, including either means both, so both must be named.

    Args:
        tensor: the parameter.
        quantizer: what is included.
        tied: whether the head is the token embedding.

    Raises:
        ValueError: if only one of two tied tensors is named, or an unknown kind.

    Reference: our own definition.
    """
    unknown = [name for name in quantizer.include if name not in ROLES]
    if unknown:
        raise ValueError(
            f"include {', '.join(unknown)}: unknown; allowed: {', '.join(ROLES)}"
        )
    named = set(quantizer.include)
    if tied and "all" not in named and ("head" in named) != ("embeddings" in named):
        raise ValueError(
            "the head and the token embedding of this model are one tensor; include "
            "both (embeddings,head) or neither"
        )
    return any(tensor.role in ROLES[name] for name in named)


def check_quantizer(model: Model, quantizer: Quantizer) -> None:
    """Checks a quantizer against a model before any work is done.

    Args:
        model: an open model.
        quantizer: how to round, and what.

    Raises:
        ValueError: if an entry has none of the allowed values.

    Reference: our own definition.
    """
    grids.word_length(quantizer.bits)
    if quantizer.grid not in (known := get_args(grids.Grid)):
        raise ValueError(
            f"grid must be one of {', '.join(known)}, got {quantizer.grid}"
        )
    if quantizer.clipping not in (known := get_args(rules.Rule)):
        raise ValueError(
            f"clipping must be one of {', '.join(known)}, got {quantizer.clipping}"
        )
    Grouping(granularity=quantizer.granularity, group_size=quantizer.group_size)
    for tensor in model.architecture.tensors(model.config):
        is_included(tensor, quantizer, tied=model.config.tied)


Ranges = Mapping[decoder.Path, grids.Range]
"""Ranges by the path of a parameter: axes `layer` (if it is stacked) and `group`."""


def quantize(
    model: Model, quantizer: Quantizer, ranges: Ranges | None = None
) -> decoder.Parameters:
    """Returns the model's parameters with the included ones rounded to the grid.

    Definition: `grids.round_trip` group by group in float32, as the type that the model
    computes in; the others are the same arrays.

    Args:
        model: an open model.
        quantizer: how to round, and what.
        ranges: of some parameters, in place of those the quantizer's rule finds.

    Raises:
        ValueError: if the bits or the group size are out of range.

    Reference: our own definition.
    """
    given = {} if ranges is None else ranges
    return decoder.assemble(
        {
            tensor.path: _rounded(model, tensor, quantizer, given.get(tensor.path))
            for tensor in model.architecture.tensors(model.config)
        }
    )


def layer_ranges(
    model: Model, quantizer: Quantizer, layer: Int[ArrayLike, ""]
) -> dict[decoder.Path, grids.Range]:
    """Finds the ranges of one layer's parameters, of those that are included.

    Definition: layer `layer` of `tensor_ranges`, with that axis.

    Args:
        model: an open model.
        quantizer: how to round, and what.
        layer: its number, from 0.

    Raises:
        ValueError: if an entry of the quantizer has none of the allowed values.

    Reference: our own definition.
    """
    return {
        tensor.path: tensor_ranges(_of_layer(model, tensor, layer), tensor, quantizer)
        for tensor in _stacked(model)
        if is_included(tensor, quantizer, tied=model.config.tied)
    }


def quantize_layer(
    model: Model,
    quantizer: Quantizer,
    layer: Int[ArrayLike, ""],
    ranges: Ranges | None = None,
) -> dict[str, Any]:
    """Returns one layer's parameters, the included ones rounded to the grid.

    Definition: layer `layer` of what `quantize` returns under `blocks`, all in the type
    that the model computes in, without the memory of a second model.

    Args:
        model: an open model.
        quantizer: how to round, and what.
        layer: its number, from 0.
        ranges: as from `layer_ranges`; None finds them.

    Raises:
        ValueError: if the bits or the group size are out of range.

    Reference: our own definition.
    """
    if ranges is None:
        ranges = layer_ranges(model, quantizer, layer)
    leaves = {}
    for tensor in _stacked(model):
        value = _of_layer(model, tensor, layer)
        if tensor.path in ranges:
            value = round_tensor(value, tensor, quantizer, ranges[tensor.path])
        leaves[tensor.path] = value[0].astype(model.dtype)
    return decoder.assemble(leaves)["blocks"]


def _stacked(model: Model) -> list[decoder.Tensor]:
    return [t for t in model.architecture.tensors(model.config) if t.stacked]


def _of_layer(model: Model, tensor: decoder.Tensor, layer: Int[ArrayLike, ""]) -> Array:
    stacked = decoder.leaf(model.params, tensor.path)
    return jax.lax.dynamic_slice_in_dim(stacked, jnp.asarray(layer), 1)


def quantize_outside(model: Model, quantizer: Quantizer) -> dict[str, Any]:
    """Returns the parameters outside the layers, the included ones rounded.

    Definition: what `quantize` returns under `outside`.

    Args:
        model: an open model.
        quantizer: how to round, and what.

    Raises:
        ValueError: if the bits or the group size are out of range.

    Reference: our own definition.
    """
    return decoder.assemble(
        {
            tensor.path: _rounded(model, tensor, quantizer)
            for tensor in model.architecture.tensors(model.config)
            if not tensor.stacked
        }
    )["outside"]


def _rounded(
    model: Model,
    tensor: decoder.Tensor,
    quantizer: Quantizer,
    ranges: grids.Range | None = None,
) -> Array:
    value = decoder.leaf(model.params, tensor.path)
    if not is_included(tensor, quantizer, tied=model.config.tied):
        return value
    return round_tensor(value, tensor, quantizer, ranges).astype(model.dtype)


def touches_outside(model: Model, quantizer: Quantizer) -> bool:
    """Says whether a quantizer rounds anything outside the layers.

    Args:
        model: an open model.
        quantizer: how to round, and what.

    Reference: our own definition.
    """
    return any(
        not tensor.stacked and is_included(tensor, quantizer, tied=model.config.tied)
        for tensor in model.architecture.tensors(model.config)
    )


def grouping_of(tensor: decoder.Tensor, quantizer: Quantizer) -> Grouping:
    """Returns which weights of a parameter share a range.

    Args:
        tensor: the parameter.
        quantizer: how to round.

    Raises:
        ValueError: if the group size is out of range.

    Reference: our own definition.
    """
    return Grouping(
        granularity=quantizer.granularity,
        group_size=quantizer.group_size,
        channel_axis=tensor.channel_axis,
    )


def tensor_ranges(
    value: Array, tensor: decoder.Tensor, quantizer: Quantizer
) -> grids.Range:
    """Finds the ranges of one parameter by the quantizer's rule, each layer by itself.

    Args:
        value: the parameter, layers on axis 0 if it is stacked; taken as float32.
        tensor: its description.
        quantizer: how to round.

    Raises:
        ValueError: if an entry of the quantizer has none of the allowed values.

    Reference: as `rules.ranges`.
    """
    one = ft.partial(
        rules.ranges,
        bits=grids.word_length(quantizer.bits),
        rule=quantizer.clipping,
        grid=quantizer.grid,
        grouping=grouping_of(tensor, quantizer),
    )
    wide = value.astype(jnp.float32)
    return jax.vmap(one)(wide) if tensor.stacked else one(wide)


def round_tensor(
    value: Array,
    tensor: decoder.Tensor,
    quantizer: Quantizer,
    ranges: grids.Range | None = None,
) -> Array:
    """Rounds one parameter, each layer by itself, and returns it as float32.

    Args:
        value: the parameter, layers on axis 0 if it is stacked; taken as float32.
        tensor: its description.
        quantizer: how to round.
        ranges: as from `tensor_ranges`, which finds them if None.

    Raises:
        ValueError: if the bits or the group size are out of range.

    Reference: our own definition.
    """
    if ranges is None:
        ranges = tensor_ranges(value, tensor, quantizer)
    one = ft.partial(
        round_groups,
        bits=grids.word_length(quantizer.bits),
        grid=quantizer.grid,
        grouping=grouping_of(tensor, quantizer),
    )
    wide = value.astype(jnp.float32)
    return jax.vmap(one)(wide, ranges) if tensor.stacked else one(wide, ranges)
