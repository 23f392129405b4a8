"""Granularity: which weights share one range of levels."""

import dataclasses
import functools as ft
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import grids

Granularity = Literal["tensor", "channel", "group"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grouping:
    """How a matrix is divided into groups of weights that share a range.

    `tensor` is one group; `channel` is one group per output channel; `group` is runs
    of `group_size` consecutive input channels within one output channel, the last run
    being shorter where the size does not divide the width. Matrices are stored
    input-first (`y = x @ weight`), so output channels are on the last axis; in an
    embedding they are on axis 0. A vector is always one group.

    Raises:
        ValueError: if a field has none of the allowed values.
    """

    granularity: Granularity = "tensor"
    group_size: int = 128
    channel_axis: int = -1

    def __post_init__(self) -> None:
        """Checks the fields."""
        allowed = get_args(Granularity)
        if self.granularity not in allowed:
            raise ValueError(
                f"granularity must be one of {allowed}, got {self.granularity!r}"
            )
        if not isinstance(self.group_size, int) or self.group_size < 1:
            raise ValueError(
                f"group_size must be a positive integer, got {self.group_size!r}"
            )
        if self.channel_axis not in (-2, -1, 0, 1):
            raise ValueError(
                f"channel_axis must be an axis of a matrix, got {self.channel_axis!r}"
            )


def grouped(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"], grouping: Grouping
) -> Float[Array, "group value"]:
    """Lays the weights that share a range side by side.

    Definition: group `g` is row `g` of the result; short runs are filled up with 0,
    which `grids.extent` contains anyway and every range thus keeps its limits.

    Args:
        weight: a matrix, input-first, or a vector.
        grouping: which weights form a group.

    Raises:
        ValueError: if `weight` has neither one nor two axes.

    Reference: our own definition.
    """
    if weight.ndim not in (1, 2):
        raise ValueError(
            f"a weight must have one or two axes, got shape {weight.shape}; "
            "vmap over the others"
        )
    if weight.ndim == 1 or grouping.granularity == "tensor":
        return weight.reshape(1, -1)
    channels = jnp.moveaxis(weight, grouping.channel_axis, 0)
    if grouping.granularity == "channel":
        return channels
    size = min(grouping.group_size, channels.shape[1])
    missing = -channels.shape[1] % size
    return jnp.pad(channels, ((0, 0), (0, missing))).reshape(-1, size)


def ungrouped(
    groups: Float[Array, "group value"], shape: tuple[int, ...], grouping: Grouping
) -> Float[Array, "..."]:
    """Puts grouped weights back in their places.

    Definition: `ungrouped(grouped(weight, grouping), weight.shape, grouping)` is
    `weight`; what fills up short runs is dropped.

    Args:
        groups: weights as `grouped` lays them.
        shape: that of the weight.
        grouping: the one given to `grouped`.

    Reference: our own definition.
    """
    if len(shape) == 1 or grouping.granularity == "tensor":
        return groups.reshape(shape)
    n_channels = shape[grouping.channel_axis]
    width = shape[0] * shape[1] // n_channels
    channels = groups.reshape(n_channels, -1)[:, :width]
    return jnp.moveaxis(channels, 0, grouping.channel_axis)


def thresholds(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"], grouping: Grouping
) -> grids.Range:
    """Finds the range of every group of weights, clipping nothing.

    Formula: `grids.extent` of each group; the fields, and the property `threshold`,
    are arrays with one entry per group, in the order of `grouped`.

    Args:
        weight: a matrix, input-first, or a vector.
        grouping: which weights form a group.

    Raises: as `grouped`.

    Reference: as `grids.extent`.
    """
    return jax.vmap(grids.extent)(grouped(weight, grouping))


def round_groups(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
    grouping: Grouping,
) -> Float[Array, "..."]:
    """Rounds every group of weights to the levels of its own range.

    Formula: `grids.round_trip` of each group.

    Args:
        weight: a matrix, input-first, or a vector.
        limits: a range per group, in the order of `grouped`, in the unit of `weight`.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.
        grouping: which weights form a group.

    Raises:
        ValueError: as `grouped` and `grids.round_trip`.

    Reference: as `grids.round_trip`.
    """
    word = grids.word_length(bits)
    return _round_groups(weight, limits, word, grid=grid, grouping=grouping)


def quantize_weight(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"],
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
    grouping: Grouping,
    scale: Float[Array, ""] | float = 1.0,
) -> Float[Array, "..."]:
    """Rounds a weight to a grid whose ranges follow from the weight itself.

    Formula: `round_groups` with both limits of `thresholds` multiplied by `scale`.
    Layers stacked on a leading axis are the caller's `vmap`.

    Args:
        weight: a matrix, input-first, or a vector.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.
        grouping: which weights form a group.
        scale: fraction of the full range; 1 clips nothing, 0 gives 0.

    Raises: as `round_groups`.

    Reference: as `grids.round_trip`.
    """
    word, fraction = grids.word_length(bits), jnp.asarray(scale, weight.dtype)
    return _quantize_weight(weight, fraction, word, grid=grid, grouping=grouping)


@ft.partial(jax.jit, static_argnames=("grid", "grouping"))
def _round_groups(
    weight: Array,
    limits: grids.Range,
    word: Array,
    *,
    grid: grids.Grid,
    grouping: Grouping,
) -> Array:
    round_group = ft.partial(grids.round_trip, bits=word, grid=grid)
    rounded = jax.vmap(round_group)(grouped(weight, grouping), limits)
    return ungrouped(rounded, weight.shape, grouping)


@ft.partial(jax.jit, static_argnames=("grid", "grouping"))
def _quantize_weight(
    weight: Array, fraction: Array, word: Array, *, grid: grids.Grid, grouping: Grouping
) -> Array:
    limits = jax.tree.map(lambda limit: fraction * limit, thresholds(weight, grouping))
    return _round_groups(weight, limits, word, grid=grid, grouping=grouping)
