"""Clipping a model for its languages: thresholds under the weights that each feels.

Every matrix of the layers is clipped by itself. A weight counts, for a language, by the
mean square of the input it is multiplied with (`activations`), the diagonal surrogate
of the output's error; the errors that are reported are those of the outputs, in full.
"""

import dataclasses
import functools as ft
from collections.abc import Iterator, Sequence
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.measure.activations import MeanSquares, SecondMoments
from jaxdisp.measure.cube import THREADS
from jaxdisp.models import decoder
from jaxdisp.models.model import Model, full_weight
from jaxdisp.models.quantized import Quantizer, Ranges, grouping_of, is_included
from jaxdisp.quant import fair_error, fair_noise, grids, shared_codes
from jaxdisp.quant.granularity import Grouping, grouped, ungrouped
from jaxdisp.quant.output_error import diagonal_output_error, output_error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean square of what rounding adds to a matrix's output, as a share of its own.

    `full` counts products of inputs, `diagonal` only their squares; by layer.
    """

    full: Float[np.ndarray, " layer"]
    diagonal: Float[np.ndarray, " layer"]


def clipped_tensors(model: Model, quantizer: Quantizer) -> tuple[decoder.Tensor, ...]:
    """Lists the matrices of the layers that a quantizer rounds.

    Args:
        model: an open model.
        quantizer: how to round, and what.

    Raises:
        ValueError: as `quantized.is_included`.

    Reference: our own definition.
    """
    return tuple(
        tensor
        for tensor in model.architecture.tensors(model.config)
        if tensor.stacked
        and tensor.role == "matrix"
        and is_included(tensor, quantizer, tied=model.config.tied)
    )


def felt_weights(
    weight: Float[Array, "input output"],
    squares: Float[Array, "language input"],
    grouping: Grouping,
) -> tuple[Float[Array, "group value"], Float[Array, "language group value"]]:
    """Lays out the weights by group, beside how strongly each language feels them.

    Args:
        weight: a matrix, input-first.
        squares: mean square of each input, by language.
        grouping: which weights share a range.

    Reference: our own definition.
    """

    def language(square: Array) -> Array:
        return grouped(jnp.broadcast_to(square[:, None], weight.shape), grouping)

    return grouped(weight, grouping), jax.vmap(language)(squares)


def clip(
    model: Model, quantizer: Quantizer, squares: MeanSquares, *, aim: fair_noise.Aim
) -> dict[decoder.Path, fair_noise.Fair]:
    """Finds thresholds for all languages at once, for every matrix of every layer.

    Definition: `fair_error.fair_ranges` of each matrix, under the exact error; fields
    carry the layers on axis 0.

    Args:
        model: an open model.
        quantizer: word length, grid and granularity; its own rule is not used.
        squares: as from `activations.mean_squares`.
        aim: what is minimised.

    Raises:
        ValueError: if the grid is `affine` or the aim unknown.

    Reference: our own definition.
    """
    return clip_for_aims(model, quantizer, squares, aims=(aim,))[aim]


def clip_for_aims(
    model: Model,
    quantizer: Quantizer,
    squares: MeanSquares,
    *,
    aims: Sequence[fair_noise.Aim],
) -> dict[fair_noise.Aim, dict[decoder.Path, fair_noise.Fair]]:
    """Finds thresholds for each of several aims, which takes less than one by one.

    Definition: `clip` for each aim.

    Args:
        model: an open model.
        quantizer: word length, grid and granularity; its own rule is not used.
        squares: as from `activations.mean_squares`.
        aims: what is minimised.

    Raises:
        ValueError: if the grid is `affine` or an aim unknown.

    Reference: as `fair_error.fair_ranges_of_aims`.
    """

    def one(tensor: decoder.Tensor) -> fair_noise.Fair:
        weight = full_weight(model, tensor.path)
        felt = jnp.asarray(squares[tensor.path], weight.dtype)
        return _clip(
            weight,
            jnp.swapaxes(felt, 0, 1),
            grids.word_length(quantizer.bits),
            grid=quantizer.grid,
            grouping=grouping_of(tensor, quantizer),
            aims=tuple(aims),
        )

    tensors = clipped_tensors(model, quantizer)
    # a second matrix fills the moments in which XLA works on one core
    with futures.ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(one, tensors))
    return {
        aim: {
            tensor.path: jax.tree.map(lambda leaf, at=place: leaf[:, at], fair)
            for tensor, fair in zip(tensors, found, strict=True)
        }
        for place, aim in enumerate(aims)
    }


@ft.partial(jax.jit, static_argnames=("grid", "grouping", "aims"))
def _clip(
    weight: Array,
    squares: Array,
    bits: Array,
    *,
    grid: grids.Grid,
    grouping: Grouping,
    aims: tuple[fair_noise.Aim, ...],
) -> fair_noise.Fair:
    def layer(each: tuple[Array, Array]) -> fair_noise.Fair:
        x, felt = felt_weights(*each, grouping)
        return fair_error.fair_ranges_of_aims(x, felt, bits, aims=aims, grid=grid)

    return jax.lax.map(layer, (weight, squares))


def ranges_of(found: dict[decoder.Path, fair_noise.Fair]) -> Ranges:
    """Returns the ranges that thresholds mean, for `models.quantize`.

    Args:
        found: as from `clip`.

    Reference: our own definition.
    """
    return {
        path: jax.vmap(jax.vmap(grids.within))(fair.thresholds)
        for path, fair in found.items()
    }


def shared_code_versions(
    model: Model,
    quantizer: Quantizer,
    rounded: decoder.Parameters,
    squares: MeanSquares,
) -> Iterator[decoder.Parameters]:
    """Makes each language's parameters from shared codes and scales of its own.

    Definition: `shared_codes.language_scales` by matrix, layer and group, times the
    rounded weights; everything else is shared.

    Args:
        model: an open model.
        quantizer: as the codes were made.
        rounded: the shared parameters.
        squares: as from `activations.mean_squares`.

    Yields:
        The parameters, in the order of the languages of `squares`.

    Reference: our own definition.
    """
    tensors = model.architecture.tensors(model.config)
    scaled = {tensor.path for tensor in clipped_tensors(model, quantizer)}
    n_languages = len(next(iter(squares.values())))
    for language in range(n_languages):
        leaves = {}
        for tensor in tensors:
            value = decoder.leaf(rounded, tensor.path)
            if tensor.path in scaled:
                full = full_weight(model, tensor.path)
                felt = jnp.asarray(squares[tensor.path][language], full.dtype)
                grouping = grouping_of(tensor, quantizer)
                wide = value.astype(full.dtype)
                own = _scaled(full, wide, felt, grouping=grouping)
                value = own.astype(value.dtype)
            leaves[tensor.path] = value
        yield decoder.assemble(leaves)


@ft.partial(jax.jit, static_argnames="grouping")
def _scaled(
    full: Array, rounded: Array, squares: Array, *, grouping: Grouping
) -> Array:
    def layer(full: Array, rounded: Array, square: Array) -> Array:
        x, felt = felt_weights(full, square[None], grouping)
        shared = grouped(rounded, grouping)
        scale = shared_codes.language_scales(x, shared, felt[0])
        return ungrouped(shared * scale[:, None], full.shape, grouping)

    return jax.vmap(layer)(full, rounded, squares)


def output_errors(
    model: Model,
    versions: Sequence[decoder.Parameters],
    moments: SecondMoments,
) -> dict[decoder.Path, list[Errors]]:
    """Measures what rounding adds to the output of every matrix, for one language.

    Definition: `tr(C^T S C) / tr(W^T S W)` and its diagonal surrogate, `S` the second
    moment of the inputs, `C` the change of the weights `W`; 0 where nothing is put out.

    Args:
        model: an open model.
        versions: rounded parameters.
        moments: of one language, as from `activations.second_moments`.

    Returns:
        By the matrix's path, an entry per version.

    Reference: our own definition.
    """
    found = {}
    for path, second in moments.items():
        full = full_weight(model, path)
        felt = jnp.asarray(second, full.dtype)
        energy = [np.asarray(part) for part in _output_errors(full, felt)]
        entries = []
        for version in versions:
            change = decoder.leaf(version, path).astype(full.dtype) - full
            lost = [np.asarray(part) for part in _output_errors(change, felt)]
            whole, diagonal = (
                np.divide(part, all_of_it, out=np.zeros_like(part), where=all_of_it > 0)
                for part, all_of_it in zip(lost, energy, strict=True)
            )
            entries.append(Errors(full=whole, diagonal=diagonal))
        found[path] = entries
    return found


@jax.jit
def _output_errors(change: Array, second: Array) -> tuple[Array, Array]:
    square = jnp.diagonal(second, axis1=1, axis2=2)
    with jax.default_matmul_precision("float32"):
        full = jax.vmap(output_error)(change, second)
    return full, jax.vmap(diagonal_output_error)(change, square)
